//! Which codec writes a value: the cache's default, or the one a function names.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Bincode, Codec, CodecError, survives};
use crate::codec::survives::Unfit;

/// The default codec of a cache: one of those that this crate brings.
///
/// A function may name any other with `codec = path::Of::Codec`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheCodec {
    /// [`Bincode`](super::Bincode), small and quick.
    #[default]
    Bincode,
    /// [`Postcard`](super::Postcard).
    #[cfg(feature = "postcard")]
    Postcard,
    /// [`Json`](super::Json), for any type, and for readers in other languages.
    #[cfg(feature = "json")]
    Json,
    /// [`MessagePack`](super::MessagePack).
    #[cfg(feature = "msgpack")]
    MessagePack,
}

macro_rules! with_chosen {
    ($cache:expr, $codec:ident => $act:expr) => {
        match $cache {
            CacheCodec::Bincode => {
                type $codec = Bincode;
                $act
            }
            #[cfg(feature = "postcard")]
            CacheCodec::Postcard => {
                type $codec = super::Postcard;
                $act
            }
            #[cfg(feature = "json")]
            CacheCodec::Json => {
                type $codec = super::Json;
                $act
            }
            #[cfg(feature = "msgpack")]
            CacheCodec::MessagePack => {
                type $codec = super::MessagePack;
                $act
            }
        }
    };
}

/// The codec of a function, given the default of its cache.
pub trait CodecChoice: 'static {
    #[doc(hidden)]
    fn name(cache: CacheCodec) -> &'static str;
    #[doc(hidden)]
    fn encode<T: Serialize>(cache: CacheCodec, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError>;
    #[doc(hidden)]
    fn decode<T: DeserializeOwned>(cache: CacheCodec, bytes: &[u8]) -> Result<T, CodecError>;
    #[doc(hidden)]
    fn survives<T: Serialize + DeserializeOwned>(cache: CacheCodec, value: &T, encoded: &[u8]) -> Result<(), Unfit>;

    /// How many bytes `value` takes, if it can be encoded. A `Serialize` that panics is not to cost the value.
    #[doc(hidden)]
    fn size<T: Serialize>(cache: CacheCodec, value: &T) -> Option<usize> {
        let encode = || {
            let mut out = Vec::new();
            Self::encode(cache, value, &mut out).map(|()| out.len())
        };
        catch_unwind(AssertUnwindSafe(encode)).ok()?.ok()
    }
}

/// No codec named: the cache's default.
#[derive(Debug)]
pub struct CacheDefault;

impl CodecChoice for CacheDefault {
    fn name(cache: CacheCodec) -> &'static str {
        with_chosen!(cache, C => C::NAME)
    }

    fn encode<T: Serialize>(cache: CacheCodec, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        with_chosen!(cache, C => <C as Codec>::encode(value, out))
    }

    fn decode<T: DeserializeOwned>(cache: CacheCodec, bytes: &[u8]) -> Result<T, CodecError> {
        with_chosen!(cache, C => <C as Codec>::decode(bytes))
    }

    fn survives<T: Serialize + DeserializeOwned>(cache: CacheCodec, value: &T, encoded: &[u8]) -> Result<(), Unfit> {
        with_chosen!(cache, C => survives::survives::<C, T>(value, encoded))
    }
}

impl<C: Codec> CodecChoice for C {
    fn name(_: CacheCodec) -> &'static str {
        C::NAME
    }

    fn encode<T: Serialize>(_: CacheCodec, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        <C as Codec>::encode(value, out)
    }

    fn decode<T: DeserializeOwned>(_: CacheCodec, bytes: &[u8]) -> Result<T, CodecError> {
        <C as Codec>::decode(bytes)
    }

    fn survives<T: Serialize + DeserializeOwned>(_: CacheCodec, value: &T, encoded: &[u8]) -> Result<(), Unfit> {
        survives::survives::<C, T>(value, encoded)
    }
}
