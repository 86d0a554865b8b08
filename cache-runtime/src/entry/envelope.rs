//! Envelopes: what is written in front of a payload, and read back.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use super::found::{read_found, write_found};
use super::{History, Stamp, VALUE, random8};
use crate::compression::{Compression, Form, Payload};

const CHECKED_FROM: usize = 21;
const FLAGS: usize = 33;
const STAMPS: usize = 34;
const CREATED: Range<usize> = 35..41;
const TTL: Range<usize> = 41..46;
const HEADER: usize = TTL.end;
const NEGATIVE: u8 = 1;
const HAS_FOUND: u8 = 2;
const LZ4: u8 = 4;
const ZSTD: u8 = 8;

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
        usize::from(self.bytes[STAMPS])
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

/// The stamps that an envelope carries, by its first bytes: for those who only want to know which tags it has.
#[cfg(feature = "inspect")]
pub(crate) fn stamps_in(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let count = match head.first() {
        Some(&VALUE) => head.get(STAMPS).copied().unwrap_or_default(),
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
    use super::super::{known_found, stamp};
    use super::*;

    /// One with all there is, and its bytes.
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
        assert_eq!(known_found(&bytes), ["org:7"]);
        assert_eq!(read.history(), b"hist");
        assert!(read.stamps().eq(header.stamps.iter().map(|stamp| stamp.as_slice())));
        let mut longer = bytes;
        for (ttl, noted) in [(17, 17), (u64::MAX, (1 << 40) - 1)] {
            live_for(&mut longer, ttl);
            let read = Envelope::parse(&longer).expect("sealed again");
            assert_eq!((read.created_ms(), read.ttl_ms(), read.packed().bytes), (11, noted, b"payload".as_slice()));
        }
    }

    #[cfg(feature = "inspect")]
    #[test]
    fn the_stamps_are_told_by_the_first_bytes() {
        let (header, bytes) = sample();
        let stamps: Vec<&[u8]> = header.stamps.iter().map(|stamp| stamp.as_slice()).collect();
        assert_eq!(stamps_in(&bytes[..HEADER + 24]).collect::<Vec<_>>(), stamps);
        assert_eq!(stamps_in(&bytes[..HEADER + 23]).collect::<Vec<_>>(), stamps[..1]);
        for none in [&bytes[..HEADER], &bytes[..STAMPS], b"", &[0; 255]] {
            assert_eq!(stamps_in(none).count(), 0);
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
    fn every_truncation_is_refused() {
        let (_, bytes) = sample();
        for length in 0..bytes.len() {
            assert!(Envelope::parse(&bytes[..length]).is_none(), "length {length}");
        }
    }
}
