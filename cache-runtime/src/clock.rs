//! The two clocks: a monotonic one for lifetimes and budgets, and wall time for what people read.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The monotonic time; every lifetime and budget in this crate is measured with it.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Nanoseconds of the monotonic clock as of its last tick, a few milliseconds ago, for a quarter of the price; after
/// everything where there is no such clock.
pub(crate) fn coarse() -> u64 {
    #[cfg(target_os = "linux")]
    if let Ok(tick) = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC_COARSE)
        && let (Ok(seconds), Ok(nanos)) = (u64::try_from(tick.tv_sec()), u64::try_from(tick.tv_nsec()))
    {
        return seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
    }
    u64::MAX
}

/// Milliseconds since 1970, for the age that an envelope carries. Never decides validity: clocks of
/// two machines differ.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn unix_millis() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// How long ago that was, by this machine's clock.
pub(crate) fn since(unix_millis_then: u64) -> Duration {
    Duration::from_millis(unix_millis().saturating_sub(unix_millis_then))
}

/// A hundred years: longer lifetimes are as good, and Redis refuses those that its clock cannot count to.
const FOR_GOOD: u64 = 100 * 366 * 24 * 60 * 60 * 1000;

/// Whole milliseconds, at most [a hundred years](FOR_GOOD); at least 1 for anything above zero, because Redis takes
/// no zero.
pub(crate) fn millis(duration: Duration) -> u64 {
    let whole = u64::try_from(duration.as_millis()).unwrap_or(FOR_GOOD).min(FOR_GOOD);
    if whole == 0 && !duration.is_zero() { 1 } else { whole }
}
