//! One rule, and how it is written.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::duration;
use super::field::Given;
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
        // `null` is refused: a field that says nothing is left out.
        while let Some((field, given)) = map.next_entry::<String, Given<'static>>()? {
            rule.set(&field, given).map_err(de::Error::custom)?;
        }
        Ok(rule)
    }
}
