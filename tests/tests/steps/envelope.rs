//! Envelopes as they are on the server, for tests that change them; the format is in `docs/consistency.md`.

use xxhash_rust::xxh3::xxh3_64;

const FLAGS: usize = 33;
pub(crate) const LZ4: u8 = 4;
pub(crate) const ZSTD: u8 = 8;

pub(crate) fn flags(envelope: &[u8]) -> u8 {
    envelope[FLAGS]
}

pub(crate) fn set_flags(envelope: &mut [u8], flags: u8) {
    envelope[FLAGS] |= flags;
}

/// Of an envelope whose result named no tags.
pub(crate) fn payload_start(envelope: &[u8]) -> usize {
    46 + 12 * usize::from(envelope[34])
}

/// Makes the check right again.
pub(crate) fn seal(envelope: &mut [u8]) {
    let check = xxh3_64(&envelope[21..]);
    envelope[13..21].copy_from_slice(&check.to_le_bytes());
}
