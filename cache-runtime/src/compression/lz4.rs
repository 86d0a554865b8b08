//! LZ4 blocks, through `lz4_flex`: quick enough for small values.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

/// Measured: docs/decisions/0023-compression.md.
pub(super) const ABOVE: usize = 1024;

/// Appends the block to `out`.
pub(super) fn compress(payload: &[u8], out: &mut Vec<u8>, _: Option<i32>) -> Option<()> {
    let start = out.len();
    out.resize(start + get_maximum_output_size(payload.len()), 0);
    let written = compress_into(payload, &mut out[start..]).ok()?;
    out.truncate(start + written);
    Some(())
}

/// `length` bytes, or nothing.
pub(super) fn decompress(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut plain = vec![0; length];
    let written = decompress_into(packed, &mut plain).ok()?;
    (written == length).then_some(plain)
}
