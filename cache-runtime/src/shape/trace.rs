//! A deserializer that has nothing to read: it notes what it is asked for, and makes up an answer.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::survey::{Mark, Place, Survey, step, step_to};

/// Deeper than any type that is not recursive.
const MAX_DEPTH: usize = 64;

/// Texts that types which parse a text may accept.
const TEXTS: [&str; 16] = [
    "a",
    "",
    "1",
    "2000-01-01T00:00:00Z",
    "2000-01-01T00:00:00",
    "2000-01-01",
    "00:00:00",
    "+00:00",
    "127.0.0.1",
    "::1",
    "127.0.0.1:1",
    "[::1]:1",
    "00000000-0000-0000-0000-000000000001",
    "http://a.example/",
    "1.0.0",
    "a@a.example",
];

/// Lengths that types which copy bytes into an array may accept.
const LENGTHS: [usize; 9] = [16, 0, 4, 8, 12, 20, 24, 32, 64];

/// Why a run ended before its value was complete.
#[derive(Debug)]
pub(super) enum Stop {
    /// A field that was not announced.
    Missing(&'static str),
    /// These names were wanted.
    Unknown(&'static [&'static str]),
    /// The value is no good.
    Refused,
    /// A `Deserialize` impl panicked.
    Panicked,
    /// All that this run is for has been seen.
    Reached,
    /// The budget is.
    Spent,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is nothing to read")
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Refused
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing(name)
    }

    fn unknown_variant(_: &str, names: &'static [&'static str]) -> Self {
        Self::Unknown(names)
    }
}

pub(super) struct Tracer<'a> {
    survey: &'a mut Survey,
    place: Place,
    depth: usize,
}

impl<'a> Tracer<'a> {
    pub(super) fn new(survey: &'a mut Survey) -> Self {
        Self { survey, place: 0, depth: 0 }
    }

    fn at(&mut self, place: Place) -> Tracer<'_> {
        Tracer { survey: self.survey, place, depth: self.depth + 1 }
    }

    fn note(&mut self, wish: &str, names: &[&str], number: usize) -> Result<(), Stop> {
        if self.depth > MAX_DEPTH {
            return Err(Stop::Refused);
        }
        self.survey.note(self.place, wish, names, number)
    }

    fn leaf<T: Copy>(&mut self, wish: &str, candidates: &[T]) -> Result<T, Stop> {
        self.note(wish, &[], 0)?;
        Ok(candidates[self.survey.candidate(self.place, candidates.len())])
    }

    /// So many unnamed parts.
    fn parts<'de, V: Visitor<'de>>(mut self, length: usize, visitor: V) -> Result<V::Value, Stop> {
        let mark = self.survey.mark();
        visitor.visit_seq(Parts { tracer: self.at_self(), mark, names: &[], length, next: 0 })
    }

    /// Named fields: by name, in which any can be left out, or else one after the other.
    fn fields<'de, V: Visitor<'de>>(mut self, names: &'static [&'static str], visitor: V) -> Result<V::Value, Stop> {
        let mark = self.survey.mark();
        let way = step(self.place, "way");
        let value = if self.survey.pick(way, 2) == 0 {
            let mut fields = Fields { tracer: self.at_self(), mark, names, next: 0, asked: false, value: 0 };
            let value = visitor.visit_map(&mut fields);
            if !fields.asked && value.is_err() {
                self.survey.blame(way, 2);
            }
            value?
        } else {
            visitor.visit_seq(Parts { tracer: self.at_self(), mark, names, length: names.len(), next: 0 })?
        };
        self.survey.leave(mark)?;
        Ok(value)
    }

    fn entries<'de, V: Visitor<'de>>(mut self, unnamed: bool, visitor: V) -> Result<V::Value, Stop> {
        let mark = self.survey.mark();
        let value = visitor.visit_map(Entries { tracer: self.at_self(), mark, unnamed, next: 0, value: 0 })?;
        self.survey.leave(mark)?;
        Ok(value)
    }

    fn at_self(&mut self) -> Tracer<'_> {
        Tracer { survey: self.survey, place: self.place, depth: self.depth }
    }
}

macro_rules! leaves {
    ($($method:ident $visit:ident $wish:literal [$($candidate:expr),*])*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
            visitor.$visit(self.leaf($wish, &[$($candidate),*])?)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Tracer<'_> {
    type Error = Stop;

    // One and not zero first, for `NonZero` and months.
    leaves! {
        deserialize_bool visit_bool "bool" [false, true]
        deserialize_i8 visit_i8 "i8" [1, 0, -1]
        deserialize_i16 visit_i16 "i16" [1, 0, -1]
        deserialize_i32 visit_i32 "i32" [1, 0, -1]
        deserialize_i64 visit_i64 "i64" [1, 0, -1]
        deserialize_i128 visit_i128 "i128" [1, 0, -1]
        deserialize_u8 visit_u8 "u8" [1, 0]
        deserialize_u16 visit_u16 "u16" [1, 0]
        deserialize_u32 visit_u32 "u32" [1, 0]
        deserialize_u64 visit_u64 "u64" [1, 0]
        deserialize_u128 visit_u128 "u128" [1, 0]
        deserialize_f32 visit_f32 "f32" [1.0, 0.0, 0.5]
        deserialize_f64 visit_f64 "f64" [1.0, 0.0, 0.5]
        deserialize_char visit_char "char" ['a', '1']
    }

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        match self.leaf("any", &[0, 1, 2, 3, 4, 5, 6])? {
            0 => self.entries(false, visitor),
            1 => visitor.visit_unit(),
            2 => visitor.visit_bool(false),
            3 => visitor.visit_u64(1),
            4 => visitor.visit_str("a"),
            5 => visitor.visit_f64(1.0),
            _ => self.parts(0, visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_str(self.leaf("str", &TEXTS)?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_bytes(&[1; 64][..self.leaf("bytes", &LENGTHS)?])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.note("option", &[], 0)?;
        let mark = self.survey.mark();
        let inside = step(self.place, "some");
        if self.survey.is_deep() || !self.survey.open(mark, inside) {
            return visitor.visit_none();
        }
        let value = visitor.visit_some(self.at(inside))?;
        self.survey.leave(mark)?;
        Ok(value)
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.note("unit", &[], 0)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(mut self, name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        self.note("unit struct", &[name], 0)?;
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(mut self, name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        self.note("newtype struct", &[name], 0)?;
        let mark = self.survey.mark();
        self.survey.enter(name, &[]);
        let inside = step(self.place, "0");
        let value = visitor.visit_newtype_struct(self.at(inside))?;
        self.survey.rewind(mark);
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.note("seq", &[], 0)?;
        let mark = self.survey.mark();
        let element = step(self.place, "element");
        if self.survey.is_deep() || !self.survey.open(mark, element) {
            return self.parts(0, visitor);
        }
        let inside = self.survey.mark();
        let value = visitor.visit_seq(Parts {
            tracer: self.at_self(),
            mark: inside,
            names: &["element"],
            length: 1,
            next: 0,
        })?;
        self.survey.leave(mark)?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(mut self, length: usize, visitor: V) -> Result<V::Value, Stop> {
        self.note("tuple", &[], length)?;
        self.parts(length, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.note("tuple struct", &[name], length)?;
        let mark = self.survey.mark();
        self.survey.enter(name, &[]);
        let value = self.at_self().parts(length, visitor)?;
        self.survey.rewind(mark);
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.note("map", &[], 0)?;
        self.entries(true, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.note(&format!("struct {name}"), names, names.len())?;
        let mark = self.survey.mark();
        self.survey.enter(name, names);
        let value = self.at_self().fields(names, visitor)?;
        self.survey.rewind(mark);
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.note(&format!("enum {name}"), names, names.len())?;
        if names.is_empty() {
            return Err(Stop::Refused);
        }
        let mark = self.survey.mark();
        let named = self.survey.enter(name, names);
        let index = if self.survey.is_deep() {
            self.survey.way_out(named, names.len()).ok_or(Stop::Refused)?
        } else {
            self.survey.choose(self.place, names.len())
        };
        let variant = names.get(index).copied().ok_or(Stop::Refused)?;
        let entered = self.survey.entered(named);
        let content = step(self.place, variant);
        let value = visitor.visit_enum(Variant { tracer: self.at(content), variant })?;
        if self.survey.entered(named) == entered {
            self.survey.ends_with(named, index);
        }
        self.survey.rewind(mark);
        Ok(value)
    }

    /// Asked for a value and not a key: the tag of an enum with `tag = ".."`. Its names are known once one was wrong.
    fn deserialize_identifier<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.note("identifier", &[], 0)?;
        let name = self.survey.tag(self.place).unwrap_or("a");
        self.note("tag", &[name], 0)?;
        visitor.visit_str(name)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    /// As the binary codecs say: addresses and ids then ask for numbers and not for one text.
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Values one after the other.
struct Parts<'a> {
    tracer: Tracer<'a>,
    mark: Mark,
    /// Of the fields of a struct.
    names: &'static [&'static str],
    length: usize,
    next: usize,
}

impl<'de> de::SeqAccess<'de> for Parts<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        if self.next == self.length {
            return Ok(None);
        }
        self.tracer.survey.rewind(self.mark);
        let place = match self.names.get(self.next) {
            Some(name) => step(self.tracer.place, name),
            None => step_to(self.tracer.place, self.next),
        };
        self.next += 1;
        seed.deserialize(self.tracer.at(place)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.length - self.next)
    }
}

/// The fields of a struct, by name.
struct Fields<'a> {
    tracer: Tracer<'a>,
    mark: Mark,
    names: &'static [&'static str],
    next: usize,
    asked: bool,
    value: Place,
}

impl<'de> de::MapAccess<'de> for Fields<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        self.asked = true;
        while let Some(name) = self.names.get(self.next) {
            self.next += 1;
            self.value = step(self.tracer.place, name);
            if self.tracer.survey.open(self.mark, self.value) {
                return seed.deserialize(text(name)).map(Some);
            }
        }
        self.tracer.survey.rewind(self.mark);
        self.tracer.survey.ended(None);
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        let value = self.value;
        seed.deserialize(self.tracer.at(value))
    }
}

/// The entries of a map: those that it turned out to need, or else one made up.
struct Entries<'a> {
    tracer: Tracer<'a>,
    mark: Mark,
    unnamed: bool,
    next: usize,
    value: Place,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        let place = self.tracer.place;
        self.tracer.survey.rewind(self.mark);
        while let Some(name) = self.tracer.survey.learned(place, self.next) {
            self.next += 1;
            self.value = step(step(place, "key"), name);
            if self.tracer.survey.open(self.mark, self.value) {
                self.tracer.note("key", &[name], 0)?;
                return seed.deserialize(text(name)).map(Some);
            }
        }
        if self.unnamed && self.next == 0 {
            self.next = usize::MAX;
            self.value = step(place, "value");
            if !self.tracer.survey.is_deep() && self.tracer.survey.open(self.mark, self.value) {
                return seed.deserialize(self.tracer.at(step(place, "key"))).map(Some);
            }
        }
        self.tracer.survey.rewind(self.mark);
        self.tracer.survey.ended(Some(place));
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        let value = self.value;
        seed.deserialize(self.tracer.at(value))
    }
}

/// The content of the variant that was chosen.
struct Variant<'a> {
    tracer: Tracer<'a>,
    variant: &'static str,
}

impl<'de> de::EnumAccess<'de> for Variant<'_> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Stop> {
        Ok((seed.deserialize(text(self.variant))?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_> {
    type Error = Stop;

    fn unit_variant(mut self) -> Result<(), Stop> {
        self.tracer.note("unit variant", &[], 0)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<S::Value, Stop> {
        self.tracer.note("newtype variant", &[], 0)?;
        let inside = step(self.tracer.place, "0");
        seed.deserialize(self.tracer.at(inside))
    }

    fn tuple_variant<V: Visitor<'de>>(mut self, length: usize, visitor: V) -> Result<V::Value, Stop> {
        self.tracer.note("tuple variant", &[], length)?;
        self.tracer.parts(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(mut self, names: &'static [&'static str], visitor: V) -> Result<V::Value, Stop> {
        self.tracer.note("struct variant", names, names.len())?;
        self.tracer.fields(names, visitor)
    }
}

fn text(name: &str) -> StrDeserializer<'_, Stop> {
    name.into_deserializer()
}
