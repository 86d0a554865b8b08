//! Whether a read would hit, and why not: the rules of `read`, in words.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a read would hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// A read is answered with what is stored.
    Hit,
    /// A read runs the function.
    Miss,
    /// It cannot be told from here.
    Unknown,
}

/// What decides whether a read would hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// It stands: a hit.
    Stands,
    /// Nothing is there.
    Absent,
    /// A load is under way.
    Loading,
    /// A mutation of the entry has announced itself.
    Fenced,
    /// Only the names of its tags are there, not the value.
    Hint,
    /// What is there was not written by this cache, or by a later version of it, or is damaged.
    Foreign,
    /// It was written before the server lost its memory, or a part of it.
    OtherHistory,
    /// It is of another type, codec or `version` than the function reads.
    OtherShape,
    /// It was stored under other tags than the function declares.
    OtherTags,
    /// A tag was invalidated after it was stored, and has a new stamp.
    TagVoid,
    /// The stamp of a tag is gone.
    TagMissing,
    /// A mutation of a tag has announced itself.
    TagFenced,
    /// This process owes an invalidation of it.
    Owed,
    /// Its tags have names that are not known here.
    UnknownTags,
}

/// Whether a read would hit, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verdict {
    /// Whether it would.
    pub outcome: Outcome,
    /// What decides it.
    pub reason: Reason,
    /// The same in a sentence.
    pub why: String,
}

impl Verdict {
    pub(super) fn new(reason: Reason, why: impl Into<String>) -> Self {
        let outcome = match reason {
            Reason::Stands => Outcome::Hit,
            Reason::UnknownTags => Outcome::Unknown,
            _ => Outcome::Miss,
        };
        Self { outcome, reason, why: why.into() }
    }
}

/// `miss: the tag `users` was invalidated after it was stored`
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Hit => "hit",
            Outcome::Miss => "miss",
            Outcome::Unknown => "unknown",
        };
        write!(f, "{outcome}: {}", self.why)
    }
}
