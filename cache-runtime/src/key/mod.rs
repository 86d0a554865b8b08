//! What a cached value is called: a rendered key and the rendered tags that can invalidate it.

mod hash;
mod part;
mod parts;
mod tagset;
mod text;
mod writer;

use std::fmt;

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

pub use hash::HashPart;
#[cfg(feature = "inspect")]
pub(crate) use hash::kept_of_cut;
pub use part::{KeyPart, Rendered};
pub use parts::Parts;
pub(crate) use parts::{FIRST, Renderable};
pub(crate) use tagset::{Tagset, tag_hash};
pub use writer::KeyWriter;

/// Longer keys and tags keep a prefix and end in their 128-bit hash.
pub(crate) const MAX_LENGTH: usize = 512;
/// An envelope counts its stamps in a byte.
pub(crate) const MAX_TAGS: usize = 255;

/// The rendered key of an entry, with the tags that invalidate it.
///
/// Text passed to [`Key::new`] and [`Key::tag`] is taken as it is. Keys of cached functions come from their
/// companion: `get_user::key(7)`.
///
/// ```
/// use cache_runtime::Key;
///
/// let key = Key::new("report:2026-11").tag("reports");
/// assert_eq!(key.as_str(), "report:2026-11");
/// assert_eq!(key.tags().collect::<Vec<_>>(), ["reports"]);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The key, then each tag, without separators.
    text: KeyWriter,
    /// Where the key ends in `text`, then where each tag ends.
    ends: SmallVec<[u32; 4]>,
    /// The `version` of the function that the key belongs to.
    pub(crate) version: u64,
}

impl Key {
    /// A key without tags.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self::start(0, |out| out.raw(text.as_ref()))
    }

    /// Adds a tag. An entry is found again only under the same tags in the same order.
    #[must_use]
    pub fn tag(mut self, text: impl AsRef<str>) -> Self {
        self.push(|out| out.raw(text.as_ref()));
        self
    }

    /// A key without tags that `render` writes.
    pub(crate) fn start(version: u64, render: impl FnOnce(&mut KeyWriter)) -> Self {
        let mut key = Self { text: KeyWriter::new(), ends: SmallVec::new(), version };
        key.push(render);
        key
    }

    /// Appends the next piece: the key itself first, then tags.
    pub(crate) fn push(&mut self, render: impl FnOnce(&mut KeyWriter)) {
        let start = self.text.position();
        render(&mut self.text);
        self.text.shorten(start);
        self.ends.push(u32::try_from(self.text.position()).expect("pieces are at most 512 bytes"));
        if self.tag_count() > MAX_TAGS {
            self.text.fail("it has more than 255 tags");
        }
    }

    /// Why the key could not be rendered; such a call goes uncached.
    pub(crate) fn unfit(&self) -> Option<&str> {
        self.text.failure()
    }

    /// The key without namespace, as rendered.
    pub fn as_str(&self) -> &str {
        self.piece(0)
    }

    /// The tags, in the order in which they were declared.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        (1..self.ends.len()).map(|index| self.piece(index))
    }

    pub(crate) fn tag_count(&self) -> usize {
        self.ends.len() - 1
    }

    fn piece(&self, index: usize) -> &str {
        std::str::from_utf8(self.piece_bytes(index)).expect("pieces are pushed as whole strings")
    }

    fn piece_bytes(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.text.rendered()[start..self.ends[index] as usize]
    }

    /// The key, where it does not matter that it is text.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.piece_bytes(0)
    }

    /// The tags, where it does not matter that they are text.
    pub(crate) fn tag_bytes(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        (1..self.ends.len()).map(|index| self.piece_bytes(index))
    }

    /// A tag, of those that there are.
    pub(crate) fn tag_at(&self, index: usize) -> &[u8] {
        self.piece_bytes(1 + index)
    }

    /// A stable hash of the key's text.
    pub(crate) fn hash64(&self) -> u64 {
        xxh3_64(self.bytes())
    }

    /// Fingerprint of the ordered tags: an entry stored under other tags is a miss.
    pub(crate) fn tagset(&self) -> u32 {
        let mut tagset = Tagset::default();
        self.tag_bytes().for_each(|tag| tagset.add(tag_hash(tag)));
        tagset.finish()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("key", &self.as_str()).field("tags", &self.tags().collect::<Vec<_>>()).finish()
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&String> for Key {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}

impl From<&Key> for Key {
    fn from(key: &Key) -> Self {
        key.clone()
    }
}
