//! What is counted: per function (static, shared by every cache of the process) and per cache.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the load-time buckets: 2^n microseconds, the last one unbounded.
const BUCKETS: usize = 26;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of one function. Every field is a plain sum since the start of the process.
        #[derive(Debug)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
            load_time: [AtomicU64; BUCKETS],
            load_micros: AtomicU64,
            pub(crate) warned: Warned,
        }

        impl Counters {
            pub(crate) const fn new() -> Self {
                Self {
                    $($name: AtomicU64::new(0),)*
                    load_time: [const { AtomicU64::new(0) }; BUCKETS],
                    load_micros: AtomicU64::new(0),
                    warned: Warned::new(),
                }
            }

            pub(crate) fn read(&self) -> Counts {
                Counts {
                    $($name: self.$name.load(Relaxed),)*
                    load_time: LoadTime {
                        buckets: std::array::from_fn(|bucket| self.load_time[bucket].load(Relaxed)),
                        total_micros: self.load_micros.load(Relaxed),
                    },
                }
            }
        }

        /// What has been counted since the process started.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[cfg_attr(feature = "json", derive(serde::Serialize))]
        #[non_exhaustive]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
            /// How long the function's body took.
            pub load_time: LoadTime,
        }

        impl std::ops::AddAssign<&Counts> for Counts {
            fn add_assign(&mut self, other: &Counts) {
                $(self.$name += other.$name;)*
                for (bucket, more) in self.load_time.buckets.iter_mut().zip(other.load_time.buckets) {
                    *bucket += more;
                }
                self.load_time.total_micros += other.load_time.total_micros;
            }
        }
    };
}

counters! {
    /// Answered from this process's memory.
    local_hits,
    /// Answered from Redis.
    redis_hits,
    /// Hits, of either kind, whose value was a cached `None`.
    negative_hits,
    /// Those of them that were answered from Redis.
    negative_redis_hits,
    /// Not found, or found and not valid any more.
    misses,
    /// Those of them behind which nothing was to be loaded: `peek`, and `get` of a cache.
    absent,
    /// Answered by the call's own load, whose value was offered to the cache.
    led,
    /// Answered by the function's body with the cache left alone: inside `bypass`, where the key cannot be rendered or the
    /// value cannot be stored, and where a load waits for itself.
    uncached,
    /// The function's body ran to its end, in whatever call.
    loads,
    /// The function's body returned `Err`.
    load_errors,
    /// Answered by a load that another caller was running.
    joins,
    /// Values stored. Over Redis, a hint of the tags that a result named counts as one.
    fills,
    /// Values not written because the entry had been invalidated meanwhile.
    fills_refused,
    /// Values not written because the server did not take them, or because more than 64 MiB of them were on their way.
    fills_failed,
    /// Values not written because they are larger than `max_entry_bytes`.
    too_large,
    /// Values not written because they could not be encoded, or would not decode to what they were.
    unfit,
    /// Entries that did not decode, though their shape was right.
    undecodable,
    /// Keys that could not be rendered; the function ran uncached.
    unkeyed,
    /// Calls inside `bypass`, and those that an operator has switched off.
    bypassed,
    /// Calls that ran the function because the cache was in trouble.
    fail_open,
    /// Cache work given up because the budget was used up.
    timeouts,
    /// Connections refused or lost under a request.
    disconnects,
    /// Error replies of the server.
    refusals,
    /// Bytes of envelopes read.
    bytes_read,
    /// Bytes of envelopes written.
    bytes_written,
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

impl Counters {
    pub(crate) fn loaded(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - micros.leading_zeros()) as usize;
        self.load_time[bucket.min(BUCKETS - 1)].fetch_add(1, Relaxed);
        self.load_micros.fetch_add(micros, Relaxed);
        add(&self.loads);
    }
}

pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Warnings that are given once per function.
#[derive(Debug)]
pub(crate) struct Warned {
    pub(crate) too_large: AtomicBool,
    pub(crate) unfit: AtomicBool,
    pub(crate) unkeyed: AtomicBool,
    pub(crate) zero_ttl: AtomicBool,
}

impl Warned {
    const fn new() -> Self {
        Self {
            too_large: AtomicBool::new(false),
            unfit: AtomicBool::new(false),
            unkeyed: AtomicBool::new(false),
            zero_ttl: AtomicBool::new(false),
        }
    }
}

/// Invalidations from one place: a function, or the methods of a cache.
#[derive(Debug)]
pub(crate) struct Invalidated {
    /// Confirmed by the server at once.
    pub(crate) delivered: AtomicU64,
    /// Queued, because they were not.
    pub(crate) deferred: AtomicU64,
    /// Whether a target that cannot be rendered was warned of.
    pub(crate) warned: AtomicBool,
}

impl Invalidated {
    pub(crate) const fn new() -> Self {
        Self { delivered: AtomicU64::new(0), deferred: AtomicU64::new(0), warned: AtomicBool::new(false) }
    }
}

/// True the first time only.
pub(crate) fn first_time(flag: &AtomicBool) -> bool {
    !flag.swap(true, Relaxed)
}

/// A histogram of load times.
///
/// Bucket `n` counts loads of less than 2^n microseconds that were not counted in the bucket before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct LoadTime {
    buckets: [u64; BUCKETS],
    total_micros: u64,
}

impl LoadTime {
    /// How many loads were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All loads together.
    pub fn total(&self) -> Duration {
        Duration::from_micros(self.total_micros)
    }

    /// The mean, or zero without loads.
    pub fn mean(&self) -> Duration {
        Duration::from_micros(self.total_micros.checked_div(self.count()).unwrap_or(0))
    }

    /// An upper bound of the given quantile (0.0 to 1.0), exact to a factor of two. Loads of 16.8 s and more are not told
    /// apart: of these it says 33.6 s, however long they took.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let wanted = (self.count() as f64 * quantile.clamp(0.0, 1.0)).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted.max(1) {
                return Duration::from_micros(1 << bucket);
            }
        }
        Duration::ZERO
    }
}

/// The counts of one annotated function.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FunctionStats {
    /// Module path and name.
    pub function: &'static str,
    /// The key template, as written.
    pub key: &'static str,
    /// The counts.
    pub counts: Counts,
}

/// What a cache knows about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// One entry per annotated function that was called, by name. Shared by all caches of the process.
    pub functions: Vec<FunctionStats>,
    /// What the methods of this cache did, apart from annotated functions.
    pub direct: Counts,
    /// Invalidations made through this cache.
    pub invalidations: u64,
    /// Invalidations that were not delivered at the first attempt.
    pub invalidations_deferred: u64,
    /// Keys and tags that still wait to be invalidated on the server. Beyond `owed_limit`, 1: the whole namespace.
    pub owed: usize,
    /// Loads under way.
    pub flights: usize,
    /// Entries in this process's memory.
    pub local_entries: usize,
    /// Estimated bytes of these entries.
    pub local_bytes: u64,
    /// Entries in this process that were looked for and had been invalidated. 0 for a cache without a server.
    pub local_voided: u64,
    /// How often everything in this process became void at once: when a subscriber connection is lost and again when the
    /// next one hears, with each change of masters, each `clear` and `remove_matching` of any process, and when more is
    /// owed than `owed_limit`. 0 for a cache without a server.
    pub local_epoch: u64,
    /// How often a breaker opened, also of masters that were replaced since.
    pub breaker_opened: u64,
}

impl Stats {
    /// The sum over all functions and direct operations.
    pub fn total(&self) -> Counts {
        let mut total = self.direct.clone();
        for function in &self.functions {
            total += &function.counts;
        }
        total
    }
}

/// Whether the cache is of use at the moment. A service is healthy with a cache that is not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Health {
    /// Where values are kept.
    pub tier: Tier,
    /// False while a breaker is open or no master is known: every call that needs this server runs its function.
    pub available: bool,
    /// Whether the server tells its replication history, which guards against failovers that lose
    /// invalidations. `None` before the first connection, and without a server.
    pub history_guard: Option<bool>,
    /// Keys and tags that still wait to be invalidated on the server. Beyond `owed_limit`, 1: the whole namespace.
    pub owed: usize,
    /// What keeps a server from being used, while it is.
    pub last_error: Option<String>,
    /// The in-process tier over Redis. `None` without one.
    pub local: Option<LocalHealth>,
    /// The masters in use, as `host:port`. Empty before the Cluster or the Sentinels were first asked.
    pub masters: Vec<String>,
    /// Whether everything is switched off, by `CACHE_DISABLED` or by the policy file. Invalidations are delivered all the same.
    pub disabled: bool,
    /// What is wrong with the policy file as it is now, and in which line; the policy is what it was before. See
    /// [`Cache::policy`](crate::Cache::policy).
    pub policy_problem: Option<String>,
}

/// Whether what is kept in this process over Redis may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LocalHealth {
    /// For how long it may still be served without another heartbeat; zero: it is not served.
    pub vouched_for: Duration,
    /// Whether a server takes no subscriber, or no message from this user (permission, proxy): nothing is kept in this
    /// process.
    pub denied: bool,
    /// Why it is not served: what the subscriber connection last failed with. `None` while all is well.
    pub last_error: Option<String>,
    /// Which epoch this is; everything from an earlier one is void.
    pub epoch: u64,
    /// How long the slowest master's latest heartbeat took; whatever was published before that master answered it has
    /// been applied. `None` while one of them is not heard.
    pub lag: Option<Duration>,
}

/// Where a cache keeps its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Tier {
    /// In this process only.
    Local,
    /// In Redis.
    Redis,
    /// Nowhere: the environment named a server in a way that could not be read.
    Off,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_falls_into_the_bucket_above_it() {
        let counters = Counters::new();
        for micros in [0, 1, 900, 1_100, 5_000_000] {
            counters.loaded(Duration::from_micros(micros));
        }
        let counts = counters.read();
        assert_eq!((counts.loads, counts.load_time.count()), (5, 5));
        assert_eq!(counts.load_time.quantile(0.5), Duration::from_micros(1024));
        assert_eq!(counts.load_time.quantile(1.0), Duration::from_micros(8_388_608));
        assert_eq!(counts.load_time.total(), Duration::from_micros(5_002_001));
        assert_eq!(counts.load_time.mean(), Duration::from_micros(1_000_400));
        counters.loaded(Duration::from_secs(60 * 60));
        assert_eq!(counters.read().load_time.quantile(1.0), Duration::from_micros(33_554_432), "or more");
    }

    #[test]
    fn an_absurd_load_time_is_counted_in_the_last_bucket() {
        let counters = Counters::new();
        counters.loaded(Duration::MAX);
        assert_eq!(counters.read().load_time.count(), 1);
    }
}
