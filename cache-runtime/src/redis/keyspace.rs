//! The names of our keys on the server.

use crate::{Key, glob};

#[derive(Clone, Debug)]
pub(crate) struct Names {
    entry: String,
    tag: String,
}

impl Names {
    pub(crate) fn new(namespace: &str) -> Self {
        Self { entry: format!("{namespace}:e:"), tag: format!("{namespace}:t:") }
    }

    pub(crate) fn entry(&self, key: &Key) -> String {
        [&self.entry, key.as_str()].concat()
    }

    pub(crate) fn tag(&self, tag: &str) -> String {
        [&self.tag, tag].concat()
    }

    /// The pattern of the entries whose keys match `pattern`.
    pub(crate) fn entries(&self, pattern: &str) -> String {
        [&glob::literal(&self.entry), pattern].concat()
    }

    /// The patterns of all that is ours.
    pub(crate) fn everything(&self) -> [String; 2] {
        [glob::literal(&self.entry) + "*", glob::literal(&self.tag) + "*"]
    }
}
