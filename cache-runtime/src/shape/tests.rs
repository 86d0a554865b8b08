//! Which changes of a type show in its shape, and which do not.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::*;

fn shape<T: DeserializeOwned>() -> u64 {
    fingerprint::<T>("codec", 0)
}

/// Two types of the same name, by themselves and inside of others.
macro_rules! differ {
    ($($test:ident: $before:item / $after:item;)*) => {$(
        #[test]
        fn $test() {
            fn before() -> [u64; 3] {
                #[derive(Deserialize)]
                #[allow(dead_code, reason = "only what it deserializes from counts")]
                $before
                [shape::<Value>(), shape::<Vec<Option<Value>>>(), shape::<HashMap<String, Box<Value>>>()]
            }
            fn after() -> [u64; 3] {
                #[derive(Deserialize)]
                #[allow(dead_code, reason = "only what it deserializes from counts")]
                $after
                [shape::<Value>(), shape::<Vec<Option<Value>>>(), shape::<HashMap<String, Box<Value>>>()]
            }
            assert_eq!(before(), before());
            for (before, after) in before().iter().zip(after()) {
                assert_ne!(*before, after);
            }
        }
    )*};
}

differ! {
    a_field_was_added: struct Value { a: u32 } / struct Value { a: u32, b: u32 };
    a_field_was_renamed: struct Value { a: u32 } / struct Value { b: u32 };
    fields_changed_places: struct Value { a: u32, b: u32 } / struct Value { b: u32, a: u32 };
    a_number_grew: struct Value { a: u32 } / struct Value { a: u64 };
    a_number_became_signed: struct Value { a: u32 } / struct Value { a: i32 };
    a_field_became_optional: struct Value { a: u32 } / struct Value { a: Option<u32> };
    a_field_became_many: struct Value { a: u32 } / struct Value { a: Vec<u32> };
    a_generic_argument_changed: struct Value { a: Vec<Option<u32>> } / struct Value { a: Vec<Option<i64>> };
    a_variant_was_added: enum Value { A, B } / enum Value { A, B, C };
    variants_changed_places: enum Value { A, B } / enum Value { B, A };
    the_content_of_a_late_variant_changed: enum Value { A, B(u8), C { x: u32 } } / enum Value { A, B(u8), C { x: u64 } };
    contents_were_exchanged: enum Value { A(u32), B(u64) } / enum Value { A(u64), B(u32) };
    a_tuple_grew: struct Value(u8, u8); / struct Value(u8, u8, u8);;
    the_type_was_renamed_by_serde: #[serde(rename = "One")] struct Value { a: u8 } / #[serde(rename = "Two")] struct Value { a: u8 };
    behind_a_refused_value: struct Value { when: Picky, a: u32 } / struct Value { when: Picky, a: u64 };
    behind_a_refused_value_in_depth:
        struct Value { inner: Vec<(Picky, Picky)>, b: Picky, a: u32 } /
        struct Value { inner: Vec<(Picky, Picky)>, b: Picky, a: u64 };
    an_own_field_beside_a_flattened_one:
        struct Value { id: u32, #[serde(flatten)] rest: Rest } / struct Value { id: u64, #[serde(flatten)] rest: Rest };
    a_flattened_field_was_added:
        struct Value { #[serde(flatten)] rest: Rest } / struct Value { #[serde(flatten)] rest: LongerRest };
    a_tagged_variant_was_added: #[serde(tag = "t")] enum Value { A { x: u8 } } / #[serde(tag = "t")] enum Value { A { x: u8 }, B { y: u8 } };
    a_tagged_field_was_renamed:
        #[serde(tag = "t")] enum Value { A { x: u8 }, B { y: u8 } } / #[serde(tag = "t")] enum Value { A { x: u8 }, B { z: u8 } };
    adjacent_contents_were_exchanged:
        #[serde(tag = "t", content = "c")] enum Value { A(u32), B(u64) } / #[serde(tag = "t", content = "c")] enum Value { A(u64), B(u32) };
    inside_of_a_recursive_type:
        struct Value { children: Vec<Value>, a: u32 } / struct Value { children: Vec<Value>, a: u64 };
    inside_of_a_recursive_enum:
        enum Value { Both(Box<Value>, Box<Value>), Not(Box<Value>), Leaf(u32) } /
        enum Value { Both(Box<Value>, Box<Value>), Not(Box<Value>), Leaf(u64) };
    in_an_enum_inside_of_an_enum:
        enum Value { A(Result<u8, Result<u8, u8>>), B } / enum Value { A(Result<u8, Result<u8, u16>>), B };
    behind_an_alias: struct Value { #[serde(alias = "x")] a: u32, b: u32 } / struct Value { #[serde(alias = "x")] a: u32, b: u64 };
}

/// Accepts nothing that could be guessed.
struct Picky;

impl<'de> Deserialize<'de> for Picky {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "xyzzy" => Ok(Self),
            _ => Err(D::Error::custom("not the word")),
        }
    }
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only what they deserialize from counts")]
struct Rest {
    name: String,
    count: u32,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only what they deserialize from counts")]
struct LongerRest {
    name: String,
    count: u32,
    more: u32,
}

#[test]
fn a_nested_change_shows() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only what they deserialize from counts")]
    struct Page<T> {
        items: Vec<T>,
        next: Option<String>,
    }
    assert_ne!(shape::<Page<u32>>(), shape::<Page<u64>>());
    assert_ne!(shape::<Page<Page<Page<u32>>>>(), shape::<Page<Page<Page<u64>>>>());
    assert_ne!(shape::<Page<Rest>>(), shape::<Page<LongerRest>>());
    assert_ne!(shape::<Result<u8, Rest>>(), shape::<Result<u8, LongerRest>>());
}

#[test]
fn where_a_type_lives_does_not_show() {
    mod one {
        #[derive(serde::Deserialize)]
        #[expect(dead_code, reason = "only what it deserializes from counts")]
        pub(super) struct User {
            id: u64,
        }
    }
    mod two {
        #[derive(serde::Deserialize)]
        #[expect(dead_code, reason = "only what it deserializes from counts")]
        pub(super) struct User {
            id: u64,
        }
    }
    assert_eq!(shape::<one::User>(), shape::<two::User>());
}

#[test]
fn codec_and_version_show() {
    assert_eq!(fingerprint::<Rest>("json", 1), fingerprint::<Rest>("json", 1));
    assert_ne!(fingerprint::<Rest>("json", 1), fingerprint::<Rest>("json", 2));
    assert_ne!(fingerprint::<Rest>("json", 1), fingerprint::<Rest>("bincode", 1));
}

/// Stored entries are compared with it: another number makes every entry of every user a miss.
#[test]
fn the_number_is_the_same_in_every_process() {
    assert_eq!(fingerprint::<Rest>("json", 1), GOLDEN);
}

const GOLDEN: u64 = 14978863553048815753;

#[test]
fn plain_types_differ() {
    let shapes = [
        shape::<()>(),
        shape::<bool>(),
        shape::<u8>(),
        shape::<i8>(),
        shape::<u64>(),
        shape::<f32>(),
        shape::<f64>(),
        shape::<char>(),
        shape::<String>(),
        shape::<Option<String>>(),
        shape::<Vec<String>>(),
        shape::<Vec<Vec<String>>>(),
        shape::<(String,)>(),
        shape::<(String, String)>(),
        shape::<[u8; 4]>(),
        shape::<[u8; 5]>(),
        shape::<HashMap<String, u8>>(),
        shape::<HashMap<u8, String>>(),
        shape::<Result<u8, String>>(),
        shape::<Result<String, u8>>(),
        shape::<IpAddr>(),
        shape::<Duration>(),
        shape::<NonZeroU32>(),
    ];
    // A set and a sequence of the same are written alike, and so is what lies in a `Box`.
    assert_eq!(shape::<HashSet<String>>(), shape::<Vec<String>>());
    assert_eq!(shape::<Box<str>>(), shape::<String>());
    assert_eq!(shapes.iter().collect::<HashSet<_>>().len(), shapes.len());
}

#[test]
fn any_type_ends_soon() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only what it deserializes from counts")]
    enum Expr {
        Add(Box<Expr>, Box<Expr>),
        Mul(Box<Expr>, Box<Expr>),
        If { test: Box<Expr>, then: Vec<Stmt>, or: Option<Vec<Stmt>> },
        Call { name: String, arguments: Vec<Expr>, named: BTreeMap<String, Expr> },
        Block(Vec<Stmt>),
        Match(Box<Expr>, Vec<(Expr, Expr)>),
        Text(String),
        Number(f64),
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only what it deserializes from counts")]
    enum Stmt {
        Let { name: String, value: Expr },
        Assign(Expr, Expr),
        While(Expr, Vec<Stmt>),
        Expr(Expr),
        Return(Option<Expr>),
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only what it deserializes from counts")]
    #[serde(untagged)]
    enum Untagged {
        One(u8),
        Many(Vec<Untagged>),
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only what it deserializes from counts")]
    struct Node {
        a: Option<Box<Node>>,
        b: Vec<Node>,
        c: HashMap<String, Node>,
        d: Option<Box<Node>>,
        e: Option<Box<Node>>,
        f: Option<Box<Node>>,
    }
    #[derive(Deserialize)]
    enum Never {}

    #[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
    fn timed<T: DeserializeOwned>() {
        let start = Instant::now();
        assert_eq!(shape::<T>(), shape::<T>());
        let each = start.elapsed() / 2;
        assert!(each < Duration::from_secs(5), "{}: {each:?}", std::any::type_name::<T>());
    }
    timed::<Expr>();
    timed::<Stmt>();
    timed::<Untagged>();
    timed::<Node>();
    timed::<Never>();
    timed::<Option<Never>>();
    timed::<Vec<Picky>>();
    timed::<IpAddr>();
    timed::<[[u8; 32]; 32]>();
    timed::<Endless>();
}

/// Asks for itself without a name.
struct Endless;

impl<'de> Deserialize<'de> for Endless {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <(Box<Endless>, Box<Endless>)>::deserialize(deserializer).map(|_| Self)
    }
}

#[cfg(feature = "json")]
#[test]
fn a_value_of_any_form_has_a_shape() {
    assert_eq!(shape::<serde_json::Value>(), shape::<serde_json::Value>());
    assert_ne!(shape::<serde_json::Value>(), shape::<String>());
}

#[test]
fn a_panic_stays_inside() {
    struct Panics;

    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            panic!("asked with {}", u8::deserialize(deserializer)?)
        }
    }

    assert_ne!(shape::<(u8, Panics)>(), shape::<(u16, Panics)>());
}
