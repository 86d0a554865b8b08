//! MessagePack: self-describing and smaller than JSON.

use std::fmt;

use rmp_serde::Deserializer;
use rmp_serde::decode::Error;
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Serialize};

use super::{Codec, CodecError};

/// MessagePack, through `rmp-serde`, with field names.
///
/// Names cost bytes, and let `skip_serializing_if` and `flatten` survive.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessagePack;

impl Codec for MessagePack {
    const NAME: &'static str = "msgpack";

    fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        rmp_serde::encode::write_named(out, value).map_err(CodecError::new)
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
        let mut reader = Deserializer::from_read_ref(bytes);
        let value = T::deserialize(&mut reader).map_err(CodecError::new)?;
        match Nothing::deserialize(&mut reader) {
            // Nothing to read: not even the first byte of a value.
            Err(Error::InvalidMarkerRead(_)) => Ok(value),
            _ => Err(CodecError::new("bytes behind the value")),
        }
    }
}

/// Takes no value, and reads nothing behind its first byte: a reader over a slice does not tell where it is.
struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl Visitor<'_> for Nothing {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the end")
    }
}
