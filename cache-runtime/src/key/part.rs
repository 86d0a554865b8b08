//! What can stand in a key, and how it is rendered.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::NonZero;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::{KeyWriter, Parts};

/// A value that can be part of a cache key.
///
/// Two different values of one type render differently. Implemented for integers, `bool`, `char`, strings, `Option`,
/// references, tuples, slices, addresses, `Duration`, and `uuid::Uuid` (feature `uuid`); derive it for newtypes, field-less
/// enums and structs of parts. Floats are left out: `0.0` and `-0.0` are equal and differ.
///
/// ```
/// use cache_runtime::KeyPart;
///
/// #[derive(KeyPart)]
/// struct OrgId(u64);
///
/// #[derive(KeyPart)]
/// enum Plan { Free, Paid }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "this is a part of the key",
    note = "help: put `#[derive(cache_runtime::KeyPart)]` on it, name a field of it (`{{name.id}}`), or write `{{name:hash}}` if it is `Serialize`"
)]
pub trait KeyPart {
    /// Renders the value.
    fn write(&self, out: &mut KeyWriter);

    /// Takes the value in as it is, where that is cheaper: two that are taken in equally render equally. False if there
    /// is no room.
    #[doc(hidden)]
    fn keep(&self, parts: &mut Parts) -> bool {
        let mut writer = KeyWriter::new();
        self.write(&mut writer);
        parts.rendered(&writer)
    }
}

macro_rules! integers {
    ($($integer:ty $(: $keep:ident)?),*) => {$(
        impl KeyPart for $integer {
            fn write(&self, out: &mut KeyWriter) {
                // Digits from the back; 40 bytes take `i128::MIN`, 20 whatever has 64 bits.
                let mut digits = [0; if size_of::<$integer>() > 8 { 40 } else { 20 }];
                let mut at = digits.len();
                let mut rest = *self;
                loop {
                    at -= 1;
                    #[allow(unused_comparisons, reason = "one body for signed and unsigned")]
                    let digit = if rest < 0 { 0 - (rest % 10) } else { rest % 10 };
                    digits[at] = b'0' + digit as u8;
                    rest /= 10;
                    if rest == 0 {
                        break;
                    }
                }
                #[allow(unused_comparisons, reason = "one body for signed and unsigned")]
                if *self < 0 {
                    at -= 1;
                    digits[at] = b'-';
                }
                out.digits(&digits[at..]);
            }

            $(
                #[inline]
                fn keep(&self, parts: &mut Parts) -> bool {
                    parts.$keep(*self as _)
                }
            )?
        }

        impl KeyPart for NonZero<$integer> {
            fn write(&self, out: &mut KeyWriter) {
                self.get().write(out);
            }

            fn keep(&self, parts: &mut Parts) -> bool {
                self.get().keep(parts)
            }
        }
    )*};
}

integers! {
    u8: unsigned, u16: unsigned, u32: unsigned, u64: unsigned, u128, usize: unsigned,
    i8: signed, i16: signed, i32: signed, i64: signed, i128, isize: signed
}

impl KeyPart for bool {
    fn write(&self, out: &mut KeyWriter) {
        out.plain(if *self { "true" } else { "false" });
    }
}

impl KeyPart for char {
    fn write(&self, out: &mut KeyWriter) {
        out.text(self.encode_utf8(&mut [0; 4]));
    }
}

impl KeyPart for str {
    fn write(&self, out: &mut KeyWriter) {
        out.text(self);
    }

    fn keep(&self, parts: &mut Parts) -> bool {
        parts.text(self)
    }
}

impl KeyPart for String {
    fn write(&self, out: &mut KeyWriter) {
        out.text(self);
    }

    fn keep(&self, parts: &mut Parts) -> bool {
        parts.text(self)
    }
}

/// `None` is `%n`, which no text renders to. `Some(x)` is `x`, behind `%s` where that begins with `%n` or `%s` itself.
impl<T: KeyPart> KeyPart for Option<T> {
    fn write(&self, out: &mut KeyWriter) {
        match self {
            None => out.raw("%n"),
            Some(part) => {
                let position = out.position();
                part.write(out);
                out.mark_some(position);
            }
        }
    }
}

macro_rules! pointers {
    ($($pointer:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: KeyPart + ?Sized> KeyPart for $pointer {
            fn write(&self, out: &mut KeyWriter) {
                (**self).write(out);
            }

            #[inline]
            fn keep(&self, parts: &mut Parts) -> bool {
                (**self).keep(parts)
            }
        }
    )*};
}

pointers!(&T &mut T Box<T> Rc<T> Arc<T>);

impl<T: KeyPart + ToOwned + ?Sized> KeyPart for Cow<'_, T> {
    fn write(&self, out: &mut KeyWriter) {
        (**self).write(out);
    }

    fn keep(&self, parts: &mut Parts) -> bool {
        (**self).keep(parts)
    }
}

/// `(a,b,)`: each element is followed by a comma, so that no elements and one empty text differ.
impl<T: KeyPart> KeyPart for [T] {
    fn write(&self, out: &mut KeyWriter) {
        out.raw("(");
        for part in self {
            part.write(out);
            out.separator();
        }
        out.raw(")");
    }
}

impl<T: KeyPart, const N: usize> KeyPart for [T; N] {
    fn write(&self, out: &mut KeyWriter) {
        self[..].write(out);
    }
}

impl<T: KeyPart> KeyPart for Vec<T> {
    fn write(&self, out: &mut KeyWriter) {
        self[..].write(out);
    }
}

macro_rules! tuples {
    ($($first:ident $(, $rest:ident)*;)*) => {$(
        impl<$first: KeyPart $(, $rest: KeyPart)*> KeyPart for ($first, $($rest,)*) {
            #[expect(non_snake_case, reason = "a field is named after its type")]
            fn write(&self, out: &mut KeyWriter) {
                let ($first, $($rest,)*) = self;
                $first.write(out);
                $(
                    out.separator();
                    $rest.write(out);
                )*
            }
        }
    )*};
}

tuples! {
    A;
    A, B;
    A, B, C;
    A, B, C, D;
    A, B, C, D, E;
    A, B, C, D, E, F;
}

macro_rules! displayed {
    ($($type:ty)*) => {$(
        impl KeyPart for $type {
            fn write(&self, out: &mut KeyWriter) {
                out.text(&self.to_string());
            }
        }
    )*};
}

displayed!(IpAddr Ipv4Addr Ipv6Addr SocketAddr SocketAddrV4 SocketAddrV6);

/// In nanoseconds.
impl KeyPart for Duration {
    fn write(&self, out: &mut KeyWriter) {
        self.as_nanos().write(out);
    }
}

/// A part that was rendered earlier, for templates of which another part is known only later.
#[derive(Debug)]
pub struct Rendered(SmallVec<[u8; 32]>, Option<Box<str>>);

impl Rendered {
    /// Renders `part` now.
    pub fn new(part: &dyn KeyPart) -> Self {
        let mut writer = KeyWriter::new();
        part.write(&mut writer);
        Self(SmallVec::from_slice(writer.rendered()), writer.failure().map(Into::into))
    }
}

impl KeyPart for Rendered {
    fn write(&self, out: &mut KeyWriter) {
        out.raw(std::str::from_utf8(&self.0).expect("written as whole strings"));
        if let Some(failure) = &self.1 {
            out.fail(failure.clone());
        }
    }
}

#[cfg(feature = "uuid")]
impl KeyPart for uuid::Uuid {
    fn write(&self, out: &mut KeyWriter) {
        out.plain(self.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(part: impl KeyPart) -> String {
        let mut writer = KeyWriter::new();
        part.write(&mut writer);
        String::from_utf8(writer.rendered().to_vec()).expect("UTF-8 in, UTF-8 out")
    }

    #[test]
    fn integers_are_written_as_the_standard_library_writes_them() {
        for n in [i128::MIN, -1, 0, 1, 10, i128::MAX] {
            assert_eq!(rendered(n), n.to_string());
        }
        assert_eq!(rendered(u128::MAX), u128::MAX.to_string());
        assert_eq!(rendered(i8::MIN), "-128");
        assert_eq!(rendered(NonZero::new(7u16).expect("not zero")), "7");
    }

    #[test]
    fn values_never_look_like_structure() {
        assert_eq!(rendered("a:b,c(d)%e f"), "a%3Ab%2Cc%28d%29%25e%20f");
        assert_eq!(rendered("ünï@x.y-z_~+"), "ünï@x.y-z_~+");
        assert_eq!(rendered(Ipv6Addr::LOCALHOST), "%3A%3A1");
    }

    #[test]
    fn none_is_no_text() {
        assert_eq!(rendered(None::<&str>), "%n");
        assert_eq!(rendered(Some("None")), "None");
        assert_eq!(rendered(Some("%n")), "%25n");
        assert_eq!(rendered(Some(None::<u8>)), "%s%n");
        assert_eq!(rendered(Some(Some(None::<u8>))), "%s%s%n");
        assert_eq!(rendered(Some(Some(Some(1)))), "1");
    }

    #[test]
    fn different_values_of_one_type_render_differently() {
        fn differ<T: KeyPart>(values: &[T]) {
            let mut seen: Vec<String> = values.iter().map(rendered).collect();
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), values.len(), "{seen:?}");
        }
        differ(&[("a:b", "c"), ("a", "b:c"), ("a,b", "c"), ("a", "b,c"), ("", "a,b,c")]);
        differ(&[vec![], vec![""], vec!["", ""], vec![","], vec!["a", "b"], vec!["a,b"]]);
        differ(&[(vec!["a"], "b"), (vec!["a", "b"], ""), (vec![], "a,b")]);
        differ(&[(None, Some("n")), (Some("n"), None), (None, None), (Some(""), None), (None, Some(""))]);
        differ(&[vec![Some(1), None], vec![None, Some(1)], vec![Some(1)], vec![None]]);
    }

    #[test]
    fn random_pairs_render_as_themselves_only() {
        let alphabet = ["", "a", "n", ":", ",", "%", "(", ")", "%n", "0"];
        let text =
            || (0..fastrand::usize(..4)).map(|_| alphabet[fastrand::usize(..alphabet.len())]).collect::<String>();
        let mut seen = std::collections::HashMap::new();
        for _ in 0..200_000 {
            let value = (Some(text()).filter(|_| fastrand::bool()), vec![text(); fastrand::usize(..3)], text());
            // As in the template "{0}:{1}:{2}".
            let key = format!("{}:{}:{}", rendered(&value.0), rendered(&value.1), rendered(&value.2));
            assert_eq!(seen.entry(key).or_insert_with(|| value.clone()), &value);
        }
    }
}
