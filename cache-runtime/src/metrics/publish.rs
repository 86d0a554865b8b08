//! Counters and gauges: published from what is counted and known anyway, each second, and whenever somebody asks.
//!
//! A counter is handed over as the sum that it is, so whoever publishes it twice changes nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::metrics::{Key, Label, Recorder};

use super::record::{METADATA, begin};
use super::table::{self, Metric};
use crate::Cache;
use crate::ask::Counted;
use crate::core::{Core, Store};
use crate::site::{INVALIDATION_SITES, SITES};
use crate::stats::{Counts, Invalidated};

/// How often.
const EVERY: Duration = Duration::from_secs(1);

/// Whether a task publishes what a cache counts.
#[derive(Default)]
pub(crate) struct Publisher {
    running: AtomicBool,
}

/// Lets another task publish when this one ends, for example because its runtime was shut down.
struct Running(Weak<Core>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(core) = self.0.upgrade() {
            core.publisher.running.store(false, Ordering::Release);
        }
    }
}

/// Sees to it that what is counted is published, if there is a recorder. Cheap enough for every call that is no hit in
/// process.
#[inline]
pub(crate) fn attend(core: &Arc<Core>) {
    if !core.publisher.running.load(Ordering::Acquire) && there_is_a_recorder() {
        start(core);
    }
}

/// The facade does not tell; but the recorder that stands in for none has no state.
fn there_is_a_recorder() -> bool {
    super::is_recorded() || ::metrics::with_recorder(|recorder| size_of_val(recorder) > 0)
}

#[cold]
fn start(core: &Arc<Core>) {
    begin();
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    if core.publisher.running.swap(true, Ordering::AcqRel) {
        return;
    }
    let running = Running(Arc::downgrade(core));
    runtime.spawn(async move {
        while let Some(core) = running.0.upgrade() {
            publish(&Cache::of(core));
            tokio::time::sleep(EVERY).await;
        }
    });
}

/// Publishes all counters and gauges of this cache, and those of the functions.
pub(crate) fn publish(cache: &Cache) {
    begin();
    ::metrics::with_recorder(|recorder| {
        let sink = Sink { recorder, counters: RefCell::default() };
        let core = cache.core();
        let direct = core.direct_name();
        for site in SITES.iter().filter(|site| !site.number.is_none()) {
            sink.function(Counted::Site(site), &site.counts());
        }
        sink.function(Counted::Direct(core), &core.direct.read());
        for site in INVALIDATION_SITES {
            sink.invalidations(site.declaration.function, &site.invalidated);
        }
        sink.invalidations(&direct, &core.invalidated);
        sink.state(cache);
        sink.hand_over();
    });
}

struct Sink<'a> {
    recorder: &'a dyn Recorder,
    /// Several functions can have one name, such as methods of one module: their counts are added up, since of two sums a
    /// recorder keeps the larger one.
    counters: RefCell<BTreeMap<Series, (&'static Metric, u64)>>,
}

/// A metric's name, and the values of its labels.
type Series = (&'static str, Vec<String>);

impl Sink<'_> {
    fn key(metric: &Metric, values: &[&str]) -> Key {
        debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
        let labels = metric.labels.iter().zip(values).map(|(name, value)| Label::new(*name, (*value).to_owned()));
        Key::from_parts(metric.name, labels.collect::<Vec<_>>())
    }

    fn count(&self, metric: &'static Metric, labels: &[&str], value: u64) {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.counters.borrow_mut().entry((metric.name, labels)).or_insert((metric, 0)).1 += value;
    }

    fn hand_over(&self) {
        for ((_, labels), (metric, sum)) in &*self.counters.borrow() {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            self.recorder.register_counter(&Self::key(metric, &labels), METADATA).absolute(*sum);
        }
    }

    fn set(&self, metric: &Metric, labels: &[&str], value: f64) {
        self.recorder.register_gauge(&Self::key(metric, labels), METADATA).set(value);
    }

    fn function(&self, counted: Counted<'_>, counts: &Counts) {
        let (function, key) = counted.labels();
        let (function, series) = (&*function, counted.series());
        let each = |metric: &'static Metric, values: &[(&str, u64)]| {
            values.iter().for_each(|(last, value)| self.count(metric, &[function, key, last], *value));
        };
        let grown = |published: &AtomicU64, all: u64, negative: u64| {
            let now = all.saturating_sub(negative);
            published.fetch_max(now, Ordering::Relaxed).max(now)
        };
        let negative_local = counts.negative_hits.saturating_sub(counts.negative_redis_hits);
        let local_hits = grown(&series.local_hits, counts.local_hits, negative_local);
        let redis_hits = grown(&series.redis_hits, counts.redis_hits, counts.negative_redis_hits);
        each(
            table::REQUESTS,
            &[
                ("local_hit", local_hits),
                ("redis_hit", redis_hits),
                ("negative_hit", counts.negative_hits),
                ("joined", counts.joins),
                ("loaded", counts.led),
                ("absent", counts.absent),
                ("bypassed", counts.uncached),
                ("fail_open", counts.fail_open),
            ],
        );
        each(
            table::FILLS,
            &[
                ("stored", counts.fills),
                ("refused", counts.fills_refused),
                ("failed", counts.fills_failed),
                ("too_large", counts.too_large),
                ("unfit", counts.unfit),
            ],
        );
        each(table::BYTES, &[("read", counts.bytes_read), ("written", counts.bytes_written)]);
        each(
            table::TROUBLE,
            &[
                ("timeout", counts.timeouts),
                ("disconnect", counts.disconnects),
                ("refusal", counts.refusals),
                ("undecodable", counts.undecodable),
                ("unkeyed", counts.unkeyed),
            ],
        );
        self.count(table::LOAD_ERRORS, &[function, key], counts.load_errors);
    }

    fn invalidations(&self, site: &str, invalidated: &Invalidated) {
        for (result, count) in [("delivered", &invalidated.delivered), ("deferred", &invalidated.deferred)] {
            self.count(table::INVALIDATIONS, &[site, result], count.load(Ordering::Relaxed));
        }
    }

    fn state(&self, cache: &Cache) {
        let core = cache.core();
        let (stats, health) = (cache.stats(), cache.health());
        let name = cache.namespace();
        let set = |metric, value| self.set(metric, &[name], value);
        let truth = |metric, value| set(metric, f64::from(u8::from(value)));
        truth(table::AVAILABLE, health.available);
        set(table::FLIGHTS, stats.flights as f64);
        set(table::LOCAL_ENTRIES, stats.local_entries as f64);
        set(table::LOCAL_BYTES, stats.local_bytes as f64);
        set(table::LOCAL_LIMIT, core.config.local_bytes as f64);
        let Store::Redis(remote) = &core.store else { return };
        set(table::OWED, stats.owed as f64);
        let nodes = remote.server.topology.nodes();
        set(table::MASTERS, nodes.len() as f64);
        set(table::BREAKER_OPEN, nodes.iter().filter(|node| node.breaker.is_open()).count() as f64);
        self.count(table::BREAKER_OPENED, &[name], stats.breaker_opened);
        let pools: Vec<_> = nodes.iter().map(|node| node.pool()).collect();
        self.set(table::POOL, &[name, "open"], pools.iter().map(|pool| pool.size).sum::<usize>() as f64);
        self.set(table::POOL, &[name, "limit"], pools.iter().map(|pool| pool.max_size).sum::<usize>() as f64);
        set(table::POOL_WAITING, pools.iter().map(|pool| pool.waiting).sum::<usize>() as f64);
        let Some(local) = health.local else { return };
        let lease = core.config.lease;
        truth(table::VOUCHED, !local.vouched_for.is_zero());
        set(table::LEASE_AGE, lease.saturating_sub(local.vouched_for).as_secs_f64());
        // Not zero, which would be the best there is.
        set(table::LAG, local.lag.map_or(f64::NAN, |lag| lag.as_secs_f64()));
        self.count(table::LOCAL_VOIDED, &[name], stats.local_voided);
        self.count(table::LOCAL_EPOCH, &[name], stats.local_epoch);
    }
}
