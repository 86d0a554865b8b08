//! Strings are lent, for the value to copy.
//!
//! `bincode` makes a string of zeros and fills it then, and `calloc` goes past the cache of each thread in glibc 2.36. What it
//! lends for `deserialize_str` is copied once, into memory that was not cleared before. Nothing else is changed on its
//! way. A visitor that takes a `String` but no `&str`, which serde calls never correct, fails here, as it does with JSON.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

/// A part of a decoder, or of what it fills.
pub(super) struct Lending<T>(pub(super) T);

macro_rules! as_it_is {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            self.0.$method(visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Lending<D> {
    type Error = D::Error;

    as_it_is! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_bytes deserialize_unit deserialize_identifier deserialize_ignored_any
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Lending(visitor))
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Lending(visitor))
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_seq(Lending(visitor))
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, Lending(visitor))
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, len, Lending(visitor))
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Lending(visitor))
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, fields, Lending(visitor))
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, Lending(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// Of what has parts: an option, a newtype, a sequence, a map, an enum. `bincode` calls nothing else of these visitors.
impl<'de, V: Visitor<'de>> Visitor<'de> for Lending<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(f)
    }

    #[inline]
    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Lending(some))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Lending(inner))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Lending(elements))
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Lending(entries))
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Lending(variant))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Lending<S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, decoder: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Lending(decoder))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Lending<A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Lending(seed))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Lending<A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(Lending(seed))
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Lending(seed))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Lending<A> {
    type Error = A::Error;
    type Variant = Lending<A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (which, variant) = self.0.variant_seed(seed)?;
        Ok((which, Lending(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Lending<A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Lending(seed))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, Lending(visitor))
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Lending(visitor))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::CString;
    use std::fmt;
    use std::net::IpAddr;

    use serde::de::DeserializeOwned;
    use serde::{Deserialize, Serialize, Serializer};

    use super::super::{Bincode, config};
    use super::*;
    use crate::codec::Codec;

    /// Text that knows whether it was lent: the decoder made no string of it.
    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Lent(bool);

    impl Serialize for Lent {
        fn serialize<S: Serializer>(&self, encoder: S) -> Result<S::Ok, S::Error> {
            encoder.serialize_str("text")
        }
    }

    impl<'de> Deserialize<'de> for Lent {
        fn deserialize<D: Deserializer<'de>>(decoder: D) -> Result<Self, D::Error> {
            struct Asked;

            impl Visitor<'_> for Asked {
                type Value = Lent;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("text")
                }

                fn visit_str<E>(self, text: &str) -> Result<Lent, E> {
                    Ok(Lent(text == "text"))
                }

                fn visit_string<E>(self, _: String) -> Result<Lent, E> {
                    Ok(Lent(false))
                }
            }

            decoder.deserialize_string(Asked)
        }
    }

    /// The same of bytes.
    #[derive(Debug, PartialEq)]
    struct LentBytes(bool);

    impl Serialize for LentBytes {
        fn serialize<S: Serializer>(&self, encoder: S) -> Result<S::Ok, S::Error> {
            encoder.serialize_bytes(b"bytes")
        }
    }

    impl<'de> Deserialize<'de> for LentBytes {
        fn deserialize<D: Deserializer<'de>>(decoder: D) -> Result<Self, D::Error> {
            struct Asked;

            impl Visitor<'_> for Asked {
                type Value = LentBytes;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("bytes")
                }

                fn visit_bytes<E>(self, bytes: &[u8]) -> Result<LentBytes, E> {
                    Ok(LentBytes(bytes == b"bytes"))
                }

                fn visit_byte_buf<E>(self, _: Vec<u8>) -> Result<LentBytes, E> {
                    Ok(LentBytes(false))
                }
            }

            decoder.deserialize_byte_buf(Asked)
        }
    }

    /// One that holds itself.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Tree(Lent, Vec<Tree>, Option<Box<Tree>>);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Inner(Lent);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Pair(Lent, i8);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Nothing;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Either {
        Unit,
        One(Lent),
        Two(Lent, bool),
        Named { lent: Lent },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct All {
        plain: Lent,
        some: Option<Lent>,
        none: Option<Lent>,
        inner: Inner,
        pair: Pair,
        tuple: (Lent, char),
        list: Vec<Lent>,
        map: BTreeMap<Lent, Lent>,
        either: Vec<Either>,
        numbers: (u8, u16, u32, u64, u128, i16, i32, i64, i128, f32, f64),
        bytes: LentBytes,
        c_string: CString,
        // Text where it is to be read by people.
        address: IpAddr,
        tree: Tree,
        nothing: ((), Nothing),
        text: String,
    }

    #[test]
    fn text_is_lent_wherever_it_stands() {
        let lent = || Lent(true);
        let all = All {
            plain: lent(),
            some: Some(lent()),
            none: None,
            inner: Inner(lent()),
            pair: Pair(lent(), -1),
            tuple: (lent(), 'ü'),
            list: vec![lent(), lent()],
            map: [(lent(), lent())].into(),
            either: vec![Either::Unit, Either::One(lent()), Either::Two(lent(), true), Either::Named { lent: lent() }],
            numbers: (1, 2, 3, 4, u128::MAX, -1, -2, -3, i128::MIN, 0.5, -0.25),
            bytes: LentBytes(true),
            c_string: c"bytes".to_owned(),
            address: IpAddr::from([127, 0, 0, 1]),
            tree: Tree(lent(), vec![Tree(lent(), Vec::new(), None)], Some(Box::new(Tree(lent(), Vec::new(), None)))),
            nothing: ((), Nothing),
            text: "tëxt".to_owned(),
        };
        let mut encoded = Vec::new();
        Bincode::encode(&all, &mut encoded).expect("has a form");
        assert_eq!(Bincode::decode::<All>(&encoded).expect("whole"), all);
        let (copied, read) = bincode::serde::decode_from_slice::<All, _>(&encoded, config()).expect("whole");
        assert_eq!(
            (copied.plain, read),
            (Lent(false), encoded.len()),
            "it is bincode's form, which makes strings of it"
        );
    }

    /// As bincode does.
    fn refuses<T: DeserializeOwned + fmt::Debug>(bytes: &[u8]) {
        let theirs = bincode::serde::decode_from_slice::<T, _>(bytes, config()).map(|(value, _)| value);
        let ours = Bincode::decode::<T>(bytes).expect_err("no such value");
        assert_eq!(ours.to_string(), theirs.expect_err("no such value").to_string());
    }

    #[test]
    fn what_is_no_text_is_refused_as_bincode_does() {
        // No UTF-8; less than it says; more than anything may have.
        for text in [&[3, 0xff, 0xff, 0xff][..], &[200, 1], &[253, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]] {
            refuses::<String>(text);
            refuses::<Vec<String>>(&[&[1], text].concat());
            refuses::<Option<String>>(&[&[1], text].concat());
            refuses::<BTreeMap<String, u8>>(&[&[1], text].concat());
        }
        refuses::<LentBytes>(&[200, 1]);
        // Behind one that is in order, and as much as the limit allows for all of them together.
        refuses::<(String, String)>(&[1, b'a', 252, 0xff, 0xff, 0xff, 0x0f]);
        refuses::<(String, String)>(&[1, b'a', 2, b'b']);
    }
}
