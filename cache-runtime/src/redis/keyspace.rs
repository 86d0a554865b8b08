//! The names of our keys on the server.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use super::mget::Piecewise;
use crate::key::tag_hash;
use crate::{Key, glob};

#[derive(Clone, Debug)]
pub(crate) struct Names {
    entry: String,
    tag: String,
    bus: String,
}

/// A name as it is made up, so that nobody has to put it together before it is needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    /// What all of its kind begin with.
    kind: &'a str,
    text: &'a [u8],
    pub(super) hash: u64,
}

impl<'a> Name<'a> {
    /// One that has been put together.
    #[cfg(any(test, feature = "cluster"))]
    pub(super) fn whole(text: &'a str) -> Self {
        Self { kind: "", text: text.as_bytes(), hash: xxh3_64(text.as_bytes()) }
    }

    pub(super) fn is(self, name: &[u8]) -> bool {
        name.strip_prefix(self.kind.as_bytes()) == Some(self.text)
    }

    pub(super) fn push_to(self, text: &mut Vec<u8>) {
        text.extend_from_slice(self.kind.as_bytes());
        text.extend_from_slice(self.text);
    }
}

impl Piecewise for Name<'_> {
    fn pieces(&self) -> [&[u8]; 2] {
        [self.kind.as_bytes(), self.text]
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind, String::from_utf8_lossy(self.text))
    }
}

impl Names {
    pub(crate) fn new(namespace: &str) -> Self {
        Self { entry: format!("{namespace}:e:"), tag: format!("{namespace}:t:"), bus: format!("{namespace}:bus") }
    }

    pub(crate) fn entry(&self, key: &Key) -> String {
        [&self.entry, key.as_str()].concat()
    }

    pub(crate) fn tag(&self, tag: &str) -> String {
        [&self.tag, tag].concat()
    }

    /// The entry of a key, then each of its tags, as they are read.
    pub(crate) fn of<'a>(&'a self, key: &'a Key) -> impl ExactSizeIterator<Item = Name<'a>> + Clone {
        // Small, since it is handed on from future to future.
        (0..1 + key.tag_count()).map(move |name| match name.checked_sub(1) {
            None => Name { kind: &self.entry, text: key.bytes(), hash: key.hash64() },
            Some(tag) => self.name_of_tag(key.tag_at(tag)),
        })
    }

    fn name_of_tag<'a>(&'a self, tag: &'a [u8]) -> Name<'a> {
        Name { kind: &self.tag, text: tag, hash: tag_hash(tag) }
    }

    pub(crate) fn tagged<'a>(
        &'a self,
        tags: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> impl Iterator<Item = Name<'a>> + Clone {
        tags.map(|tag| self.name_of_tag(tag))
    }

    /// The channel on which invalidations are told.
    pub(crate) fn bus(&self) -> String {
        self.bus.clone()
    }

    /// The hash by which a name is known in process and on the bus.
    pub(crate) fn hash(&self, name: &str) -> u64 {
        match (name.strip_prefix(&self.entry), name.strip_prefix(&self.tag)) {
            (Some(key), _) => xxh3_64(key.as_bytes()),
            (None, Some(tag)) => tag_hash(tag),
            (None, None) => xxh3_64(name.as_bytes()),
        }
    }

    /// The pattern of the entries whose keys match `pattern`.
    pub(crate) fn entries(&self, pattern: &str) -> String {
        [&glob::literal(&self.entry), pattern].concat()
    }

    /// The key that an entry's name is made of.
    #[cfg(feature = "inspect")]
    pub(crate) fn key<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(&self.entry)
    }

    /// The tag that a stamp's name is made of.
    #[cfg(feature = "inspect")]
    pub(crate) fn tag_in<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(&self.tag)
    }

    /// The name of an entry, by its key as rendered.
    #[cfg(feature = "inspect")]
    pub(crate) fn of_text(&self, key: &str) -> String {
        [&self.entry, key].concat()
    }

    /// The pattern of the stamps of tags that match `pattern`.
    #[cfg(feature = "inspect")]
    pub(crate) fn tags(&self, pattern: &str) -> String {
        [&glob::literal(&self.tag), pattern].concat()
    }

    /// The pattern of entries and stamps alike.
    #[cfg(feature = "inspect")]
    pub(crate) fn both(&self) -> String {
        let namespace = self.entry.strip_suffix("e:").unwrap_or(&self.entry);
        glob::literal(namespace) + "[et]:*"
    }

    /// The patterns of all that is ours.
    pub(crate) fn everything(&self) -> [String; 2] {
        [glob::literal(&self.entry) + "*", glob::literal(&self.tag) + "*"]
    }
}
