//! The parts of a call as they came: what tells a hot call from all others before anything is rendered.

use super::{KeyPart, KeyWriter};

/// What fits of one call, in words of 8 bytes.
const WORDS: usize = 7;
/// How many parts there is a kind for.
const PARTS: u32 = u64::BITS / 8;

/// As many of the words as are looked at in any case.
pub(crate) const FIRST: usize = 4;

// None is zero, so that the kinds tell how many parts there are.
const UNSIGNED: u8 = 1;
const SIGNED: u8 = 2;
/// And the length.
const TEXT: u8 = 0x40;
/// And the length: what the part renders to.
const RENDERED: u8 = 0x80;

/// A call's parts. Equal ones, of one function, render to the same key and the same tags.
#[derive(Clone, Debug)]
pub struct Parts {
    /// A byte for each part: what its words hold.
    kinds: u64,
    words: [u64; WORDS],
    used: u8,
    count: u8,
}

impl Parts {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { kinds: 0, words: [0; WORDS], used: 0, count: 0 }
    }

    /// Takes the parts of a call in; false if they are too many or too long.
    #[inline(always)]
    pub(crate) fn take(&mut self, parts: &[&dyn KeyPart]) -> bool {
        parts.iter().all(|part| part.keep(self))
    }

    #[inline]
    fn kind(&mut self, kind: u8) -> bool {
        let count = u32::from(self.count);
        if count == PARTS {
            return false;
        }
        self.kinds |= u64::from(kind) << (8 * count);
        self.count += 1;
        true
    }

    #[inline]
    fn word(&mut self, word: u64) -> bool {
        let Some(place) = self.words.get_mut(usize::from(self.used)) else { return false };
        *place = word;
        self.used += 1;
        true
    }

    /// An integer without sign; false if there is no room, as of each of these.
    #[inline]
    pub(super) fn unsigned(&mut self, part: u64) -> bool {
        self.kind(UNSIGNED) && self.word(part)
    }

    /// An integer with sign.
    #[inline]
    pub(super) fn signed(&mut self, part: i64) -> bool {
        self.kind(SIGNED) && self.word(part as u64)
    }

    /// Text of a value.
    pub(super) fn text(&mut self, part: &str) -> bool {
        self.bytes(TEXT, part.as_bytes())
    }

    /// What a part of any other type renders to.
    pub(super) fn rendered(&mut self, part: &KeyWriter) -> bool {
        part.failure().is_none() && self.bytes(RENDERED, part.rendered())
    }

    fn bytes(&mut self, kind: u8, bytes: &[u8]) -> bool {
        if bytes.len() > WORDS * 8 || !self.kind(kind | bytes.len() as u8) {
            return false;
        }
        let (whole, rest) = bytes.as_chunks::<8>();
        if !whole.iter().all(|word| self.word(u64::from_le_bytes(*word))) {
            return false;
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        rest.is_empty() || self.word(u64::from_le_bytes(last))
    }

    #[inline]
    pub(crate) fn kinds(&self) -> u64 {
        self.kinds
    }

    #[inline]
    pub(crate) fn words(&self) -> &[u64] {
        &self.words[..usize::from(self.used)]
    }

    /// The first words; those that are not used are zero.
    #[inline]
    pub(crate) fn first(&self) -> &[u64; FIRST] {
        self.words.first_chunk().expect("there are more")
    }

    /// The used ones behind the first.
    #[inline]
    pub(crate) fn more(&self) -> &[u64] {
        self.words().get(FIRST..).unwrap_or_default()
    }

    /// For a table in this process whose places are not worth fighting for: whoever chooses parts can choose equal ones.
    #[inline]
    pub(crate) fn hash(&self, seed: u64) -> u64 {
        let mix = |hash: u64, word: u64| (hash.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = self.words().iter().fold(mix(seed, self.kinds), |hash, word| mix(hash, *word));
        hash ^ (hash >> 32)
    }
}

/// The parts of a call, which can be rendered.
pub(crate) trait Renderable {
    /// Writes the part of this number.
    fn write_part(&self, part: usize, out: &mut KeyWriter);
}

/// As they came.
impl Renderable for [&dyn KeyPart] {
    fn write_part(&self, part: usize, out: &mut KeyWriter) {
        self[part].write(out);
    }
}

/// As they were taken in.
impl Renderable for Parts {
    fn write_part(&self, part: usize, out: &mut KeyWriter) {
        let kinds = &self.kinds.to_le_bytes()[..usize::from(self.count)];
        let (kind, before) = (kinds[part], kinds[..part].iter().map(|kind| words_of(*kind)).sum::<usize>());
        match (kind, &self.words[before..before + words_of(kind)]) {
            (UNSIGNED, [number]) => number.write(out),
            (SIGNED, [number]) => (*number as i64).write(out),
            (kind, words) => {
                let mut bytes = [0; WORDS * 8];
                let (chunks, _) = bytes.as_chunks_mut::<8>();
                chunks.iter_mut().zip(words).for_each(|(chunk, word)| *chunk = word.to_le_bytes());
                let text = std::str::from_utf8(&bytes[..length_of(kind)]).expect("taken in as a whole string");
                if kind < RENDERED { out.text(text) } else { out.raw(text) }
            }
        }
    }
}

/// How many words hold a part.
fn words_of(kind: u8) -> usize {
    if kind < TEXT { 1 } else { length_of(kind).div_ceil(8) }
}

/// Of text.
fn length_of(kind: u8) -> usize {
    usize::from(kind % TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(parts: &(impl Renderable + ?Sized), count: usize) -> Vec<Vec<u8>> {
        let one = |part| {
            let mut writer = KeyWriter::new();
            parts.write_part(part, &mut writer);
            writer.rendered().to_vec()
        };
        (0..count).map(one).collect()
    }

    fn kept(parts: &[&dyn KeyPart]) -> Option<Parts> {
        let mut kept = Parts::new();
        kept.take(parts).then_some(kept)
    }

    fn same(one: &Parts, other: &Parts) -> bool {
        (one.kinds(), one.words()) == (other.kinds(), other.words())
    }

    #[test]
    fn parts_render_as_they_would_have() {
        let long = "x".repeat(9);
        let lists: [&[&dyn KeyPart]; 8] = [
            &[],
            &[&7_u64, &-7_i8, &u64::MAX, &i64::MIN, &usize::MAX],
            &[&"a:b", &String::from("ünï"), &"", &"12345678", &long],
            &[&Some("%n"), &None::<u8>, &Some(3), &true, &'ü'],
            &[&i128::MIN],
            &[&(1, "a,b"), &vec![Some("c")], &std::net::Ipv4Addr::LOCALHOST],
            &[&&&7_u32, &Box::new("b"), &std::borrow::Cow::Borrowed("c")],
            &[&"a".repeat(56)],
        ];
        for list in lists {
            let kept = kept(list).expect("they fit");
            assert_eq!(rendered(&kept, list.len()), rendered(list, list.len()));
        }
    }

    #[test]
    #[should_panic(expected = "out of bounds")]
    fn a_part_that_is_not_there_is_not_written() {
        kept(&[&"a"]).expect("it fits").write_part(1, &mut KeyWriter::new());
    }

    #[test]
    fn what_is_too_much_is_not_kept() {
        let nine: [&dyn KeyPart; 9] = [&""; 9];
        assert!(kept(&nine[..8]).is_some());
        assert!(kept(&nine).is_none());
        let numbers: [&dyn KeyPart; 8] = [&1_u8; 8];
        assert!(kept(&numbers[..7]).is_some());
        assert!(kept(&numbers).is_none());
        assert!(kept(&[&"a".repeat(57)]).is_none());
        assert!(kept(&[&"a".repeat(300)]).is_none());
        assert!(kept(&[&1_u8, &"a".repeat(49)]).is_none());
    }

    #[test]
    fn different_parts_differ() {
        let lists: [&[&dyn KeyPart]; 10] = [
            &[&"ab", &"c"],
            &[&"a", &"bc"],
            &[&"abc", &""],
            &[&"a\0", &"c"],
            &[&"a", &"\0c"],
            &[&1_u8, &2_u8],
            &[&2_u8, &1_u8],
            &[&"1", &"2"],
            &[&1_u8, &"2"],
            &[&Some("1"), &"2"],
        ];
        let kept: Vec<_> = lists.iter().map(|list| kept(list).expect("they fit")).collect();
        for (at, one) in kept.iter().enumerate() {
            assert!(same(one, &one.clone()));
            assert!(kept[..at].iter().all(|other| !same(one, other)), "{one:?}");
        }
    }
}
