//! What a cached value is called: a rendered key and the rendered tags that can invalidate it.

mod hash;
mod part;
mod writer;

use std::fmt;

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

pub use hash::HashPart;
pub(crate) use hash::shorten;
pub use part::{KeyPart, Rendered};
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
    text: SmallVec<[u8; 128]>,
    /// Where the key ends in `text`, then where each tag ends.
    ends: SmallVec<[u32; 4]>,
    /// The `version` of the function that the key belongs to.
    pub(crate) version: u64,
    /// Why the key could not be rendered; such a call goes uncached.
    pub(crate) unfit: Option<Box<str>>,
}

impl Key {
    /// A key without tags.
    pub fn new(text: impl AsRef<str>) -> Self {
        let mut writer = KeyWriter::new();
        writer.raw(text.as_ref());
        Self::start(writer, 0)
    }

    /// Adds a tag. An entry is found again only under the same tags in the same order.
    #[must_use]
    pub fn tag(mut self, text: impl AsRef<str>) -> Self {
        let mut writer = KeyWriter::new();
        writer.raw(text.as_ref());
        self.push(writer);
        self
    }

    pub(crate) fn start(writer: KeyWriter, version: u64) -> Self {
        let mut key = Self { text: SmallVec::new(), ends: SmallVec::new(), version, unfit: None };
        key.push(writer);
        key
    }

    /// Appends the next rendered piece: the key itself first, then tags.
    pub(crate) fn push(&mut self, writer: KeyWriter) {
        let (mut rendered, failure) = writer.finish();
        if let (None, Some(failure)) = (&self.unfit, failure) {
            self.unfit = Some(failure.into());
        }
        shorten(&mut rendered, MAX_LENGTH);
        if self.text.is_empty() {
            self.text = rendered;
        } else {
            self.text.extend_from_slice(&rendered);
        }
        self.ends.push(u32::try_from(self.text.len()).expect("pieces are at most 512 bytes"));
        if self.tag_count() > MAX_TAGS {
            self.unfit.get_or_insert_with(|| "it has more than 255 tags".into());
        }
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
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        std::str::from_utf8(&self.text[start..self.ends[index] as usize]).expect("pieces are pushed as whole strings")
    }

    /// A stable hash of the key's text.
    pub(crate) fn hash64(&self) -> u64 {
        xxh3_64(self.as_str().as_bytes())
    }

    /// Fingerprint of the ordered tags: an entry stored under other tags is a miss.
    pub(crate) fn tagset(&self) -> u32 {
        if self.tag_count() == 0 {
            return 0;
        }
        let mut lengths_and_text = SmallVec::<[u8; 128]>::new();
        for tag in self.tags() {
            lengths_and_text.extend_from_slice(&(tag.len() as u32).to_le_bytes());
            lengths_and_text.extend_from_slice(tag.as_bytes());
        }
        (xxh3_64(&lengths_and_text) >> 32) as u32
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
