//! What a server holds, and what the commands of the protocol do to it.

/// What a tag holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    pub(crate) id: u8,
    pub(crate) history: u8,
}

/// What an entry holds: a value, or the token of somebody who may be loading one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) id: u8,
    pub(crate) history: u8,
    pub(crate) value: Option<Value>,
}

/// A stored value, and the stamp that was observed before it was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Value {
    pub(crate) stamp: Option<Stamp>,
    pub(crate) version: u8,
}

/// What FILL compares: kind and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Expected {
    pub(crate) value: bool,
    pub(crate) id: u8,
}

impl Entry {
    pub(crate) fn expected(&self) -> Expected {
        Expected { value: self.value.is_some(), id: self.id }
    }
}

/// One master. Its history is its index: 0 is the first, 1 the one that succeeded it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    pub(crate) entry: Option<Entry>,
    pub(crate) tag: Option<Stamp>,
}

impl Server {
    /// The script TOKEN: what the entry holds, or else the token, which it holds then.
    pub(crate) fn ensure_entry(&mut self, token: Entry) -> Entry {
        *self.entry.get_or_insert(token)
    }

    /// The script STAMP: the same for the tag. A stamp of another history is replaced.
    pub(crate) fn ensure_tag(&mut self, stamp: Stamp, any_history: bool) -> Stamp {
        match self.tag {
            Some(held) if any_history || held.history == stamp.history => held,
            _ => *self.tag.insert(stamp),
        }
    }

    /// The script FILL: stores if the entry still holds what is expected.
    pub(crate) fn fill(&mut self, expected: Expected, value: Entry) {
        if self.entry.is_some_and(|held| held.expected() == expected) {
            self.entry = Some(value);
        }
    }
}
