//! Durations as text: `250ms`, `10s`, `1h30m`.

/// A unit and its milliseconds, longest first.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// What people type instead of a unit. Months and years are no fixed number of milliseconds.
const SPELLINGS: [(&str, &[&str]); 6] = [
    ("w", &["wk", "week", "weeks"]),
    ("d", &["day", "days"]),
    ("h", &["hr", "hrs", "hour", "hours"]),
    ("m", &["min", "mins", "minute", "minutes"]),
    ("s", &["sec", "secs", "second", "seconds"]),
    ("ms", &["msec", "millis", "millisecond", "milliseconds"]),
];

/// The longest lifetime, a hundred years: more is a slip, and servers reject what overflows.
pub(crate) const LONGEST_MS: u64 = 100 * 365 * 24 * 60 * 60 * 1000;

/// Why a text is not a duration, with what to type instead where that is plain.
#[derive(Debug, PartialEq)]
pub(crate) enum Mistake {
    /// `""`, `"ten minutes"`: no number where one belongs.
    NoNumber,
    /// `"10"`: a number without a unit.
    NoUnit { suggestion: String },
    /// `"10min"`, `"1y"`.
    UnknownUnit { unit: String, suggestion: Option<String> },
    /// `"1.5h"`.
    Fraction { suggestion: Option<String> },
    /// `"-5s"`.
    Negative { suggestion: String },
    /// `"10 m"`.
    Space { suggestion: String },
    /// `"30m1h"`, `"1h1h"`.
    Order { suggestion: String },
    /// `"0s"`.
    Zero,
    /// More than [`LONGEST_MS`].
    TooLong,
}

/// Milliseconds of `text`.
pub(crate) fn parse(text: &str) -> Result<u64, Mistake> {
    if let Some(positive) = text.trim().strip_prefix('-') {
        parse(positive)?;
        return Err(Mistake::Negative { suggestion: positive.to_owned() });
    }
    let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let total = parse_packed(&packed)?;
    if packed != text {
        return Err(Mistake::Space { suggestion: packed });
    }
    Ok(total)
}

fn parse_packed(text: &str) -> Result<u64, Mistake> {
    let mut rest = text;
    let (mut total, mut last, mut ordered) = (0u64, u64::MAX, true);
    while !rest.is_empty() || last == u64::MAX {
        let (number, after) = split(rest, |c| c.is_ascii_digit());
        if number.is_empty() {
            return Err(Mistake::NoNumber);
        }
        if let Some(fraction) = after.strip_prefix('.') {
            return Err(fraction_mistake(number, fraction));
        }
        let (unit, after) = split(after, |c| !c.is_ascii_digit());
        let Some((_, ms)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(unit_mistake(number, unit, after.is_empty() && rest == text));
        };
        ordered &= *ms < last;
        last = *ms;
        rest = after;
        total = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*ms))
            .and_then(|part| total.checked_add(part))
            .ok_or(Mistake::TooLong)?;
    }
    in_range(total)?;
    if !ordered {
        return Err(Mistake::Order { suggestion: spell(total) });
    }
    Ok(total)
}

/// Rejects what no entry can live for.
pub(crate) fn in_range(ms: u64) -> Result<u64, Mistake> {
    match ms {
        0 => Err(Mistake::Zero),
        LONGEST_MS.. => Err(Mistake::TooLong),
        ms => Ok(ms),
    }
}

/// `5400000` as `1h30m`.
pub(crate) fn spell(ms: u64) -> String {
    let mut rest = ms;
    let mut text = String::new();
    for (unit, size) in UNITS {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    text
}

fn split(text: &str, matching: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !matching(c)).unwrap_or(text.len()))
}

fn unit_mistake(number: &str, unit: &str, alone: bool) -> Mistake {
    if unit.is_empty() {
        return Mistake::NoUnit { suggestion: format!("{number}s") };
    }
    let lower = unit.to_lowercase();
    let known = SPELLINGS
        .iter()
        .find(|(name, others)| *name == lower || others.contains(&lower.as_str()))
        .map(|(name, _)| format!("{number}{name}"));
    let days = |each: u64| {
        let number = number.parse::<u64>().ok()?;
        Some(format!("{}d", number.checked_mul(each)?))
    };
    let suggestion = known.or_else(|| match lower.as_str() {
        "mo" | "month" | "months" => days(30),
        "y" | "yr" | "year" | "years" => days(365),
        _ => None,
    });
    Mistake::UnknownUnit { unit: unit.to_owned(), suggestion: suggestion.filter(|_| alone) }
}

fn fraction_mistake(number: &str, fraction: &str) -> Mistake {
    let (digits, unit) = split(fraction, |c| c.is_ascii_digit());
    let total = || {
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let whole = number.parse::<u64>().ok()?.checked_mul(*size)?;
        let parts = digits.parse::<u64>().ok()?.checked_mul(*size)?;
        let scale = 10u64.checked_pow(u32::try_from(digits.len()).ok()?)?;
        Some(spell(whole.checked_add(parts / scale)?)).filter(|text| !text.is_empty())
    };
    Mistake::Fraction { suggestion: total() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn durations_are_read() {
        for (text, ms) in [
            ("250ms", 250),
            ("10s", 10_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1w", 604_800_000),
            ("1h30m", 5_400_000),
            ("1m500ms", 60_500),
        ] {
            assert_eq!(parse(text), Ok(ms), "{text}");
            assert_eq!(spell(ms), text);
        }
        assert_eq!(spell(90_000), "1m30s");
    }

    #[test]
    fn mistakes_say_what_to_type() {
        let suggestion = |text: &str| text.to_owned();
        assert_eq!(parse(""), Err(Mistake::NoNumber));
        assert_eq!(parse("soon"), Err(Mistake::NoNumber));
        assert_eq!(parse("10"), Err(Mistake::NoUnit { suggestion: suggestion("10s") }));
        assert_eq!(parse("1.5h"), Err(Mistake::Fraction { suggestion: some("1h30m") }));
        assert_eq!(parse("-5s"), Err(Mistake::Negative { suggestion: suggestion("5s") }));
        assert_eq!(parse("10 m"), Err(Mistake::Space { suggestion: suggestion("10m") }));
        assert_eq!(parse("30m1h"), Err(Mistake::Order { suggestion: suggestion("1h30m") }));
        assert_eq!(parse("1h1h"), Err(Mistake::Order { suggestion: suggestion("2h") }));
    }

    #[test]
    fn units_are_guessed() {
        for (text, unit, meant) in [
            ("10min", "min", some("10m")),
            ("10 minutes", "minutes", some("10m")),
            ("10M", "M", some("10m")),
            ("1y", "y", some("365d")),
            ("2months", "months", some("60d")),
            ("5us", "us", None),
            ("1h5min", "min", None),
        ] {
            let unit = unit.to_owned();
            let suggestion = meant;
            assert_eq!(parse(text), Err(Mistake::UnknownUnit { unit, suggestion }));
        }
    }

    #[test]
    fn impossible_lifetimes_are_refused() {
        assert_eq!(parse("0s"), Err(Mistake::Zero));
        assert_eq!(parse("0h0m"), Err(Mistake::Zero));
        assert_eq!(parse("5300w"), Err(Mistake::TooLong));
        assert_eq!(parse("99999999999999999999s"), Err(Mistake::TooLong));
        assert_eq!(parse("18446744073709551615h"), Err(Mistake::TooLong));
        assert!(parse("36499d").is_ok());
    }
}
