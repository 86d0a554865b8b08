//! The shape of a type: what its `Deserialize` asks for, as a number that changes when the type does.
//!
//! After a deploy that changed a cached type, old entries have to be misses: decoded as the new type they would be
//! errors, or worse, values. So the type's `Deserialize` is run against a deserializer that writes down every question
//! (names of structs, fields and variants, kinds of numbers, options, sequences) and answers with something simple.
//! What cannot be seen this way (the content of a type that parses text, a `serde(with)`) needs a new `version`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::value::U32Deserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use xxhash_rust::xxh3::xxh3_64;

/// How deep options and sequences are filled; below they are empty, which ends recursive types.
const DEPTH: usize = 8;
/// How deep anything goes at all.
const DEEPEST: usize = 64;
/// How many questions one pass answers.
const QUESTIONS: usize = 4096;
/// How many passes visit the variants of enums.
const PASSES: usize = 64;

/// Answers that picky leaves may want: a number, and a text.
const LEAVES: [(u8, &str); 5] = [(1, "a"), (0, ""), (1, "1"), (1, "127.0.0.1"), (1, "1970-01-01T00:00:00Z")];

type Failed = de::value::Error;

/// The fingerprint of `T` as `codec` writes it, for a function's `version`.
pub(crate) fn fingerprint<T: DeserializeOwned>(codec: &str, version: u64) -> u64 {
    let mut log = Vec::new();
    log.extend_from_slice(codec.as_bytes());
    log.push(0);
    log.extend_from_slice(&version.to_le_bytes());
    // A `Deserialize` that panics on simple values has no more shape than its codec and version.
    let seen = catch_unwind(AssertUnwindSafe(trace::<T>)).unwrap_or_default();
    log.extend_from_slice(&seen);
    xxh3_64(&log)
}

/// All passes, one behind the other.
fn trace<T: DeserializeOwned>() -> Vec<u8> {
    let mut log = Vec::new();
    let mut enums = Vec::new();
    for _ in 0..PASSES {
        let (pass, known) = furthest::<T>(&enums);
        log.extend_from_slice(&pass);
        enums = known;
        // Each pass visited one variant of each enum it met. The one met last goes on first: it may stand inside of a
        // variant of the others, which must not move on before it is through.
        let Some(unfinished) = enums.iter_mut().rfind(|known| known.next + 1 < known.variants) else { break };
        unfinished.next += 1;
    }
    log
}

/// One pass, with the leaf values that get furthest.
fn furthest<T: DeserializeOwned>(enums: &[Known]) -> (Vec<u8>, Vec<Known>) {
    let mut best: Option<(Vec<u8>, Vec<Known>)> = None;
    for leaf in LEAVES {
        let mut tracer = Tracer { log: Vec::new(), depth: 0, questions: 0, leaf, enums: enums.to_vec() };
        let whole = T::deserialize(&mut tracer).is_ok();
        if whole || best.as_ref().is_none_or(|(log, _)| tracer.log.len() > log.len()) {
            best = Some((tracer.log, tracer.enums));
        }
        if whole {
            break;
        }
    }
    best.unwrap_or_default()
}

/// An enum that was met, and which of its variants is visited in this pass.
#[derive(Clone)]
struct Known {
    name: &'static str,
    names: &'static [&'static str],
    variants: u32,
    next: u32,
}

struct Tracer {
    log: Vec<u8>,
    depth: usize,
    questions: usize,
    leaf: (u8, &'static str),
    enums: Vec<Known>,
}

impl Tracer {
    fn note(&mut self, question: &str) -> Result<(), Failed> {
        self.log.extend_from_slice(question.as_bytes());
        self.log.push(0);
        self.questions += 1;
        if self.questions > QUESTIONS || self.depth > DEEPEST {
            return Err(de::Error::custom("far enough"));
        }
        Ok(())
    }

    fn names(&mut self, kind: &str, name: &str, inner: &[&str]) -> Result<(), Failed> {
        self.note(kind)?;
        self.note(name)?;
        inner.iter().try_for_each(|name| self.note(name))?;
        self.note(";")
    }

    /// Sequences and maps: one element, until that goes deep.
    fn elements(&self) -> usize {
        usize::from(self.depth < DEPTH)
    }

    fn deeper<R>(&mut self, act: impl FnOnce(&mut Self) -> Result<R, Failed>) -> Result<R, Failed> {
        self.depth += 1;
        let result = act(self);
        self.depth -= 1;
        result
    }
}

macro_rules! numbers {
    ($($method:ident: $number:ty => $visit:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
            self.note(stringify!($number))?;
            visitor.$visit(<$number>::from(self.leaf.0))
        }
    )*};
}

macro_rules! texts {
    ($($method:ident: $kind:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
            self.note($kind)?;
            visitor.visit_str(self.leaf.1)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Tracer {
    type Error = Failed;

    numbers! {
        deserialize_u8: u8 => visit_u8;
        deserialize_u16: u16 => visit_u16;
        deserialize_u32: u32 => visit_u32;
        deserialize_u64: u64 => visit_u64;
        deserialize_u128: u128 => visit_u128;
        deserialize_i16: i16 => visit_i16;
        deserialize_i32: i32 => visit_i32;
        deserialize_i64: i64 => visit_i64;
        deserialize_i128: i128 => visit_i128;
        deserialize_f32: f32 => visit_f32;
        deserialize_f64: f64 => visit_f64;
    }

    texts! {
        deserialize_str: "text";
        deserialize_string: "text";
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.note("i8")?;
        visitor.visit_i8(i8::from(self.leaf.0 == 1))
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.note("any")?;
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.note("ignored")?;
        visitor.visit_unit()
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.note("identifier")?;
        visitor.visit_str(self.leaf.1)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.note("bool")?;
        visitor.visit_bool(false)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.note("char")?;
        visitor.visit_char('a')
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.note("bytes")?;
        // Sixteen: what a UUID wants.
        visitor.visit_bytes(&[1; 16])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.note("option")?;
        if self.depth < DEPTH { self.deeper(|tracer| visitor.visit_some(tracer)) } else { visitor.visit_none() }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.note("unit")?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Failed> {
        self.names("unit struct", name, &[])?;
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Failed> {
        self.names("newtype", name, &[])?;
        self.deeper(|tracer| visitor.visit_newtype_struct(tracer))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.note("sequence")?;
        let left = self.elements();
        self.deeper(|tracer| visitor.visit_seq(Elements { tracer, left }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Failed> {
        self.names("tuple", &length.to_string(), &[])?;
        self.deeper(|tracer| visitor.visit_seq(Elements { tracer, left: length }))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Failed> {
        self.names("tuple struct", name, &[])?;
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.note("map")?;
        let left = self.elements();
        self.deeper(|tracer| visitor.visit_map(Elements { tracer, left }))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failed> {
        self.names("struct", name, fields)?;
        self.deeper(|tracer| visitor.visit_seq(Elements { tracer, left: fields.len() }))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failed> {
        self.names("enum", name, variants)?;
        let count = u32::try_from(variants.len()).unwrap_or(u32::MAX);
        let known = self.enums.iter().position(|known| known.name == name && known.names == variants);
        let known = known.unwrap_or_else(|| {
            self.enums.push(Known { name, names: variants, variants: count, next: 0 });
            self.enums.len() - 1
        });
        // Deep inside a recursive enum another variant may be the one that ends it.
        let variant = if self.depth < DEPTH { self.enums[known].next } else { self.depth as u32 % count.max(1) };
        self.note(&variant.to_string())?;
        self.deeper(|tracer| visitor.visit_enum(Chosen { tracer, variant }))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

struct Elements<'a> {
    tracer: &'a mut Tracer,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Elements<'_> {
    type Error = Failed;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failed> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.tracer).map(Some)
    }
}

impl<'de> de::MapAccess<'de> for Elements<'_> {
    type Error = Failed;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failed> {
        de::SeqAccess::next_element_seed(self, seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failed> {
        seed.deserialize(&mut *self.tracer)
    }
}

struct Chosen<'a> {
    tracer: &'a mut Tracer,
    variant: u32,
}

impl<'de, 'a> de::EnumAccess<'de> for Chosen<'a> {
    type Error = Failed;
    type Variant = Content<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content<'a>), Failed> {
        let index: U32Deserializer<Failed> = self.variant.into_deserializer();
        Ok((seed.deserialize(index)?, Content(self.tracer)))
    }
}

/// What a variant holds.
struct Content<'a>(&'a mut Tracer);

impl<'de> de::VariantAccess<'de> for Content<'_> {
    type Error = Failed;

    fn unit_variant(self) -> Result<(), Failed> {
        self.0.note("unit variant")
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failed> {
        self.0.note("newtype variant")?;
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Failed> {
        de::Deserializer::deserialize_tuple(self.0, length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Failed> {
        de::Deserializer::deserialize_struct(self.0, "", fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::IpAddr;
    use std::num::NonZeroU64;

    use serde::Deserialize;

    use super::fingerprint;

    fn of<T: serde::de::DeserializeOwned>() -> u64 {
        fingerprint::<T>("test", 0)
    }

    /// Types of one name and different content, and that each has its own shape.
    macro_rules! all_differ {
        ($($module:ident { $($item:tt)* })*) => {{
            $(mod $module {
                #![allow(dead_code, reason = "only their shapes are looked at")]
                #[allow(unused_imports, reason = "not every case holds one")]
                use super::*;
                #[derive(serde::Deserialize)]
                pub(super) $($item)*
            })*
            let shapes = [$(of::<$module::It>()),*];
            for (index, shape) in shapes.iter().enumerate() {
                assert!(!shapes[..index].contains(shape), "case {index}");
            }
        }};
    }

    #[test]
    fn a_changed_struct_has_another_shape() {
        all_differ! {
            a { struct It { id: u64, name: String } }
            b { struct It { id: u64, name: String, age: u8 } }
            c { struct It { id: u64 } }
            d { struct It { id: u64, nick: String } }
            e { struct It { name: String, id: u64 } }
            f { struct It { id: u32, name: String } }
            g { struct It { id: u64, name: Option<String> } }
            h { struct It { id: u64, name: Vec<String> } }
            i { struct It { id: u64, name: Vec<Option<String>> } }
            j { struct It { id: u64, name: HashMap<String, u8> } }
            k { struct It { id: u64, name: HashMap<String, u16> } }
            l { struct It { id: NonZeroU64, name: IpAddr, last: u8 } }
            m { struct It { id: NonZeroU64, name: IpAddr, last: u16 } }
            n { struct It { id: u64, name: (u8, u8) } }
            o { struct It { id: u64, name: (u8, u16) } }
            p { struct It { id: u64, name: i8 } }
        }
    }

    #[test]
    fn a_changed_enum_has_another_shape() {
        all_differ! {
            a { enum It { A, B(u8), C { x: u8 } } }
            b { enum It { B(u8), A, C { x: u8 } } }
            c { enum It { A, B(u8), C { x: u16 } } }
            d { enum It { A, B(u16), C { x: u8 } } }
            e { enum It { A, B(u8), C { y: u8 } } }
            f { enum It { A, B(u8), C { x: u8 }, D } }
            g { enum It { A(Option<u8>), B(u8), C { x: u8 } } }
        }
    }

    #[test]
    fn a_change_deep_inside_of_an_enum_is_seen() {
        all_differ! {
            a { enum It { A(Result<u8, u8>), B } }
            b { enum It { A(Result<u8, u16>), B } }
            c { enum It { A(Result<Option<u8>, u8>), B } }
            d { enum It { A(Result<u8, Result<u8, u8>>), B } }
            e { enum It { A(Result<u8, Result<u8, u16>>), B } }
            f { enum It { B, A(Result<u8, Result<u8, u16>>) } }
        }
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Node {
        left: Option<Box<Node>>,
        children: Vec<Node>,
        kind: Kind,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    enum Kind {
        Not(Box<Kind>),
        And(Box<Kind>, Box<Kind>),
        Leaf(u8),
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    enum Untagged {
        Number(u8),
        Text(String),
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Flattened {
        id: u8,
        #[serde(flatten)]
        rest: HashMap<String, u8>,
    }

    #[test]
    fn any_type_comes_to_an_end() {
        for shape in [of::<Node>(), of::<Kind>(), of::<Untagged>(), of::<Flattened>(), of::<Vec<IpAddr>>()] {
            assert_ne!(shape, of::<()>());
        }
    }

    #[test]
    fn the_same_type_has_one_shape_per_codec_and_version() {
        assert_eq!(of::<Node>(), of::<Node>());
        assert_eq!(of::<HashMap<String, u8>>(), of::<std::collections::BTreeMap<String, u8>>());
        assert_ne!(of::<Option<u8>>(), of::<u8>());
        assert_ne!(fingerprint::<u8>("json", 0), fingerprint::<u8>("bincode", 0));
        assert_ne!(fingerprint::<u8>("json", 0), fingerprint::<u8>("json", 1));
    }

    struct Panics;

    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("not a good type")
        }
    }

    #[test]
    fn a_panic_is_not_passed_on() {
        assert_eq!(of::<Panics>(), of::<Panics>());
    }
}
