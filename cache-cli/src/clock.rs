//! The clock that is measured with.

use std::time::Instant;

#[expect(
    clippy::disallowed_methods,
    reason = "what the server took is measured here, and decides nothing of the cache's"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
