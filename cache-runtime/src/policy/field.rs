//! The fields of a rule as they are given, by a file, a request or a program, and what is wrong with a value.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Visitor};

use super::duration;
use super::rule::{Local, Rule, Ttl};
use crate::mistake::Mistake;

/// The fields, in the order in which they are written.
pub(super) const FIELDS: [&str; 4] = ["enabled", "ttl", "local", "percent"];

/// A value as a file or a request gives it.
pub(super) enum Given<'a> {
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// Of another kind, by its name.
    #[cfg_attr(not(any(feature = "policy", test)), expect(dead_code, reason = "only a file gives it"))]
    Else(&'static str),
}

impl Rule {
    /// Whether a value is in its limits, which those given as text are when they have been read.
    pub(super) fn check(&self) -> Result<(), Mistake> {
        if let Some(percent) = self.percent {
            check_percent(percent)?;
        }
        match self.ttl {
            Some(Ttl::Scaled(factor)) => check_factor(factor)?,
            Some(Ttl::Fixed(Duration::ZERO)) => return Err(ttl_of_zero()),
            Some(Ttl::Fixed(_)) | None => {}
        }
        match self.local {
            Some(Local::For(Duration::ZERO)) => Err(local_of_zero()),
            Some(Local::For(_) | Local::Off) | None => Ok(()),
        }
    }

    /// Takes in one field.
    pub(super) fn set(&mut self, field: &str, given: Given<'_>) -> Result<(), Mistake> {
        match field {
            "enabled" => self.enabled = Some(boolean("enabled", &given)?),
            "ttl" => self.ttl = Some(ttl(given)?),
            "local" => self.local = Some(local(given)?),
            "percent" => self.percent = Some(percent(&given)?),
            _ => return Err(Mistake::unknown("field", field, FIELDS)),
        }
        Ok(())
    }
}

pub(super) fn boolean(field: &str, given: &Given<'_>) -> Result<bool, Mistake> {
    match given {
        Given::Bool(value) => Ok(*value),
        Given::Text(text) if ["true", "false"].contains(&&**text) => {
            Err(Mistake::new(format!("`{field}` is a text")).help(format!("without quotes: {field} = {text}")))
        }
        given => {
            Err(Mistake::new(format!("`{field}` is {}", kind(given)))
                .help(format!("{field} = true or {field} = false")))
        }
    }
}

fn ttl(given: Given<'_>) -> Result<Ttl, Mistake> {
    match given {
        Given::Text(text) => match text.trim().strip_prefix(['x', 'X', '*', '×']) {
            Some(factor) => {
                let factor = factor.trim();
                let read = factor.parse::<f64>().ok();
                let read = read.ok_or_else(|| {
                    Mistake::new(format!("`{text}` is no multiple")).help("ttl = \"x0.5\" for half of what is declared")
                })?;
                check_factor(read)?;
                Ok(Ttl::Scaled(read))
            }
            None => text_duration("ttl", &text).map(Ttl::Fixed),
        },
        Given::Number(seconds) => number_duration("ttl", seconds).map(Ttl::Fixed),
        given => Err(Mistake::new(format!("`ttl` is {}", kind(&given))).help("ttl = \"5m\", or ttl = \"x0.5\"")),
    }
}

fn local(given: Given<'_>) -> Result<Local, Mistake> {
    match given {
        Given::Bool(false) => Ok(Local::Off),
        Given::Bool(true) => {
            Err(Mistake::new("`local = true` says nothing").help("leave it out, or say how long: local = \"5s\""))
        }
        Given::Text(text) => text_duration("local", &text).map(Local::For),
        Given::Number(seconds) => number_duration("local", seconds).map(Local::For),
        given => Err(Mistake::new(format!("`local` is {}", kind(&given))).help("local = \"5s\", or local = false")),
    }
}

fn percent(given: &Given<'_>) -> Result<f64, Mistake> {
    match given {
        Given::Number(percent) => check_percent(*percent).map(|()| *percent),
        Given::Text(text) => {
            let number = text.trim().trim_end_matches('%').trim();
            let mistake = Mistake::new("`percent` is a text");
            Err(match number.parse::<f64>() {
                Ok(_) => mistake.help(format!("percent = {number}")),
                Err(_) => mistake.help("a number from 0 to 100: percent = 25"),
            })
        }
        given => {
            Err(Mistake::new(format!("`percent` is {}", kind(given))).help("a number from 0 to 100: percent = 25"))
        }
    }
}

fn check_percent(percent: f64) -> Result<(), Mistake> {
    if (0.0..=100.0).contains(&percent) {
        return Ok(());
    }
    let mistake = Mistake::new(format!("percent = {percent} is not between 0 and 100"));
    Err(if percent > 100.0 { mistake.help("percent = 100 for all keys") } else { mistake.help("percent = 0 for none") })
}

fn check_factor(factor: f64) -> Result<(), Mistake> {
    // More is a slip, and no lifetime.
    if factor > 0.0 && factor <= 1e6 {
        return Ok(());
    }
    if factor == 0.0 {
        return Err(ttl_of_zero());
    }
    Err(Mistake::new(format!("ttl = \"x{factor}\" is no lifetime")).help("ttl = \"x0.5\" for half of what is declared"))
}

fn ttl_of_zero() -> Mistake {
    Mistake::new("a ttl of zero keeps nothing").help("to switch the cache off: enabled = false")
}

fn local_of_zero() -> Mistake {
    Mistake::new("`local` is zero").help("to keep nothing in process: local = false")
}

fn zero(field: &str) -> Mistake {
    if field == "ttl" { ttl_of_zero() } else { local_of_zero() }
}

fn text_duration(field: &str, text: &str) -> Result<Duration, Mistake> {
    use duration::Mistake as Wrong;
    let typed = |suggestion: &str| format!("{field} = \"{suggestion}\"");
    let no_duration = || Mistake::new(format!("`{text}` is no duration"));
    duration::parse(text).map(Duration::from_millis).map_err(|wrong| match wrong {
        Wrong::Zero => zero(field),
        Wrong::TooLong => Mistake::new(format!("`{text}` is more than a hundred years")),
        Wrong::NoUnit { suggestion }
        | Wrong::Negative { suggestion }
        | Wrong::Space { suggestion }
        | Wrong::Order { suggestion } => no_duration().help(typed(&suggestion)),
        Wrong::UnknownUnit { suggestion: Some(meant), .. } | Wrong::Fraction { suggestion: Some(meant) } => {
            no_duration().help(typed(&meant))
        }
        Wrong::UnknownUnit { unit, .. } => Mistake::new(format!("`{text}`: there is no unit `{unit}`"))
            .help("units are ms, s, m, h, d and w: \"1h30m\""),
        Wrong::Fraction { .. } | Wrong::NoNumber => no_duration().help(typed("5m")),
    })
}

/// Seconds, as the macros read a number.
fn number_duration(field: &str, seconds: f64) -> Result<Duration, Mistake> {
    if seconds == 0.0 {
        return Err(zero(field));
    }
    let read = Duration::try_from_secs_f64(seconds);
    let read = read
        .map_err(|_| Mistake::new(format!("{field} = {seconds} is no duration")).help(format!("{field} = \"5m\"")))?;
    if read.as_millis() >= u128::from(duration::LONGEST_MS) {
        return Err(Mistake::new(format!("{field} = {seconds} is more than a hundred years")));
    }
    Ok(read)
}

fn kind(given: &Given<'_>) -> &'static str {
    match given {
        Given::Bool(_) => "true or false",
        Given::Number(_) => "a number",
        Given::Text(_) => "a text",
        Given::Else(kind) => kind,
    }
}

impl<'de> Deserialize<'de> for Given<'static> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Given<'static>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false, a number or a text")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Given::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Given::Number(value as f64))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Given::Number(value as f64))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Given::Number(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Given::Text(Cow::Owned(value.to_owned())))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Given<'_> {
        Given::Text(Cow::Borrowed(value))
    }

    fn set(field: &str, given: Given<'_>) -> Result<Rule, String> {
        let mut rule = Rule::new();
        rule.set(field, given).map(|()| rule).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn fields_are_read_as_they_are_written() {
        for (field, given, written) in [
            ("enabled", Given::Bool(false), "enabled = false"),
            ("ttl", text("1h30m"), "ttl = \"1h30m\""),
            ("ttl", Given::Number(90.0), "ttl = \"1m30s\""),
            ("ttl", text("x0.5"), "ttl = \"x0.5\""),
            ("ttl", text(" x 2"), "ttl = \"x2\""),
            ("local", Given::Bool(false), "local = false"),
            ("local", text("5s"), "local = \"5s\""),
            ("percent", Given::Number(0.5), "percent = 0.5"),
            ("percent", Given::Number(0.0), "percent = 0"),
        ] {
            let rule = set(field, given).expect(written);
            assert_eq!(rule.to_string(), written);
            rule.check().expect(written);
        }
        assert_eq!(Rule::new().to_string(), "");
    }

    #[test]
    fn each_mistake_says_what_to_type() {
        for (field, given, says) in [
            ("enabeld", Given::Bool(true), "there is no field `enabeld`; did you mean `enabled`?"),
            ("colour", Given::Bool(true), "there is no field `colour`; there are `enabled`, `ttl`, `local`, `percent`"),
            ("enabled", text("false"), "`enabled` is a text; without quotes: enabled = false"),
            ("enabled", Given::Number(0.0), "`enabled` is a number; enabled = true or enabled = false"),
            ("ttl", text("0s"), "a ttl of zero keeps nothing; to switch the cache off: enabled = false"),
            ("ttl", Given::Number(0.0), "a ttl of zero keeps nothing; to switch the cache off: enabled = false"),
            ("ttl", text("x0"), "a ttl of zero keeps nothing; to switch the cache off: enabled = false"),
            ("ttl", text("x-1"), "ttl = \"x-1\" is no lifetime; ttl = \"x0.5\" for half of what is declared"),
            ("ttl", text("xNaN"), "ttl = \"xNaN\" is no lifetime; ttl = \"x0.5\" for half of what is declared"),
            ("ttl", text("x"), "`x` is no multiple; ttl = \"x0.5\" for half of what is declared"),
            ("ttl", text("5min"), "`5min` is no duration; ttl = \"5m\""),
            ("ttl", text("5y1"), "`5y1`: there is no unit `y`; units are ms, s, m, h, d and w: \"1h30m\""),
            ("ttl", Given::Number(-1.0), "ttl = -1 is no duration; ttl = \"5m\""),
            ("ttl", Given::Number(1e30), "ttl = 1000000000000000000000000000000 is no duration; ttl = \"5m\""),
            ("ttl", Given::Number(1e10), "ttl = 10000000000 is more than a hundred years"),
            ("ttl", Given::Else("a table"), "`ttl` is a table; ttl = \"5m\", or ttl = \"x0.5\""),
            ("local", Given::Bool(true), "`local = true` says nothing; leave it out, or say how long: local = \"5s\""),
            ("local", text("0s"), "`local` is zero; to keep nothing in process: local = false"),
            ("percent", Given::Number(101.0), "percent = 101 is not between 0 and 100; percent = 100 for all keys"),
            ("percent", Given::Number(-1.0), "percent = -1 is not between 0 and 100; percent = 0 for none"),
            ("percent", text("25%"), "`percent` is a text; percent = 25"),
            ("percent", text("some"), "`percent` is a text; a number from 0 to 100: percent = 25"),
        ] {
            assert_eq!(set(field, given).expect_err(says), says);
        }
    }

    #[test]
    fn what_a_program_gives_is_checked_too() {
        for rule in [
            Rule::new().ttl(Duration::ZERO),
            Rule::new().scaled(0.0),
            Rule::new().scaled(f64::INFINITY),
            Rule::new().local(Duration::ZERO),
            Rule::new().scaled(0.5).local(Duration::ZERO),
            Rule::new().percent(100.1),
            Rule::new().percent(f64::NAN),
        ] {
            assert!(rule.check().is_err(), "{rule}");
        }
    }
}
