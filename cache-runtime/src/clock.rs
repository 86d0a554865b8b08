//! The two clocks: a monotonic one for lifetimes and budgets, and wall time for what people read.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The monotonic time; every lifetime and budget in this crate is measured with it.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The same as a number: nanoseconds since some moment, the same one for all of this process.
#[inline]
pub(crate) fn nanos() -> u64 {
    #[cfg(target_os = "linux")]
    return read(rustix::time::ClockId::Monotonic);
    #[cfg(not(target_os = "linux"))]
    {
        static BEGAN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(now);
        u64::try_from(BEGAN.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// [`nanos`] as of the last tick, a few milliseconds ago, for a quarter of the price; after everything where there is no such
/// clock.
#[inline]
pub(crate) fn coarse() -> u64 {
    #[cfg(target_os = "linux")]
    return read(rustix::time::ClockId::MonotonicCoarse);
    #[cfg(not(target_os = "linux"))]
    u64::MAX
}

#[cfg(target_os = "linux")]
#[inline]
fn read(clock: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    // Since the machine was started: never negative, and no overflow for 500 years.
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
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
