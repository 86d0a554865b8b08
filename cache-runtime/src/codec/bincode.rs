//! bincode, the default: small and quick, for types whose shape is fixed.

mod lending;

use std::marker::PhantomData;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use bincode::serde::seed_decode_from_slice;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::lending::Lending;
use super::{Codec, CodecError};

/// bincode 2, standard configuration.
///
/// Not self-describing: types with `serde(flatten)`, `serde(untagged)`, `skip_serializing_if` or `serde_json::Value` do not
/// survive it. Such a function is noticed at its first stores and told to use [`Json`](crate::codec).
///
/// It has no limit on depth: bytes made by hand for a type that holds itself can use up the stack. Damaged entries do
/// not get that far, the envelope's check refuses them; whoever can write to the server is trusted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bincode;

/// A hostile length prefix must not allocate gigabytes.
const LIMIT: usize = 1 << 28;

fn config() -> Configuration<LittleEndian, Varint, Limit<LIMIT>> {
    bincode::config::standard().with_limit::<LIMIT>()
}

/// Quicker than `std::io::Write`, whose errors a `Vec` does not have.
struct Appending<'a>(&'a mut Vec<u8>);

impl Writer for Appending<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

impl Codec for Bincode {
    const NAME: &'static str = "bincode";

    fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        bincode::serde::encode_into_writer(value, Appending(out), config()).map_err(CodecError::new)
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
        let seed = Lending(PhantomData::<T>);
        let (value, read) = seed_decode_from_slice(seed, bytes, config()).map_err(CodecError::new)?;
        if read != bytes.len() {
            return Err(CodecError::new(format!("{} bytes too many", bytes.len() - read)));
        }
        Ok(value)
    }
}
