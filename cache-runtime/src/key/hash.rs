//! Hashes in keys: of a whole value (`{filter:hash}`), and of a key that is too long.
//!
//! SHA-256, cut to 128 bits: search texts and filters come from outside, and whoever could make two of them
//! collide would be answered with somebody else's value.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::text::Text;
use super::{KeyPart, KeyWriter};
use crate::canonical::{self, Order};

/// A part that stands for a whole value: 32 hex digits.
#[derive(Debug)]
pub struct HashPart<'a, T: ?Sized>(pub &'a T);

impl<T: Serialize + ?Sized> KeyPart for HashPart<'_, T> {
    fn write(&self, out: &mut KeyWriter) {
        match canonical::digest(self.0, Order::Kept) {
            Ok(digest) => out.plain(&hex(digest)),
            Err(error) => out.fail(format!("`{}` cannot be hashed: {error}", std::any::type_name::<T>())),
        }
    }
}

fn hex(digest: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(digest))
}

fn digest128(bytes: &[u8]) -> [u8; 16] {
    let whole = Sha256::digest(bytes);
    std::array::from_fn(|index| whole[index])
}

/// Cuts what is rendered from `start` on to `limit`: a prefix, `%~`, and the hash of all of it.
///
/// `%~` is no escape and begins no part, so no short key ends like that.
pub(super) fn shorten(text: &mut Text, start: usize, limit: usize) {
    let rendered = text.bytes();
    let hash = hex(digest128(&rendered[start..]));
    let mut cut = start + limit - hash.len() - 2;
    // Not inside of a character: those begin with another byte than 10xxxxxx.
    while rendered[cut] & 0xC0 == 0x80 {
        cut -= 1;
    }
    // Nor inside of an escape.
    if let Some(percent) = rendered[cut - 2..cut].iter().position(|byte| *byte == b'%') {
        cut -= 2 - percent;
    }
    text.truncate(cut);
    text.extend(b"%~");
    text.extend(hash.as_bytes());
}

/// What is left of the text of a key that was cut; `None` of one that was not.
#[cfg(feature = "inspect")]
pub(crate) fn kept_of_cut(key: &str) -> Option<&str> {
    let (kept, hash) = key.rsplit_once("%~")?;
    (hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Behind another piece.
    fn shortened(text: &str) -> String {
        let mut writer = KeyWriter::new();
        writer.raw("before");
        writer.raw(text);
        writer.shorten("before".len());
        let rendered = std::str::from_utf8(writer.rendered()).expect("cut between characters");
        rendered.strip_prefix("before").expect("what is before it stays").to_owned()
    }

    #[test]
    fn short_keys_stay() {
        assert_eq!(shortened("user:7"), "user:7");
        let just_fits = "a".repeat(512);
        assert_eq!(shortened(&just_fits), just_fits);
    }

    #[test]
    fn long_keys_keep_a_prefix_and_differ_by_hash() {
        let long = "user:".to_owned() + &"a".repeat(1000);
        let (one, other) = (shortened(&long), shortened(&(long.clone() + "b")));
        assert!(one.starts_with("user:aaa") && one.len() <= 512, "{one}");
        assert_ne!(one, other);
    }

    #[test]
    fn characters_and_escapes_are_not_cut() {
        for shift in 0..4 {
            shortened(&("x".repeat(shift) + &"ü".repeat(600)));
            let escapes = shortened(&("x".repeat(shift) + &"%3A".repeat(400)));
            let (prefix, _) = escapes.split_once("%~").expect("marked");
            assert!(prefix.trim_start_matches('x').len() % 3 == 0, "{prefix}");
        }
    }

    #[test]
    fn equal_filters_hash_equally() {
        let one = std::collections::HashMap::from([("a", 1), ("b", 2), ("c", 3)]);
        let other = std::collections::HashMap::from([("c", 3), ("b", 2), ("a", 1)]);
        let hash = |value: &std::collections::HashMap<&str, i32>| {
            let mut writer = KeyWriter::new();
            HashPart(value).write(&mut writer);
            writer.rendered().to_vec()
        };
        assert_eq!(hash(&one), hash(&other));
        assert_eq!(hash(&one).len(), 32);
    }
}
