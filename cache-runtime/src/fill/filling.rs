//! A fill on its way, and what becomes of it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Draft;
use super::queue::BESIDE;
use crate::ask::CountedOwned;
use crate::core::{Core, Store};
use crate::entry::Expected;
use crate::flight::{Landed, Shared};
use crate::metrics::{self, Timer};
use crate::redis::{Failure, Fill};
use crate::stats::add;
use crate::{Key, linger, read};

pub(super) struct Filling {
    pub(super) landing: Landing,
    pub(super) key: Key,
    pub(super) counted: CountedOwned,
    pub(super) draft: Draft,
    pub(super) expected: Expected,
    pub(super) ttl: Duration,
}

/// A flight whose fill is on its way. Closed on drop: the runtime that carries the fill may be shut down.
pub(super) struct Landing {
    pub(super) core: Arc<Core>,
    pub(super) landed: Option<Landed>,
    /// How many bytes are counted as held by it.
    pub(super) held: usize,
}

impl Filling {
    pub(super) fn bytes(&self) -> usize {
        self.draft.bytes().len()
    }

    /// Counts what it holds, until it is dropped.
    pub(super) fn hold(&mut self) {
        self.landing.held = self.bytes() + BESIDE;
        self.landing.core.fills.held.fetch_add(self.landing.held, Relaxed);
    }

    /// Ends it without a request. Its token stays known: own callers need not wait for others who might have set it.
    pub(super) fn give_up(self) {
        add(&self.counted.counted().get().fills_failed);
    }

    /// Now and then a fill renews the stamps that its entry carries.
    fn renews(&self) -> bool {
        self.key.tag_count() > 0 && fastrand::u32(..32) == 0
    }

    fn fill(&self) -> Fill<'_> {
        Fill { key: &self.key, expected: &self.expected, envelope: self.draft.bytes(), ttl: self.ttl }
    }

    /// What takes long with a large value is done here, where no caller waits for it.
    fn prepare(&mut self, core: &Core) {
        self.draft.finish(core.config.compression.as_ref());
    }

    /// Ends it, as the server answered.
    fn end(mut self, core: &Arc<Core>, timer: Timer, filled: Result<bool, &Failure>) {
        let counted = self.counted.counted();
        let (counters, bytes) = (counted.get(), self.bytes());
        timer.fill(counted);
        match filled {
            Ok(true) => {
                add(&counters.fills);
                counters.bytes_written.fetch_add(bytes as u64, Relaxed);
                metrics::stored(counted, bytes);
            }
            Ok(false) => add(&counters.fills_refused),
            Err(failure) => {
                add(&counters.fills_failed);
                read::count(counters, failure);
            }
        }
        core.minted.forget(&self.expected);
        if let Some(landed) = self.landing.landed.take() {
            linger::close_later(core, landed);
        }
    }

    /// Stores a value that is current whatever other processes hold.
    pub(super) async fn put(mut self) {
        let core = Arc::clone(&self.landing.core);
        let Store::Redis(remote) = &core.store else { return };
        self.prepare(&core);
        let timer = Timer::start();
        let put = remote.server.put(&mut core.budget(), self.fill()).await;
        self.end(&core, timer, put.as_ref().map(|stored| *stored));
    }
}

/// Stores them, in one request for each master. Nothing else goes with them: what fails is theirs.
pub(super) async fn store(core: &Arc<Core>, fillings: &mut Vec<Filling>) {
    let Store::Redis(remote) = &core.store else { return fillings.clear() };
    fillings.iter_mut().for_each(|filling| filling.prepare(core));
    let renewed = fillings.iter().filter(|filling| filling.renews()).flat_map(|filling| filling.key.tags());
    let renewed: Vec<String> = renewed.map(|tag| remote.server.names.tag(tag)).collect();
    let timer = Timer::start();
    let fills: Vec<Fill<'_>> = fillings.iter().map(Filling::fill).collect();
    let filled = remote.server.fill(&mut core.budget(), &fills).await;
    drop(fills);
    match filled {
        Ok(filled) => {
            for (filling, filled) in fillings.drain(..).zip(filled) {
                filling.end(core, timer, filled.as_ref().map(|stored| *stored));
            }
        }
        Err(failure) => fillings.drain(..).for_each(|filling| filling.end(core, timer, Err(&failure))),
    }
    if !renewed.is_empty() {
        let core_of_them = Arc::clone(core);
        core.in_background(Box::pin(async move { renew(&core_of_them, renewed).await }));
    }
}

/// A stamp that runs out is a miss, so a failure here is none.
async fn renew(core: &Core, stamps: Vec<String>) {
    let Store::Redis(remote) = &core.store else { return };
    let _ = remote.server.renew_all(&mut core.budget(), stamps).await;
}

impl Landing {
    /// The value that those who joined are handed, if it is a value.
    pub(super) fn shared<V: 'static>(&self) -> Option<Shared> {
        self.landed.as_ref().map(Landed::shared).filter(|shared| shared.is::<V>())
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if self.held > 0 {
            self.core.fills.held.fetch_sub(self.held, Relaxed);
        }
        if let Some(landed) = self.landed.take() {
            landed.close(&self.core.flights);
        }
    }
}
