//! The state of a cache, and its end.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Cache;
use crate::core::Store;
use crate::site::SITES;
use crate::stats::{FunctionStats, Health, LocalHealth, Stats, Tier};
use crate::{Error, ErrorKind, clock};

/// How long [`Cache::shutdown`] tries to deliver what is owed.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// State and end.
impl Cache {
    /// The prefix of every key on the server.
    pub fn namespace(&self) -> &str {
        &self.core.config.namespace
    }

    /// Asks the server for a sign of life; a cache without server answers at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] when the server cannot be reached or the breaker is open, [`ErrorKind::Timeout`] when the
    /// budget is used up, [`ErrorKind::Refused`] when it answers with an error; [`ErrorKind::Config`] when the environment
    /// does not describe a cache.
    pub async fn ping(&self) -> Result<(), Error> {
        match &self.core.store {
            Store::Redis(remote) => {
                remote.server.ping(&mut self.core.budget()).await.map_err(crate::redis::Failure::into_error)
            }
            Store::Local(_) => Ok(()),
            Store::Off => Err(Error::no_cache()),
        }
    }

    /// What has been counted so far.
    pub fn stats(&self) -> Stats {
        let mut functions: Vec<_> = SITES
            .iter()
            .filter(|site| !site.number.is_none())
            .map(|site| FunctionStats {
                function: site.declaration.function,
                key: site.declaration.key.source,
                counts: site.counts(),
            })
            .collect();
        functions.sort_by_key(|stats| stats.function);
        let mut stats = Stats {
            functions,
            direct: self.core.direct.read(),
            invalidations: self.core.invalidations.load(Relaxed),
            invalidations_deferred: self.core.deferred.load(Relaxed),
            flights: self.core.flights.len(),
            ..Stats::default()
        };
        match &self.core.store {
            Store::Off => {}
            Store::Local(store) => {
                stats.local_entries = store.len();
                stats.local_bytes = store.weight();
            }
            Store::Redis(remote) => {
                stats.owed = remote.recovery.count();
                stats.breaker_opened = remote.server.topology.breaker_opened();
                if let Some(store) = &remote.server.local {
                    stats.local_entries = store.len();
                    stats.local_bytes = store.weight();
                    stats.local_voided = store.voided();
                    stats.local_epoch = u64::from(store.epoch());
                }
            }
        }
        stats
    }

    /// Whether the cache is of use at the moment. Asks nobody: what the latest calls met.
    pub fn health(&self) -> Health {
        let mut health = Health {
            tier: Tier::Off,
            available: true,
            history_guard: None,
            owed: 0,
            last_error: None,
            local: None,
            masters: Vec::new(),
            disabled: self.core.steering.is_disabled(),
            policy_problem: self.core.steering.problem(),
        };
        match &self.core.store {
            Store::Off => health.available = false,
            Store::Local(_) => health.tier = Tier::Local,
            Store::Redis(remote) => {
                let server = &remote.server;
                let nodes = server.topology.nodes();
                health.tier = Tier::Redis;
                health.last_error = server.trouble();
                health.available =
                    server.topology.trouble().is_none() && !nodes.iter().any(|node| node.breaker.is_open());
                // The guard is on if it is on everywhere.
                health.history_guard =
                    nodes.iter().map(|node| node.history_guard()).reduce(|all, one| Some(all? && one?)).flatten();
                health.owed = remote.recovery.count();
                health.masters = nodes.iter().map(|node| node.name.clone()).collect();
                health.local = server.local.as_ref().map(|store| LocalHealth {
                    vouched_for: store.lease().left().unwrap_or_default(),
                    denied: nodes.iter().any(|node| node.channel.is_denied()),
                    last_error: nodes.iter().find_map(|node| node.channel.trouble()),
                    epoch: u64::from(store.epoch()),
                    // Of all of them: one that is not heard is not ahead of the others.
                    lag: nodes
                        .iter()
                        .map(|node| node.channel.lag())
                        .reduce(|most, lag| Some(most?.max(lag?)))
                        .flatten(),
                });
            }
        }
        health
    }

    /// Hands what was counted so far, and the state of this cache, to the recorder of the
    /// [`metrics`](https://docs.rs/metrics) facade; what is handed over is listed in [`crate::metrics`].
    ///
    /// A cache does so by itself each second, from its first call in a tokio runtime on that was not answered in process, if a
    /// recorder was installed by then. Call this where it has to be exact to the moment, such as in the handler of a scrape,
    /// and once for a recorder that is a type without fields: it cannot be told from none.
    ///
    /// Functions are counted for all caches of the process together; the state of a cache is labelled with its namespace. Two
    /// caches of one namespace in one process overwrite each other's state.
    ///
    /// ```
    /// # fn main() {
    /// let cache = cache_runtime::Cache::local();
    /// cache.publish_metrics(); // without a recorder it does nothing
    /// # }
    /// ```
    #[cfg(feature = "metrics")]
    pub fn publish_metrics(&self) {
        crate::metrics::publish(self);
    }

    /// Ends [maintenance](Self::maintain), waits for writes under way and delivers what is owed, for at most 5 s. The cache
    /// stays usable.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] with the number of invalidations that are still owed, or if writes are still under way.
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, writes and deliveries go on in the background, for as long as the runtime lives.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.core.upkeep.end();
        let drained = tokio::time::timeout(SHUTDOWN, async {
            tokio::join!(self.core.idle(), async {
                if let Store::Redis(remote) = &self.core.store {
                    remote.recovery.settle(&remote.server).await;
                }
            });
            self.core.lingering.close(clock::now(), &self.core.flights);
        });
        drained.await.map_err(|_| {
            let owed = self.health().owed;
            let problem = match owed {
                0 => "writes are still under way".to_owned(),
                1 => "1 invalidation could not be delivered; entries under it live until their ttl".to_owned(),
                _ => format!("{owed} invalidations could not be delivered; entries under them live until their ttl"),
            };
            Error::new(ErrorKind::Unavailable, problem)
        })
    }
}
