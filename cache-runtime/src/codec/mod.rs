//! Codecs: how a value becomes bytes and comes back.

mod bincode;
mod choice;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "msgpack")]
mod msgpack;
#[cfg(feature = "postcard")]
mod postcard;
mod survives;

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use bincode::Bincode;
pub use choice::CacheCodec;
pub(crate) use choice::{CacheDefault, CodecChoice};
#[cfg(feature = "json")]
pub use json::Json;
#[cfg(feature = "msgpack")]
pub use msgpack::MessagePack;
#[cfg(feature = "postcard")]
pub use postcard::Postcard;

/// Writes values as bytes and reads them back.
///
/// A function names its own with `codec = path::Of::Codec`; the cache's default is a [`CacheCodec`].
///
/// ```
/// use cache_runtime::codec::{Bincode, Codec};
///
/// let mut bytes = Vec::new();
/// Bincode::encode(&("Ada", 36u8), &mut bytes).unwrap();
/// assert_eq!(Bincode::decode::<(String, u8)>(&bytes).unwrap(), ("Ada".to_owned(), 36));
/// ```
pub trait Codec: Send + Sync + 'static {
    /// Part of every entry's shape: entries of a codec of another name are misses.
    const NAME: &'static str;

    /// Appends the encoded value to `out`.
    ///
    /// # Errors
    ///
    /// When the codec has no form for the value; `out` may then hold a part of it.
    fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads a value from all of `bytes`.
    ///
    /// # Errors
    ///
    /// When `bytes` is not what `encode` writes for a `T`, or holds more than that. Must not panic, nor allocate
    /// more than a small multiple of `bytes`, whatever they are.
    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError>;
}

/// A value that a codec could not write or read.
pub struct CodecError(Box<dyn std::error::Error + Send + Sync>);

impl CodecError {
    /// Wraps the codec's own error.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for CodecError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Value = (String, Vec<Option<u32>>, std::collections::BTreeMap<String, f64>);

    fn round_trip<C: Codec>() {
        let value: Value = ("ü".into(), vec![None, Some(7)], [("x".to_owned(), 1.5)].into());
        let mut bytes = vec![9];
        C::encode(&value, &mut bytes).expect("has a form");
        assert_eq!(bytes[0], 9, "appended");
        assert_eq!(C::decode::<Value>(&bytes[1..]).expect("whole"), value);
        bytes.push(0x20);
        // JSON allows white space behind a value; a second value it does not.
        bytes.push(b'1');
        assert!(C::decode::<Value>(&bytes[1..]).is_err(), "{}: trailing bytes", C::NAME);
        for _ in 0..20_000 {
            let noise: Vec<u8> = (0..fastrand::usize(..40)).map(|_| fastrand::u8(..)).collect();
            let _ = C::decode::<Value>(&noise);
            let _ = C::decode::<Vec<u64>>(&noise);
        }
    }

    #[test]
    fn bincode_round_trips_and_survives_noise() {
        round_trip::<Bincode>();
    }

    #[cfg(feature = "postcard")]
    #[test]
    fn postcard_round_trips_and_survives_noise() {
        round_trip::<Postcard>();
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_round_trips_and_survives_noise() {
        round_trip::<Json>();
    }

    #[cfg(feature = "msgpack")]
    #[test]
    fn message_pack_round_trips_and_survives_noise() {
        round_trip::<MessagePack>();
    }
}
