//! Compressed payloads: which values are compressed, how, and what reading one may cost.
//!
//! A compressed payload is the length of what it was made of, 4 bytes, little-endian, and behind it an LZ4 block or a
//! Zstandard frame. The envelope's flags say which of them.

#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "zstd")]
mod zstd;

use std::borrow::Cow;
use std::fmt;

use crate::Error;

/// How large values are compressed on their way to the server: [`CacheBuilder::compress`](crate::CacheBuilder::compress).
///
/// A value is compressed when it takes more than [`above`](Self::above) bytes encoded, and stored as it is where that does not
/// make it smaller. What is stored tells how it was compressed: processes with different settings, or none, read each
/// other's entries. One that is built without the feature takes them for misses, and logs that once.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
/// # #[cfg(all(feature = "lz4", feature = "zstd"))] {
/// use cache_runtime::{Cache, Compression};
///
/// // Quick: a hit hardly notices.
/// let quick = Cache::builder().redis("redis://127.0.0.1:6379").compress(Compression::lz4()).build()?;
/// // Small, where memory or the network is what is short.
/// let small = Compression::zstd().level(6).above(16 * 1024);
/// let small = Cache::builder().redis("redis://127.0.0.1:6379").compress(small).build()?;
///
/// let refused = Cache::builder().compress(Compression::zstd().level(99)).build().unwrap_err();
/// assert!(refused.to_string().contains("`compress.level` = 99"), "{refused}");
/// # }
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Compression {
    form: Form,
    write: Write,
    above: usize,
    level: Option<i32>,
}

impl Compression {
    /// LZ4, for values of more than 1 KiB. To read it back takes about a tenth of what decoding takes.
    #[cfg(feature = "lz4")]
    pub fn lz4() -> Self {
        Self { form: Form::Lz4, write: lz4::compress, above: lz4::ABOVE, level: None }
    }

    /// Zstandard, for values of more than 4 KiB. Smaller than LZ4, and two to four times as long to read back. Each thread
    /// that reads keeps 94 KiB for it, one that writes some hundred.
    #[cfg(feature = "zstd")]
    pub fn zstd() -> Self {
        Self { form: Form::Zstd, write: zstd::compress, above: zstd::ABOVE, level: None }
    }

    /// How many bytes a value takes at most, encoded, that is not compressed; more than zero. Default: 1 KiB with LZ4,
    /// 4 KiB with Zstandard.
    pub fn above(mut self, bytes: usize) -> Self {
        self.above = bytes;
        self
    }

    /// How hard Zstandard tries, 1 to 19; LZ4 has no levels. Default: 1. It says nothing to readers.
    pub fn level(mut self, level: i32) -> Self {
        self.level = Some(level);
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.above == 0 {
            return Err(Error::config("compress.above", self.above, "must be more than zero"));
        }
        match (self.form, self.level) {
            (Form::Zstd, Some(level)) if !(1..=19).contains(&level) => {
                Err(Error::config("compress.level", level, "must be between 1 and 19"))
            }
            (Form::Lz4, Some(level)) => Err(Error::config("compress.level", level, "is for zstd; lz4 has no levels")),
            _ => Ok(()),
        }
    }

    /// How `payload` is written behind `head`, and both as one buffer; `None` if it is stored as it is.
    pub(crate) fn pack(&self, head: &[u8], payload: &[u8]) -> Option<(Form, Vec<u8>)> {
        if payload.len() <= self.above {
            return None;
        }
        let length = u32::try_from(payload.len()).ok()?.to_le_bytes();
        let mut packed = [head, &length].concat();
        (self.write)(payload, &mut packed, self.level)?;
        (packed.len() < head.len() + payload.len()).then_some((self.form, packed))
    }
}

/// Appends a payload, compressed as hard as the level says.
type Write = fn(&[u8], &mut Vec<u8>, Option<i32>) -> Option<()>;
/// What was compressed, if it is of that length.
type Read = fn(&[u8], usize) -> Option<Vec<u8>>;

/// How a payload is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Lz4,
    Zstd,
}

impl Form {
    fn read(self) -> Result<Read, Unreadable> {
        match self {
            #[cfg(feature = "lz4")]
            Self::Lz4 => Ok(lz4::decompress),
            #[cfg(feature = "zstd")]
            Self::Zstd => Ok(zstd::decompress),
            #[cfg(not(feature = "lz4"))]
            Self::Lz4 => Err(Unreadable::Without("lz4")),
            #[cfg(not(feature = "zstd"))]
            Self::Zstd => Err(Unreadable::Without("zstd")),
        }
    }
}

/// The bytes of a value as they are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload<'a> {
    pub(crate) form: Option<Form>,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Payload<'a> {
    /// As the codec wrote it, without a copy unless it is compressed. Never makes more than `limit` bytes.
    pub(crate) fn plain(self, limit: usize) -> Result<Cow<'a, [u8]>, Unreadable> {
        let Some(form) = self.form else { return Ok(Cow::Borrowed(self.bytes)) };
        let read = form.read()?;
        let (length, packed) = self.bytes.split_first_chunk::<4>().ok_or(Unreadable::Damaged)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Unreadable::TooLarge)?;
        if length > limit {
            return Err(Unreadable::TooLarge);
        }
        read(packed, length).map(Cow::Owned).ok_or(Unreadable::Damaged)
    }
}

/// Why a compressed payload is a miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// This program is built without the feature of that name.
    #[cfg_attr(all(feature = "lz4", feature = "zstd"), expect(dead_code, reason = "only where a feature is off"))]
    Without(&'static str),
    TooLarge,
    Damaged,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Without(feature) => {
                write!(f, "it is compressed with {feature}, and cache-runtime is built without the feature `{feature}`")
            }
            Self::TooLarge => f.write_str("decompressed it is larger than `max_entry_bytes`"),
            Self::Damaged => f.write_str("it does not decompress"),
        }
    }
}

/// For the benchmark and the fuzz test: a payload of its own, compressed.
#[doc(hidden)]
pub fn pack(compression: &Compression, payload: &[u8]) -> Option<Vec<u8>> {
    compression.pack(&[], payload).map(|(_, packed)| packed)
}

/// For the benchmark and the fuzz test: what [`pack`] was given.
#[doc(hidden)]
pub fn unpack(compression: &Compression, packed: &[u8], limit: usize) -> Option<Vec<u8>> {
    let payload = Payload { form: Some(compression.form), bytes: packed };
    payload.plain(limit).ok().map(Cow::into_owned)
}
