//! Histograms: recorded where something is timed that takes microseconds anyway.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use ::metrics::{Key, Label, Level, Metadata};

use super::Metric;
use super::table::{self, ENTRY, HIT_AGE, INVALIDATION, LOAD, OPERATION};
use crate::ask::Counted;
use crate::clock;
use crate::core::Core;
use crate::observation::Source;
use crate::site::InvalidationSite;

pub(super) const METADATA: &Metadata<'static> = &Metadata::new("cache_runtime", Level::INFO, Some(module_path!()));

/// Whether there is a recorder. For good: a recorder cannot be taken out.
static RECORDED: AtomicBool = AtomicBool::new(false);

/// Whether it is worth timing anything.
#[inline]
pub(crate) fn is_recorded() -> bool {
    RECORDED.load(Relaxed)
}

/// From now on it is worth it.
pub(super) fn begin() {
    if !RECORDED.swap(true, Relaxed) {
        table::METRICS.iter().for_each(|metric| describe(metric));
    }
}

fn describe(metric: &Metric) {
    let unit = Some(match metric.unit {
        table::Unit::Seconds => ::metrics::Unit::Seconds,
        table::Unit::Bytes => ::metrics::Unit::Bytes,
        table::Unit::Count | table::Unit::Truth => ::metrics::Unit::Count,
    });
    ::metrics::with_recorder(|recorder| match metric.kind {
        table::Kind::Counter => recorder.describe_counter(metric.name.into(), unit, metric.meaning.into()),
        table::Kind::Gauge => recorder.describe_gauge(metric.name.into(), unit, metric.meaning.into()),
        table::Kind::Histogram => recorder.describe_histogram(metric.name.into(), unit, metric.meaning.into()),
    });
}

fn record(key: &Key, value: f64) {
    ::metrics::with_recorder(|recorder| recorder.register_histogram(key, METADATA).record(value));
}

/// What is emitted of one function, beside its counters.
pub(crate) struct Series {
    /// Its histograms, made when the first of them is fed.
    keys: OnceLock<Box<Keys>>,
    /// Hits with a value, of both tiers, as they were published. They are differences of counters that go on counting while
    /// they are read, and must never go down.
    pub(super) local_hits: AtomicU64,
    pub(super) redis_hits: AtomicU64,
}

struct Keys {
    hit_local: Key,
    hit_redis: Key,
    load: Key,
    entry: Key,
    read: Key,
    ensure: Key,
    fill: Key,
}

impl Series {
    pub(crate) const fn new() -> Self {
        Self { keys: OnceLock::new(), local_hits: AtomicU64::new(0), redis_hits: AtomicU64::new(0) }
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").finish_non_exhaustive()
    }
}

/// Of this function.
fn keys(counted: Counted<'_>) -> &Keys {
    counted.series().keys.get_or_init(|| {
        let (function, template) = counted.labels();
        let key = |metric: &Metric, last: Option<&'static str>| {
            let own = [function.clone().into_owned(), template.to_owned()];
            let values = own.into_iter().chain(last.map(str::to_owned));
            let labels = metric.labels.iter().zip(values).map(|(name, value)| Label::new(*name, value));
            Key::from_parts(metric.name, labels.collect::<Vec<_>>())
        };
        Box::new(Keys {
            hit_local: key(HIT_AGE, Some("local")),
            hit_redis: key(HIT_AGE, Some("redis")),
            load: key(LOAD, None),
            entry: key(ENTRY, None),
            read: key(OPERATION, Some("read")),
            ensure: key(OPERATION, Some("ensure")),
            fill: key(OPERATION, Some("fill")),
        })
    })
}

/// A hit, and the age of its value.
#[inline]
pub(crate) fn hit(counted: Counted<'_>, source: Source, age: impl FnOnce() -> Duration) {
    if is_recorded() {
        let keys = keys(counted);
        record(if source == Source::Local { &keys.hit_local } else { &keys.hit_redis }, age().as_secs_f64());
    }
}

/// A body that ran to its end.
pub(crate) fn loaded(counted: Counted<'_>, took: Duration) {
    if is_recorded() {
        record(&keys(counted).load, took.as_secs_f64());
    }
}

/// An entry that was stored.
pub(crate) fn stored(counted: Counted<'_>, bytes: usize) {
    if is_recorded() {
        record(&keys(counted).entry, bytes as f64);
    }
}

/// Cache work under way. Dropped, it was given up, and is not recorded.
#[derive(Clone, Copy)]
pub(crate) struct Timer(Option<Instant>);

impl Timer {
    pub(crate) fn start() -> Self {
        Self(is_recorded().then(clock::now))
    }

    pub(crate) fn read(self, counted: Counted<'_>) {
        self.stop(|took| record(&keys(counted).read, took));
    }

    pub(crate) fn ensure(self, counted: Counted<'_>) {
        self.stop(|took| record(&keys(counted).ensure, took));
    }

    pub(crate) fn fill(self, counted: Counted<'_>) {
        self.stop(|took| record(&keys(counted).fill, took));
    }

    pub(crate) fn invalidate(self, core: &Core, site: Option<&'static InvalidationSite>) {
        self.stop(|took| {
            let site = site.map_or_else(|| core.direct_name(), |site| site.declaration.function.to_owned());
            record(&Key::from_parts(INVALIDATION.name, vec![Label::new(INVALIDATION.labels[0], site)]), took);
        });
    }

    fn stop(self, record: impl FnOnce(f64)) {
        if let Some(started) = self.0 {
            record(started.elapsed().as_secs_f64());
        }
    }
}
