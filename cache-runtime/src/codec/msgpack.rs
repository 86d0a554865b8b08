//! MessagePack: self-describing and smaller than JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

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

    fn decode<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T, CodecError> {
        let value = rmp_serde::from_read(&mut bytes).map_err(CodecError::new)?;
        if !bytes.is_empty() {
            return Err(CodecError::new(format!("{} bytes too many", bytes.len())));
        }
        Ok(value)
    }
}
