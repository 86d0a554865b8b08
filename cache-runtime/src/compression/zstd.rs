//! Zstandard frames, through `zstd-safe`.
//!
//! A context takes longer to make than a small value takes to compress, so each thread keeps its own.

use std::cell::RefCell;
use std::io::Cursor;

use zstd_safe::{CCtx, DCtx, compress_bound};

/// Measured: docs/decisions/0023-compression.md.
pub(super) const ABOVE: usize = 4096;
const LEVEL: i32 = 1;

thread_local! {
    static WRITER: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
    static READER: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// Appends the frame to `out`.
pub(super) fn compress(payload: &[u8], out: &mut Vec<u8>, level: Option<i32>) -> Option<()> {
    let start = out.len();
    out.reserve(compress_bound(payload.len()));
    let mut behind = Cursor::new(out);
    behind.set_position(start as u64);
    WRITER.with_borrow_mut(|writer| writer.compress(&mut behind, payload, level.unwrap_or(LEVEL))).map(drop).ok()
}

/// `length` bytes, or nothing.
pub(super) fn decompress(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(length);
    let written = READER.with_borrow_mut(|reader| reader.decompress(&mut plain, packed)).ok()?;
    (written == length).then_some(plain)
}
