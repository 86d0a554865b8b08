//! Equal values, equal bytes: a canonical form of anything `Serialize`.
//!
//! The form is tagged and self-delimiting, so that no two different values share it: names of fields and variants are
//! in it, a skipped field differs from a present one, maps do not depend on the order in which they were walked.

use std::fmt;

use serde::{Serialize, ser};
use sha2::{Digest, Sha256};

/// Whether the order of a sequence counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// It does.
    Kept,
    /// It does not: a hash set and its decoded copy are walked in different orders.
    Ignored,
}

/// Why a value has no canonical form: its own `Serialize` refused.
#[derive(Debug)]
pub(crate) struct CanonicalError(String);

impl fmt::Display for CanonicalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CanonicalError {}

impl ser::Error for CanonicalError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// A 128-bit digest of the canonical form.
pub(crate) fn digest<T: Serialize + ?Sized>(value: &T, order: Order) -> Result<[u8; 16], CanonicalError> {
    let whole = Sha256::digest(form(value, order)?);
    Ok(std::array::from_fn(|index| whole[index]))
}

fn form<T: Serialize + ?Sized>(value: &T, order: Order) -> Result<Vec<u8>, CanonicalError> {
    let mut writer = Writer { out: Vec::new(), order };
    value.serialize(&mut writer)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    order: Order,
}

impl Writer {
    fn tag(&mut self, tag: u8) -> &mut Self {
        self.out.push(tag);
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.out.extend_from_slice(bytes);
        self
    }
}

macro_rules! numbers {
    ($($method:ident: $number:ty, $tag:literal;)*) => {$(
        fn $method(self, value: $number) -> Result<(), CanonicalError> {
            self.tag($tag).out.extend_from_slice(&value.to_le_bytes());
            Ok(())
        }
    )*};
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = ();
    type Error = CanonicalError;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Elements<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    numbers! {
        serialize_i8: i8, b'a';
        serialize_i16: i16, b'b';
        serialize_i32: i32, b'c';
        serialize_i64: i64, b'd';
        serialize_i128: i128, b'e';
        serialize_u8: u8, b'f';
        serialize_u16: u16, b'g';
        serialize_u32: u32, b'h';
        serialize_u64: u64, b'i';
        serialize_u128: u128, b'j';
        serialize_f32: f32, b'k';
        serialize_f64: f64, b'l';
    }

    fn serialize_bool(self, value: bool) -> Result<(), CanonicalError> {
        self.tag(if value { b'1' } else { b'0' });
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), CanonicalError> {
        self.tag(b'C').out.extend_from_slice(&u32::from(value).to_le_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), CanonicalError> {
        self.tag(b'S').bytes(value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), CanonicalError> {
        self.tag(b'B').bytes(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), CanonicalError> {
        self.tag(b'N');
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CanonicalError> {
        value.serialize(self.tag(b'O'))
    }

    fn serialize_unit(self) -> Result<(), CanonicalError> {
        self.tag(b'U');
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), CanonicalError> {
        self.tag(b'u').bytes(name.as_bytes());
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), CanonicalError> {
        self.tag(b'v').bytes(variant.as_bytes());
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), CanonicalError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        value.serialize(self.tag(b'w').bytes(variant.as_bytes()))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'a>, CanonicalError> {
        let sorted = self.order == Order::Ignored;
        Ok(Elements { writer: self.tag(b'['), sorted, elements: Vec::new() })
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, CanonicalError> {
        Ok(Parts(self.tag(b'(')))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, CanonicalError> {
        Ok(Parts(self.tag(b'(')))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, CanonicalError> {
        Ok(Parts(self.tag(b'x').bytes(variant.as_bytes())))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Elements<'a>, CanonicalError> {
        Ok(Elements { writer: self.tag(b'{'), sorted: true, elements: Vec::new() })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, CanonicalError> {
        Ok(Parts(self.tag(b'<')))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, CanonicalError> {
        Ok(Parts(self.tag(b'y').bytes(variant.as_bytes())))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The elements of a sequence or the entries of a map, each in its own bytes until all are there.
struct Elements<'a> {
    writer: &'a mut Writer,
    sorted: bool,
    elements: Vec<Vec<u8>>,
}

impl Elements<'_> {
    fn close(mut self) {
        if self.sorted {
            self.elements.sort_unstable();
        }
        for element in &self.elements {
            self.writer.tag(b'+').bytes(element);
        }
        self.writer.tag(b']');
    }
}

impl ser::SerializeSeq for Elements<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.elements.push(form(value, self.writer.order)?);
        Ok(())
    }

    fn end(self) -> Result<(), CanonicalError> {
        self.close();
        Ok(())
    }
}

impl ser::SerializeMap for Elements<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CanonicalError> {
        self.elements.push(form(key, self.writer.order)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        let value = form(value, self.writer.order)?;
        // Keys are self-delimiting, so key and value together are too.
        self.elements.last_mut().ok_or_else(|| CanonicalError("a value without a key".into()))?.extend(value);
        Ok(())
    }

    fn end(self) -> Result<(), CanonicalError> {
        self.close();
        Ok(())
    }
}

/// The fields of a struct or tuple, in their declared order.
struct Parts<'a>(&'a mut Writer);

impl Parts<'_> {
    fn unnamed<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        value.serialize(self.0.tag(b'+'))
    }

    fn named<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), CanonicalError> {
        value.serialize(self.0.tag(b'+').bytes(name.as_bytes()))
    }
}

macro_rules! parts {
    ($($trait:ident::$method:ident),*) => {$(
        impl ser::$trait for Parts<'_> {
            type Ok = ();
            type Error = CanonicalError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
                self.unnamed(value)
            }

            fn end(self) -> Result<(), CanonicalError> {
                self.0.tag(b')');
                Ok(())
            }
        }
    )*};
}

parts!(
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! named_parts {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Parts<'_> {
            type Ok = ();
            type Error = CanonicalError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), CanonicalError> {
                self.named(name, value)
            }

            fn end(self) -> Result<(), CanonicalError> {
                self.0.tag(b')');
                Ok(())
            }
        }
    )*};
}

named_parts!(SerializeStruct, SerializeStructVariant);

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[derive(Serialize)]
    struct Filter {
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<u8>,
    }

    fn same<A: Serialize + ?Sized, B: Serialize + ?Sized>(one: &A, other: &B) -> bool {
        digest(one, Order::Kept).expect("has a form") == digest(other, Order::Kept).expect("has a form")
    }

    #[test]
    fn a_skipped_field_is_not_another_one() {
        assert!(!same(&Filter { from: None, to: Some(1) }, &Filter { from: Some(1), to: None }));
    }

    #[test]
    fn neighbours_do_not_flow_into_each_other() {
        assert!(!same(&("a", "bc"), &("ab", "c")));
        assert!(!same(&vec![vec![1], vec![2, 3]], &vec![vec![1, 2], vec![3]]));
        assert!(!same(&Vec::<u8>::new(), &vec![Vec::<u8>::new()]));
        assert!(!same(&None::<Option<u8>>, &Some(None::<u8>)));
        assert!(!same(&(), &None::<u8>));
    }

    #[test]
    fn maps_are_equal_in_any_order() {
        let forward: HashMap<u32, String> = (0..200).map(|n| (n, n.to_string())).collect();
        let backward: HashMap<u32, String> = (0..200).rev().map(|n| (n, n.to_string())).collect();
        assert!(same(&forward, &backward));
    }

    #[test]
    fn sequences_are_equal_in_any_order_only_if_asked() {
        assert!(!same(&vec![1, 2], &vec![2, 1]));
        let digest = |values: &[u8]| digest(values, Order::Ignored).expect("has a form");
        assert_eq!(digest(&[1, 2]), digest(&[2, 1]));
        assert_ne!(digest(&[1, 1, 2]), digest(&[1, 2, 2]));
        let set: HashSet<u32> = (0..100).collect();
        let copy: HashSet<u32> = (0..100).rev().collect();
        assert_eq!(
            super::digest(&set, Order::Ignored).expect("has a form"),
            super::digest(&copy, Order::Ignored).expect("has a form")
        );
    }
}
