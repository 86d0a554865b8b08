//! What an entry's bytes are, for those who look at a server from outside.

use super::envelope::Envelope;
use super::hint::known_found;
use super::{FENCE, HINT, TOKEN, VALUE, fence, is_token};

/// What an entry's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nothing,
    Token,
    Fence,
    Hint,
    Value,
    Unknown,
}

pub(crate) fn kind(bytes: &[u8]) -> Kind {
    let kind = begins(bytes);
    let whole = match kind {
        Kind::Token => is_token(bytes),
        Kind::Fence => fence(bytes).is_some(),
        Kind::Hint => !known_found(bytes).is_empty(),
        Kind::Value => Envelope::parse(bytes).is_some(),
        Kind::Nothing | Kind::Unknown => true,
    };
    if whole { kind } else { Kind::Unknown }
}

/// What they are if they are whole, by the first of them.
pub(crate) fn begins(bytes: &[u8]) -> Kind {
    match bytes.first() {
        None => Kind::Nothing,
        Some(&TOKEN) => Kind::Token,
        Some(&FENCE) => Kind::Fence,
        Some(&HINT) => Kind::Hint,
        Some(&VALUE) => Kind::Value,
        Some(_) => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{hint, token};
    use super::*;

    #[test]
    fn what_is_not_whole_is_unknown_whatever_it_begins_with() {
        let hint = hint(&["org:7".to_owned()]);
        let fence = [&[FENCE][..], &[0; 24]].concat();
        for (bytes, expected) in [
            (&token(*b"hist", [1; 8])[..], Kind::Token),
            (&fence, Kind::Fence),
            (&hint, Kind::Hint),
            (b"hello", Kind::Unknown),
            (b"", Kind::Nothing),
        ] {
            assert_eq!((kind(bytes), begins(bytes)), (expected, expected), "{bytes:?}");
            if let [cut @ .., _] = bytes {
                assert_eq!((kind(cut), begins(cut)), (Kind::Unknown, expected), "{cut:?}");
            }
        }
        assert_eq!((kind(&[VALUE; 64]), begins(&[VALUE; 64])), (Kind::Unknown, Kind::Value));
    }
}
