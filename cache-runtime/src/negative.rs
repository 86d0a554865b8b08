//! Whether a value is a `None`, asked of its `Serialize`.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Serialize, ser};

/// Whether `value` serializes as `None`, which is how a negative result is known through any alias.
///
/// One whose `Serialize` panics is none: the panic is not to cost the caller the value.
pub(crate) fn is_none<T: Serialize + ?Sized>(value: &T) -> bool {
    matches!(catch_unwind(AssertUnwindSafe(|| value.serialize(IsNone))), Ok(Err(Answer::None)))
}

/// Stops at the first thing it is told.
struct IsNone;

#[derive(Debug)]
enum Answer {
    None,
    Else,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Answer {}

impl ser::Error for Answer {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Else
    }
}

macro_rules! something_else {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self $(, _: $argument)*) -> Result<$ok, Answer> {
            Err(Answer::Else)
        }
    )*};
}

type Never = ser::Impossible<(), Answer>;

impl ser::Serializer for IsNone {
    type Ok = ();
    type Error = Answer;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    fn serialize_none(self) -> Result<(), Answer> {
        Err(Answer::None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), Answer> {
        Err(Answer::Else)
    }

    /// The default formats the whole text to say the same.
    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), Answer> {
        Err(Answer::Else)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Answer> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Answer> {
        Err(Answer::Else)
    }

    something_else! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_i128(i128) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_u128(u128) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> Never;
        serialize_tuple(usize) -> Never;
        serialize_tuple_struct(&'static str, usize) -> Never;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never;
        serialize_map(Option<usize>) -> Never;
        serialize_struct(&'static str, usize) -> Never;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Serialize)]
    struct Wrapped(Option<u8>);

    #[test]
    fn none_is_known_through_wrappers() {
        assert!(is_none(&None::<String>));
        assert!(is_none(&Arc::new(None::<u8>)));
        assert!(is_none(&Wrapped(None)));
        assert!(!is_none(&Wrapped(Some(1))));
        assert!(!is_none(&Some(None::<u8>)));
        assert!(!is_none(&()));
        assert!(!is_none("None"));
    }

    #[test]
    fn a_text_is_not_formatted_to_know_that_it_is_no_none() {
        struct Text;

        impl fmt::Display for Text {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic!("formatted")
            }
        }

        impl Serialize for Text {
            fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        assert!(!is_none(&Text));
    }
}
