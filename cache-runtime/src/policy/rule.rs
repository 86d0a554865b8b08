//! One rule: its fields, how they are written, and what is wrong with a value.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::{duration, suggest};
use crate::clock;

/// What is said of a function or of a key prefix. A field that says nothing leaves the declaration as it is, or what a
/// weaker rule says.
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::policy::Rule;
///
/// let rule = Rule::new().scaled(0.5).local(Duration::from_secs(1)).percent(25.0);
/// assert_eq!(rule.to_string(), r#"ttl = "x0.5", local = "1s", percent = 25"#);
/// ```
///
/// As JSON, and in the file, its fields are written as they are shown there; `Rule` is `Deserialize`:
///
/// ```
/// # #[cfg(feature = "json")] {
/// use cache_runtime::policy::Rule;
///
/// let rule: Rule = serde_json::from_str(r#"{"enabled": false, "ttl": "5m"}"#).unwrap();
/// assert_eq!(rule.enabled, Some(false));
/// let wrong = serde_json::from_str::<Rule>(r#"{"percnt": 5}"#).unwrap_err();
/// assert!(wrong.to_string().contains("did you mean `percent`?"));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Rule {
    /// Whether entries are read and stored. Off, each call runs its function.
    pub enabled: Option<bool>,
    /// How long entries live, counted from when they were loaded.
    pub ttl: Option<Ttl>,
    /// How long they are kept in process over Redis.
    pub local: Option<Local>,
    /// For how many of all keys, from 0 to 100, entries are read and stored. Which these are is told by a hash of the key: the
    /// same in each process, and those that were in stay in as the number grows.
    pub percent: Option<f64>,
}

/// A lifetime, as a rule gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ttl {
    /// `ttl = "5m"`: so long. A `None` lives for what is declared as its `negative_ttl`, and not longer than this.
    Fixed(Duration),
    /// `ttl = "x0.5"`: so many times what is declared, and of a `negative_ttl`.
    Scaled(f64),
}

/// The lifetime in process over Redis, as a rule gives it. A cache without a server has no such tier, and does not look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// `local = false`: not at all.
    Off,
    /// `local = "5s"`: at most so long.
    For(Duration),
}

/// The fields, in the order in which they are written.
pub(super) const FIELDS: [&str; 4] = ["enabled", "ttl", "local", "percent"];

/// A value as a file or a request gives it.
pub(super) enum Given<'a> {
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// Of another kind, by its name.
    #[cfg_attr(not(feature = "policy"), expect(dead_code, reason = "only a file gives it"))]
    Else(&'static str),
}

/// What is wrong, and what to type instead, where that is plain.
#[derive(Debug, PartialEq)]
pub(super) struct Mistake {
    pub(super) problem: String,
    pub(super) help: Option<String>,
}

impl Mistake {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Of a name that is not one of `known`.
    pub(super) fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Self {
        let mistake = Self::new(format!("there is no {what} `{name}`"));
        match suggest::closest(name, known.clone()) {
            Some(meant) => mistake.help(format!("did you mean `{meant}`?")),
            None => {
                let all: Vec<String> = known.into_iter().map(|known| format!("`{known}`")).collect();
                if all.is_empty() || all.len() > 8 {
                    mistake
                } else {
                    mistake.help(format!("there are {}", all.join(", ")))
                }
            }
        }
    }
}

/// `percent = 101: more than there are; type percent = 100`
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

impl Rule {
    /// Says nothing.
    pub const fn new() -> Self {
        Self { enabled: None, ttl: None, local: None, percent: None }
    }

    /// Whether entries are read and stored.
    #[must_use]
    pub const fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = Some(enabled);
        self
    }

    /// Entries live so long.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(Ttl::Fixed(ttl));
        self
    }

    /// Entries live so many times as long as declared.
    #[must_use]
    pub const fn scaled(mut self, factor: f64) -> Self {
        self.ttl = Some(Ttl::Scaled(factor));
        self
    }

    /// Entries are kept in process over Redis for at most so long.
    #[must_use]
    pub const fn local(mut self, ttl: Duration) -> Self {
        self.local = Some(Local::For(ttl));
        self
    }

    /// Entries are not kept in process over Redis.
    #[must_use]
    pub const fn without_local(mut self) -> Self {
        self.local = Some(Local::Off);
        self
    }

    /// Entries are read and stored for so many of all keys.
    #[must_use]
    pub const fn percent(mut self, percent: f64) -> Self {
        self.percent = Some(percent);
        self
    }

    /// Whether it says nothing at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::new()
    }

    /// What both say; where they say different things, what `self` says.
    pub(super) fn over(self, weaker: Self) -> Self {
        Self {
            enabled: self.enabled.or(weaker.enabled),
            ttl: self.ttl.or(weaker.ttl),
            local: self.local.or(weaker.local),
            percent: self.percent.or(weaker.percent),
        }
    }

    /// Whether a value is in its limits, which those given as text are when they have been read.
    pub(super) fn check(&self) -> Result<(), Mistake> {
        if let Some(percent) = self.percent {
            check_percent(percent)?;
        }
        match (self.ttl, self.local) {
            (Some(Ttl::Scaled(factor)), _) => check_factor(factor),
            (Some(Ttl::Fixed(Duration::ZERO)), _) => Err(ttl_of_zero()),
            (_, Some(Local::For(Duration::ZERO))) => Err(local_of_zero()),
            _ => Ok(()),
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

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(ttl) => f.write_str(&duration::spell(clock::millis(*ttl))),
            Self::Scaled(factor) => write!(f, "x{factor}"),
        }
    }
}

/// As in the file, without braces; empty if it says nothing.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.local.map(|local| match local {
            Local::Off => "false".to_owned(),
            Local::For(ttl) => format!("\"{}\"", duration::spell(clock::millis(ttl))),
        });
        let fields = [
            self.enabled.map(|enabled| format!("enabled = {enabled}")),
            self.ttl.map(|ttl| format!("ttl = \"{ttl}\"")),
            local.map(|local| format!("local = {local}")),
            self.percent.map(|percent| format!("percent = {percent}")),
        ];
        f.write_str(&fields.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

#[cfg(feature = "json")]
impl serde::Serialize for Rule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(None)?;
        if let Some(enabled) = self.enabled {
            map.serialize_entry("enabled", &enabled)?;
        }
        if let Some(ttl) = self.ttl {
            map.serialize_entry("ttl", &ttl.to_string())?;
        }
        match self.local {
            Some(Local::Off) => map.serialize_entry("local", &false)?,
            Some(Local::For(ttl)) => map.serialize_entry("local", &duration::spell(clock::millis(ttl)))?,
            None => {}
        }
        if let Some(percent) = self.percent {
            map.serialize_entry("percent", &percent)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Rule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rule: `enabled`, `ttl`, `local`, `percent`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rule, A::Error> {
        let mut rule = Rule::new();
        while let Some((field, given)) = map.next_entry::<String, Option<Given<'static>>>()? {
            // `null` says nothing.
            if let Some(given) = given {
                rule.set(&field, given).map_err(de::Error::custom)?;
            }
        }
        Ok(rule)
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
            Rule::new().percent(100.1),
            Rule::new().percent(f64::NAN),
        ] {
            assert!(rule.check().is_err(), "{rule}");
        }
    }
}
