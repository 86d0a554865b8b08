//! The metrics: what `docs/operations/metrics.md` lists, and what dashboards and alerts may ask for.

/// A metric that a cache emits.
///
/// ```
/// use cache_runtime::metrics::{Kind, METRICS};
///
/// // Buckets for a recorder that wants to be told: metrics-exporter-prometheus, for one.
/// for metric in METRICS.iter().filter(|metric| metric.kind == Kind::Histogram) {
///     assert!(!metric.buckets.is_empty());
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name, the same for each exporter that leaves names alone.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What its values are.
    pub unit: Unit,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// The values of its last label, where they are fixed.
    pub values: &'static [&'static str],
    /// What it says.
    pub meaning: &'static str,
    /// Upper bounds of buckets that suit it; empty unless it is a histogram.
    pub buckets: &'static [f64],
}

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// What the values of a metric are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// So many of something.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// 1: it is so, 0: it is not.
    Truth,
}

const LOADS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const OPERATIONS: &[f64] = &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];
const AGES: &[f64] = &[0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0];
const SIZES: &[f64] = &[64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0];

const FUNCTION: [&str; 2] = ["function", "key"];

macro_rules! metrics {
    (@) => { &[] };
    (@ $buckets:ident) => { $buckets };
    ($($id:ident $kind:ident $name:literal $unit:ident [$($label:expr),*] $([$($value:literal),*])? $(in $buckets:ident)?: $meaning:literal;)*) => {
        $(pub(super) const $id: &Metric = &Metric {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            labels: &[$($label),*],
            values: &[$($($value),*)?],
            meaning: $meaning,
            buckets: metrics!(@ $($buckets)?),
        };)*

        /// All metrics of a cache.
        pub const METRICS: &[&Metric] = &[$($id),*];
    };
}

metrics! {
    REQUESTS Counter "cache_requests_total" Count [FUNCTION[0], FUNCTION[1], "outcome"]
        ["local_hit", "redis_hit", "negative_hit", "joined", "loaded", "absent", "bypassed", "fail_open"]:
        "calls by how they were answered; each call has one outcome";
    HIT_AGE Histogram "cache_hit_age_seconds" Seconds [FUNCTION[0], FUNCTION[1], "tier"] ["local", "redis"] in AGES:
        "how long ago the value of a hit was loaded; of hits in process a sample";
    LOAD Histogram "cache_load_seconds" Seconds [FUNCTION[0], FUNCTION[1]] in LOADS:
        "how long the function's body took, in whatever call";
    LOAD_ERRORS Counter "cache_load_errors_total" Count [FUNCTION[0], FUNCTION[1]]:
        "bodies that returned `Err`, which is not cached";
    OPERATION Histogram "cache_operation_seconds" Seconds [FUNCTION[0], FUNCTION[1], "operation"]
        ["read", "ensure", "fill"] in OPERATIONS:
        "cache work on the server, as its caller waited for it; nobody waits for a fill, except for that of `put`";
    FILLS Counter "cache_fills_total" Count [FUNCTION[0], FUNCTION[1], "result"]
        ["stored", "refused", "failed", "too_large", "unfit"]:
        "loaded values by what became of them; refused: invalidated while they were loaded; failed: the server did not take them, or does not keep up";
    ENTRY Histogram "cache_entry_bytes" Bytes [FUNCTION[0], FUNCTION[1]] in SIZES:
        "size of an entry that was stored, as it is sent; in process: encoded";
    BYTES Counter "cache_bytes_total" Bytes [FUNCTION[0], FUNCTION[1], "direction"] ["read", "written"]:
        "bytes of entries that went over the wire";
    TROUBLE Counter "cache_trouble_total" Count [FUNCTION[0], FUNCTION[1], "cause"]
        ["timeout", "disconnect", "refusal", "undecodable", "unkeyed"]:
        "cache work that failed, by cause; while the breaker is open nothing is tried";
    INVALIDATIONS Counter "cache_invalidations_total" Count ["site", "result"] ["delivered", "deferred"]:
        "invalidations by the function that made them; deferred: owed to the server, void in this process at once";
    INVALIDATION Histogram "cache_invalidation_seconds" Seconds ["site"] in OPERATIONS:
        "how long an invalidation held up its caller";
    OWED Gauge "cache_owed_invalidations" Count ["cache"]:
        "keys and tags that wait to be invalidated on the server";
    LAG Gauge "cache_invalidation_lag_seconds" Seconds ["cache"]:
        "how far this process is behind others' invalidations, at most: the latest heartbeat of the slowest master; NaN while one of them is not heard";
    LEASE_AGE Gauge "cache_lease_age_seconds" Seconds ["cache"]:
        "how long ago the heartbeat was sent that vouches for what is kept in process; at the lease's length it is not served";
    VOUCHED Gauge "cache_local_vouched_for" Truth ["cache"]:
        "whether what is kept in process over Redis is served";
    AVAILABLE Gauge "cache_available" Truth ["cache"]:
        "whether the server is of use, so that functions do not run uncached";
    BREAKER_OPEN Gauge "cache_breaker_open" Count ["cache"]:
        "masters that are left alone because they are in trouble";
    BREAKER_OPENED Counter "cache_breaker_opened_total" Count ["cache"]:
        "how often a breaker opened";
    MASTERS Gauge "cache_masters" Count ["cache"]:
        "masters in use";
    POOL Gauge "cache_pool_connections" Count ["cache", "state"] ["open", "limit"]:
        "data connections that are open, and how many there may be; one for each lane and master";
    POOL_WAITING Gauge "cache_pool_waiting" Count ["cache"]:
        "lanes that wait for a connection to be made";
    FLIGHTS Gauge "cache_flights" Count ["cache"]:
        "loads under way that others may join";
    LOCAL_ENTRIES Gauge "cache_local_entries" Count ["cache"]:
        "entries kept in process";
    LOCAL_BYTES Gauge "cache_local_bytes" Bytes ["cache"]:
        "estimated bytes of the entries kept in process";
    LOCAL_LIMIT Gauge "cache_local_limit_bytes" Bytes ["cache"]:
        "how many bytes the in-process tier may hold";
    LOCAL_VOIDED Counter "cache_local_voided_total" Count ["cache"]:
        "entries in process that were looked for and had been invalidated";
    LOCAL_EPOCH Counter "cache_local_epochs_total" Count ["cache"]:
        "how often everything in process became void at once";
}
