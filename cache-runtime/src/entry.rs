//! The bytes under our keys: tokens, stamps and envelopes, written and read.
//!
//! ```text
//! token     T id8 hist4
//! fence     F state8 (nonce8 deadline8)*n
//! stamp     hist4 rand8
//! hint      H id8 check8 found
//! envelope  E id8 hist4 check8 shape8 tagset4 flags1 n1 created6 ttl5 stamp12*n [found] payload
//! found     m1 (length2 tag)*m
//! ```
//! `found` are the tags that a result named; an envelope has it with flag bit 1, and their stamps are its last ones. With
//! flag bit 2 the payload is compressed with LZ4, with bit 3 with Zstandard. Other bits are of a later version.
//! Integers are little-endian, times in milliseconds; a ttl of more than 34 years is noted as that. `check8` is xxh3-64 of everything behind it, so a flipped or missing bit
//! is a miss. Any other first byte is not ours, or is of a later version: a miss too.
//! `docs/consistency.md` describes the format for programs in other languages.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::compression::{Compression, Form, Payload};

/// Which history of the server was current; see `redis::history`.
pub(crate) type History = [u8; 4];
/// The value of a tag's key.
pub(crate) type Stamp = [u8; 12];
/// Which mutation a fence belongs to.
pub(crate) type Nonce = [u8; 8];

const TOKEN: u8 = b'T';
const FENCE: u8 = b'F';
const VALUE: u8 = b'E';
const TOKEN_LENGTH: usize = 13;
const CHECKED_FROM: usize = 21;
const FLAGS: usize = 33;
const CREATED: Range<usize> = 35..41;
const TTL: Range<usize> = 41..46;
const HEADER: usize = TTL.end;
const NEGATIVE: u8 = 1;
const HAS_FOUND: u8 = 2;
const LZ4: u8 = 4;
const ZSTD: u8 = 8;
const HINT: u8 = b'H';
/// How many of an entry's first bytes a fill compares: the kind and the id.
pub(crate) const COMPARED: usize = 9;

/// The first bytes of what an entry's key held before the load began.
pub(crate) type Expected = SmallVec<[u8; COMPARED]>;

/// Random per acquisition: ids of one process would allow one acquisition to pass for another. From the operating
/// system each time: a process that was forked or restored from a copy must not draw what its twin draws.
pub(crate) fn random8() -> [u8; 8] {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    bytes
}

/// `id`: from [`random8`], drawn for this token.
pub(crate) fn token(history: History, id: [u8; 8]) -> [u8; TOKEN_LENGTH] {
    let mut token = [TOKEN; TOKEN_LENGTH];
    token[1..9].copy_from_slice(&id);
    token[9..].copy_from_slice(&history);
    token
}

/// `id`: as that of a token.
pub(crate) fn stamp(history: History, id: [u8; 8]) -> Stamp {
    let mut stamp = [0; 12];
    stamp[..4].copy_from_slice(&history);
    stamp[4..].copy_from_slice(&id);
    stamp
}

/// The stamp in `bytes`, if it was minted in `history`.
pub(crate) fn current_stamp(bytes: &[u8], history: History) -> Option<Stamp> {
    Stamp::try_from(bytes).ok().filter(|stamp| stamp[..4] == history)
}

pub(crate) fn is_token(bytes: &[u8]) -> bool {
    bytes.len() == TOKEN_LENGTH && bytes[0] == TOKEN
}

/// The state of a fence: equal only while nobody fences, releases or invalidates the name.
pub(crate) fn fence(bytes: &[u8]) -> Option<[u8; 8]> {
    let state = bytes.strip_prefix(&[FENCE])?.first_chunk::<8>()?;
    (bytes.len() >= 25).then_some(*state)
}

pub(crate) fn expected(bytes: &[u8]) -> Expected {
    Expected::from_slice(&bytes[..bytes.len().min(COMPARED)])
}

/// What is written in front of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub history: History,
    pub shape: u64,
    pub tagset: u32,
    pub negative: bool,
    pub created_ms: u64,
    pub ttl_ms: u64,
    pub stamps: SmallVec<[Stamp; 4]>,
    /// The tags that the result named; their stamps are the last ones.
    pub found: Arc<[String]>,
}

impl Header {
    /// Begins an envelope; the payload is encoded straight behind it.
    pub(crate) fn begin(&self, out: &mut Vec<u8>) {
        out.clear();
        out.push(VALUE);
        out.extend_from_slice(&random8());
        out.extend_from_slice(&self.history);
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&self.shape.to_le_bytes());
        out.extend_from_slice(&self.tagset.to_le_bytes());
        let found = if self.found.is_empty() { 0 } else { HAS_FOUND };
        out.push(if self.negative { NEGATIVE } else { 0 } | found);
        out.push(u8::try_from(self.stamps.len()).expect("the macro and `Key` allow at most 255 tags"));
        out.extend_from_slice(&self.created_ms.to_le_bytes()[..CREATED.len()]);
        out.extend_from_slice(&noted(self.ttl_ms));
        for stamp in &self.stamps {
            out.extend_from_slice(stamp);
        }
        if !self.found.is_empty() {
            write_found(&self.found, out);
        }
    }
}

fn write_found(found: &[String], out: &mut Vec<u8>) {
    out.push(u8::try_from(found.len()).expect("a key has at most 255 tags"));
    for tag in found {
        out.extend_from_slice(&u16::try_from(tag.len()).expect("a tag has at most 512 bytes").to_le_bytes());
        out.extend_from_slice(tag.as_bytes());
    }
}

/// The tags at the beginning of `bytes`, and what stands behind them.
fn read_found(bytes: &[u8]) -> Option<(Vec<String>, &[u8])> {
    let (count, mut rest) = bytes.split_first()?;
    let mut found = Vec::with_capacity(usize::from(*count));
    for _ in 0..*count {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let (tag, behind) = behind.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        found.push(String::from_utf8(tag.to_vec()).ok()?);
        rest = behind;
    }
    Some((found, rest))
}

/// What the first load of an entry leaves whose result names tags: they must be known before the load whose value
/// is stored.
pub(crate) fn hint(found: &[String]) -> Vec<u8> {
    let mut hint = vec![HINT];
    hint.extend_from_slice(&random8());
    hint.extend_from_slice(&[0; 8]);
    write_found(found, &mut hint);
    let check = xxh3_64(&hint[17..]);
    hint[9..17].copy_from_slice(&check.to_le_bytes());
    hint
}

/// The tags that an earlier result of this entry named, whether or not it stands.
pub(crate) fn known_found(bytes: &[u8]) -> Vec<String> {
    if let Some(envelope) = Envelope::parse(bytes) {
        return envelope.found();
    }
    let hint = (|| {
        let (check, found) = bytes.strip_prefix(&[HINT])?.get(8..)?.split_first_chunk::<8>()?;
        (u64::from_le_bytes(*check) == xxh3_64(found)).then_some(())?;
        read_found(found).map(|(found, _)| found)
    })();
    hint.unwrap_or_default()
}

/// Gives a sealed envelope another ttl, counted from when it was created.
pub(crate) fn live_for(envelope: &mut [u8], ttl_ms: u64) {
    envelope[TTL].copy_from_slice(&noted(ttl_ms));
    seal(envelope);
}

/// A ttl as an envelope has it.
fn noted(ttl_ms: u64) -> [u8; TTL.end - TTL.start] {
    let [noted @ .., _, _, _] = ttl_ms.min((1 << 40) - 1).to_le_bytes();
    noted
}

/// Compresses the payload of an envelope that is not sealed yet, if that makes it smaller.
pub(crate) fn compress(envelope: &mut Vec<u8>, payload_start: usize, compression: &Compression) {
    let (head, payload) = envelope.split_at(payload_start);
    if let Some((form, packed)) = compression.pack(head, payload) {
        *envelope = packed;
        envelope[FLAGS] |= match form {
            Form::Lz4 => LZ4,
            Form::Zstd => ZSTD,
        };
    }
}

/// Whether no flag is of a later version.
fn knows(flags: u8) -> bool {
    flags < 16 && flags & (LZ4 | ZSTD) != LZ4 | ZSTD
}

/// Ends an envelope whose payload has been written.
pub(crate) fn seal(envelope: &mut [u8]) {
    let check = xxh3_64(&envelope[CHECKED_FROM..]);
    envelope[CHECKED_FROM - 8..CHECKED_FROM].copy_from_slice(&check.to_le_bytes());
}

/// An integer of at most eight bytes.
fn number(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

/// An envelope whose bytes are whole. Whether it may be served is `read`'s question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope<'a> {
    bytes: &'a [u8],
    payload_start: usize,
}

impl<'a> Envelope<'a> {
    /// `None` for anything that is not a whole envelope of this version.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() < HEADER || bytes[0] != VALUE {
            return None;
        }
        let mut envelope = Self { bytes, payload_start: 0 };
        let stamps_end = HEADER + 12 * envelope.stamp_count();
        if stamps_end > bytes.len()
            || !knows(bytes[FLAGS])
            || number(&bytes[13..CHECKED_FROM]) != xxh3_64(&bytes[CHECKED_FROM..])
        {
            return None;
        }
        envelope.payload_start = match bytes[FLAGS] & HAS_FOUND {
            0 => stamps_end,
            _ => bytes.len() - read_found(&bytes[stamps_end..])?.1.len(),
        };
        Some(envelope)
    }

    /// One that was parsed before.
    pub(crate) fn parsed(bytes: &'a [u8], payload_start: usize) -> Self {
        Self { bytes, payload_start }
    }

    pub(crate) fn payload_start(&self) -> usize {
        self.payload_start
    }

    /// The tags that the result named.
    pub(crate) fn found(&self) -> Vec<String> {
        match self.bytes[FLAGS] & HAS_FOUND {
            0 => Vec::new(),
            _ => {
                let stamps_end = HEADER + 12 * self.stamp_count();
                read_found(&self.bytes[stamps_end..]).map(|(found, _)| found).unwrap_or_default()
            }
        }
    }

    pub(crate) fn stamp_count(&self) -> usize {
        usize::from(self.bytes[34])
    }

    pub(crate) fn history(&self) -> &'a [u8] {
        &self.bytes[9..13]
    }

    pub(crate) fn shape(&self) -> u64 {
        number(&self.bytes[CHECKED_FROM..29])
    }

    pub(crate) fn tagset(&self) -> u32 {
        u32::from_le_bytes([self.bytes[29], self.bytes[30], self.bytes[31], self.bytes[32]])
    }

    pub(crate) fn negative(&self) -> bool {
        self.bytes[FLAGS] & NEGATIVE != 0
    }

    pub(crate) fn created_ms(&self) -> u64 {
        number(&self.bytes[CREATED])
    }

    pub(crate) fn ttl_ms(&self) -> u64 {
        number(&self.bytes[TTL])
    }

    pub(crate) fn stamps(&self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.bytes[HEADER..HEADER + 12 * self.stamp_count()].chunks_exact(12)
    }

    /// How many bytes it takes.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The payload as it is stored, and how that is packed.
    pub(crate) fn packed(&self) -> Payload<'a> {
        let form = match self.bytes[FLAGS] & (LZ4 | ZSTD) {
            LZ4 => Some(Form::Lz4),
            ZSTD => Some(Form::Zstd),
            _ => None,
        };
        Payload { form, bytes: &self.bytes[self.payload_start..] }
    }

    #[cfg(feature = "inspect")]
    pub(crate) fn is_compressed(&self) -> bool {
        self.bytes[FLAGS] & (LZ4 | ZSTD) != 0
    }
}

/// What an entry's bytes are.
#[cfg(feature = "inspect")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nothing,
    Token,
    Fence,
    Hint,
    Value,
    Unknown,
}

#[cfg(feature = "inspect")]
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
#[cfg(feature = "inspect")]
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

/// The stamps that an envelope carries, by its first bytes: for those who only want to know which tags it has.
#[cfg(feature = "inspect")]
pub(crate) fn stamps_in(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let count = match head.first() {
        Some(&VALUE) => head.get(34).copied().unwrap_or_default(),
        _ => 0,
    };
    head.get(HEADER..).unwrap_or_default().chunks_exact(12).take(usize::from(count))
}

/// How many bytes of an envelope tell all its stamps.
#[cfg(feature = "inspect")]
pub(crate) const STAMPS_END: usize = HEADER + 12 * 255;

/// For fuzzing and property tests: whether `bytes` pass for an envelope, and its payload if so.
#[cfg(feature = "mutants")]
pub fn payload_of(bytes: &[u8]) -> Option<&[u8]> {
    Envelope::parse(bytes).map(|envelope| {
        let _ =
            (envelope.history(), envelope.shape(), envelope.tagset(), envelope.negative(), envelope.stamps().count());
        envelope.packed().bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Header, Vec<u8>) {
        let header = Header {
            history: *b"hist",
            shape: 7,
            tagset: 9,
            negative: true,
            created_ms: 11,
            ttl_ms: 13,
            stamps: SmallVec::from_slice(&[stamp(*b"hist", [1; 8]), stamp(*b"hist", [2; 8])]),
            found: ["org:7".to_owned()].into(),
        };
        let mut bytes = Vec::new();
        header.begin(&mut bytes);
        bytes.extend_from_slice(b"payload");
        seal(&mut bytes);
        (header, bytes)
    }

    #[test]
    fn an_envelope_reads_as_it_was_written() {
        let (header, bytes) = sample();
        let read = Envelope::parse(&bytes).expect("whole");
        assert_eq!(read.packed().bytes, b"payload");
        assert_eq!((read.shape(), read.tagset(), read.negative()), (7, 9, true));
        assert_eq!((read.created_ms(), read.ttl_ms()), (11, 13));
        assert_eq!(read.found(), ["org:7"]);
        assert_eq!(read.history(), b"hist");
        assert!(read.stamps().eq(header.stamps.iter().map(|stamp| stamp.as_slice())));
        let mut longer = bytes;
        for (ttl, noted) in [(17, 17), (u64::MAX, (1 << 40) - 1)] {
            live_for(&mut longer, ttl);
            let read = Envelope::parse(&longer).expect("sealed again");
            assert_eq!((read.created_ms(), read.ttl_ms(), read.packed().bytes), (11, noted, b"payload".as_slice()));
        }
    }

    #[test]
    fn every_single_bit_flip_behind_the_id_is_refused() {
        let (_, bytes) = sample();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // The id and the history are compared with the server's, not checked here.
            if (1..13).contains(&(bit / 8)) {
                continue;
            }
            assert!(Envelope::parse(&flipped).is_none(), "bit {bit}");
        }
    }

    #[test]
    fn flags_of_a_later_version_are_refused() {
        let (_, bytes) = sample();
        for more in [0, LZ4, ZSTD, LZ4 | ZSTD, 16, 32, 64, 128] {
            let mut flagged = bytes.clone();
            flagged[FLAGS] |= more;
            seal(&mut flagged);
            assert_eq!(Envelope::parse(&flagged).is_some(), [0, LZ4, ZSTD].contains(&more), "{more}");
        }
    }

    #[test]
    fn a_hint_reads_as_it_was_written() {
        let found = ["org:7".to_owned(), String::new()];
        let bytes = hint(&found);
        assert_eq!(known_found(&bytes), found);
        assert_eq!(known_found(&sample().1), ["org:7"]);
        for length in 0..bytes.len() {
            assert!(known_found(&bytes[..length]).is_empty(), "length {length}");
        }
        assert!(known_found(&token(*b"hist", [1; 8])).is_empty());
    }

    #[test]
    fn every_truncation_is_refused() {
        let (_, bytes) = sample();
        for length in 0..bytes.len() {
            assert!(Envelope::parse(&bytes[..length]).is_none(), "length {length}");
        }
    }

    #[test]
    fn a_stamp_of_another_history_is_missing() {
        assert_eq!(current_stamp(&stamp(*b"old!", [1; 8]), *b"new!"), None);
        assert!(current_stamp(&stamp(*b"new!", [1; 8]), *b"new!").is_some());
        assert_eq!(current_stamp(b"short", *b"new!"), None);
    }
}
