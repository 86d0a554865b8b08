//! Whether a read would hit, and why not: the rules of `read`, in words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::explain::{Held, TagStanding, TagState};
use super::whose::{Owner, misreader};
use crate::entry::{self, Envelope, History};

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
    /// The policy of this process switches the cache off for it.
    SwitchedOff,
    /// It is older than the policy of this process lets entries become. Of a function whose ttl is an expression this is
    /// told only where the policy gives it a length.
    TooOld,
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

/// What is known of an entry when it is judged.
pub(super) struct Looked<'a> {
    pub(super) held: &'a [u8],
    /// Whether there is anything, of whatever type.
    pub(super) there: bool,
    pub(super) envelope: Option<Envelope<'a>>,
    /// Of the server, now.
    pub(super) history: History,
    pub(super) owners: &'a [Owner],
    /// Whether the tags that are known here are those that it carries; `None` if none are known.
    pub(super) right_tags: Option<bool>,
    pub(super) tags: Vec<TagState>,
    pub(super) left: Option<u64>,
}

impl Looked<'_> {
    pub(super) fn kind(&self) -> Held {
        match Held::from(entry::kind(self.held)) {
            Held::Nothing if self.there => Held::Other,
            held => held,
        }
    }

    /// In the order in which a read looks.
    pub(super) fn verdict(&self) -> Verdict {
        let left = self.left.map_or_else(|| "for ever".to_owned(), |left| format!("for at most {left} ms more"));
        let Some(envelope) = &self.envelope else {
            return match self.kind() {
                Held::Nothing => absent(),
                Held::Token => Verdict::new(
                    Reason::Loading,
                    format!("a load is under way: its token stands {left}, and its value is not stored yet"),
                ),
                Held::Fence => Verdict::new(
                    Reason::Fenced,
                    format!("a mutation of it is under way: reads run the function and store nothing, {left}"),
                ),
                Held::Hint => Verdict::new(
                    Reason::Hint,
                    "the last load learnt which tags its result names; the value of the next one is stored",
                ),
                Held::Value | Held::Other => Verdict::new(
                    Reason::Foreign,
                    "what is there was written by something else, by a later version, or is damaged; a read takes it \
                     for a miss, and a load replaces it",
                ),
            };
        };
        if envelope.history() != self.history {
            return Verdict::new(
                Reason::OtherHistory,
                "it was stored before the server was restarted or replaced; invalidations may have been lost then, so \
                 that nothing from before counts",
            );
        }
        if let Some(owner) = misreader(self.owners, envelope.shape()) {
            let why = format!(
                "it holds another type than `{}` reads, or was written with another codec or `version`: an older or newer \
                 build stored it",
                owner.place.name()
            );
            return Verdict::new(Reason::OtherShape, why);
        }
        if self.right_tags == Some(false) {
            let why = match self.owners.first() {
                Some(owner) => format!("it was stored under other tags than `{}` declares", owner.place.name()),
                None => "it was stored under other tags than those asked for".to_owned(),
            };
            return Verdict::new(Reason::OtherTags, why);
        }
        self.by_tags()
    }

    fn by_tags(&self) -> Verdict {
        let with = |standing: TagStanding| {
            let tags = self.tags.iter().filter(|tag| tag.standing == standing);
            let names: Vec<_> = tags.filter_map(|tag| tag.name.as_deref()).map(|name| format!("`{name}`")).collect();
            let (tags, verb) = if names.len() == 1 { ("the tag", "was") } else { ("the tags", "were") };
            (!names.is_empty()).then(|| (format!("{tags} {}", names.join(", ")), verb))
        };
        if let Some((tags, _)) = with(TagStanding::Fenced) {
            let why =
                format!("a mutation of {tags} is under way: reads run the function and store nothing until it ends");
            return Verdict::new(Reason::TagFenced, why);
        }
        let nameless = |tag: &&TagState| tag.standing == TagStanding::Void && tag.name.is_none();
        match self.tags.iter().filter(nameless).count() {
            0 => {}
            1 => return Verdict::new(Reason::TagVoid, "one of its tags was invalidated after it was stored"),
            tags => {
                return Verdict::new(
                    Reason::TagVoid,
                    format!("{tags} of its tags were invalidated after it was stored"),
                );
            }
        }
        if let Some((tags, verb)) = with(TagStanding::Void) {
            return Verdict::new(Reason::TagVoid, format!("{tags} {verb} invalidated after it was stored"));
        }
        if let Some((tags, verb)) = with(TagStanding::Missing) {
            let why =
                format!("{tags} {verb} invalidated, and nothing was loaded since; or the server evicted the stamp");
            return Verdict::new(Reason::TagMissing, why);
        }
        match self.tags.iter().filter(|tag| tag.standing == TagStanding::Unknown).count() {
            0 if self.tags.is_empty() => Verdict::new(Reason::Stands, "it was stored in the server's present history"),
            0 => Verdict::new(Reason::Stands, "it was stored in the server's present history, and its tags all stand"),
            tags => unknown(tags),
        }
    }
}

pub(super) fn absent() -> Verdict {
    Verdict::new(
        Reason::Absent,
        "nothing is there: it was never stored, or has expired, was evicted, or was invalidated by its key",
    )
}

pub(super) fn unknown(tags: usize) -> Verdict {
    let tags = if tags == 1 { "a tag whose name is".to_owned() } else { format!("{tags} tags whose names are") };
    Verdict::new(
        Reason::UnknownTags,
        format!("it carries {tags} not known here; name them with the key, or ask the program whose function it is"),
    )
}
