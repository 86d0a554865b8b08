//! The write side of the protocol: void here at once, deliver to the server, owe what could not be delivered.

use std::sync::Arc;

use crate::context;
use crate::core::{Core, Store};
use crate::entry::{self, Nonce};
use crate::key::KeyPart;
use crate::metrics::{self, Timer};
use crate::mutant::Mutant;
use crate::recovery::first_failure;
use crate::site::InvalidationSite;
use crate::stats::{Invalidated, add, first_time};
use crate::{Cache, Error, ErrorKind, Key};

/// What is to be invalidated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    pub(crate) keys: Vec<Key>,
    pub(crate) tags: Vec<String>,
    /// The fences that end with this invalidation.
    pub(crate) released: Vec<Nonce>,
    /// Whose invalidation it is; `None`: that of a method of the cache.
    pub(crate) site: Option<&'static InvalidationSite>,
}

impl Targets {
    fn invalidated<'a>(&self, core: &'a Core) -> &'a Invalidated {
        self.site.map_or(&core.invalidated, |site| &site.invalidated)
    }

    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.tags.is_empty()
    }
}

/// Invalidates; what the server did not confirm is owed when this returns. The count is of names that were there.
///
/// Cancel safe: dropped on the way, the targets are owed.
pub(crate) async fn invalidate(core: &Arc<Core>, targets: Targets) -> Result<u64, Error> {
    let owing = Owing { core, targets: Some(targets) };
    owing.deliver().await
}

/// Targets that are owed unless their delivery is confirmed.
struct Owing<'a> {
    core: &'a Arc<Core>,
    targets: Option<Targets>,
}

impl Owing<'_> {
    async fn deliver(mut self) -> Result<u64, Error> {
        let Some(targets) = self.targets.as_ref().filter(|targets| !targets.is_empty()) else {
            self.targets = None;
            return Ok(0);
        };
        add(&self.core.invalidations);
        metrics::attend(self.core);
        let timer = Timer::start();
        let outcome = match &self.core.store {
            Store::Off => Ok(0),
            Store::Local(store) => {
                let removed = targets.keys.iter().filter(|key| store.remove(key)).count();
                store.void([], targets.tags.iter().map(String::as_str));
                Ok(removed as u64)
            }
            Store::Redis(remote) => {
                let names = names(&remote.server.names, targets);
                #[cfg(feature = "inspect")]
                crate::inspect::learn(self.core, &names);
                let voided = remote.server.void(&mut self.core.budget(), &names, &targets.released).await;
                // Whatever was owed before: the runtime that carried the delivery may be gone.
                remote.recovery.deliver_soon(&remote.server);
                voided.and_then(first_failure).map_err(|failure| {
                    crate::read::count(&self.core.direct, &failure);
                    let kind = failure.clone().into_error().kind();
                    Error::new(kind, format!("the invalidation is queued and will be retried: {}", failure.message))
                })
            }
        };
        timer.invalidate(self.core, targets.site);
        if outcome.is_ok() {
            add(&targets.invalidated(self.core).delivered);
            self.targets = None;
        }
        outcome
    }
}

impl Drop for Owing<'_> {
    fn drop(&mut self) {
        if let Some(targets) = self.targets.take() {
            owe(self.core, &targets);
        }
    }
}

fn names(names: &crate::redis::Names, targets: &Targets) -> Vec<String> {
    let keys = targets.keys.iter().map(|key| names.entry(key));
    keys.chain(targets.tags.iter().map(|tag| names.tag(tag))).collect()
}

/// Void here at once, delivered as soon as the server takes it.
fn owe(core: &Arc<Core>, targets: &Targets) {
    if targets.is_empty() {
        return;
    }
    add(&core.deferred);
    add(&targets.invalidated(core).deferred);
    match &core.store {
        Store::Off => {}
        Store::Local(store) => store.void(&targets.keys, targets.tags.iter().map(String::as_str)),
        Store::Redis(remote) => {
            let names = names(&remote.server.names, targets);
            remote.recovery.owe(&remote.server, names, &targets.released);
        }
    }
}

/// An invalidating function while its body runs. Dropped before [`finish`](Self::finish), it invalidates all the
/// same: the body may have done its work.
pub struct Pending {
    site: &'static InvalidationSite,
    /// The one named by the function, or by the scope that it began in: a drop happens outside of any scope.
    cache: Option<Cache>,
    targets: Targets,
    armed: bool,
}

impl InvalidationSite {
    /// Called where the body begins.
    pub fn begin(&'static self) -> Pending {
        let cache = context::current().and_then(|context| context.cache.clone());
        Pending { site: self, cache, targets: Targets { site: Some(self), ..Targets::default() }, armed: true }
    }
}

impl Pending {
    /// Another cache than the installed one.
    #[must_use]
    pub fn on(mut self, cache: &Cache) -> Self {
        self.cache = Some(cache.clone());
        self
    }

    /// Adds the tag of this template.
    pub fn tags(&mut self, index: u16, parts: &[&dyn KeyPart]) {
        let tag = Key::start(0, |out| self.site.declaration.tags[usize::from(index)].render(parts, out));
        self.noted(&tag);
        self.targets.tags.push(tag.as_str().to_owned());
    }

    /// Adds the key of this template.
    pub fn keys(&mut self, index: u16, parts: &[&dyn KeyPart]) {
        let key = Key::start(0, |out| self.site.declaration.keys[usize::from(index)].render(parts, out));
        self.target(key);
    }

    /// Adds a key that a cached function's companion rendered.
    pub fn target(&mut self, key: Key) {
        self.noted(&key);
        self.targets.keys.push(key);
    }

    /// `fence`: marks what is named so far, if the server takes it; the body runs in any case.
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, the targets are invalidated, which also lifts a fence that was set.
    pub async fn try_fence(&mut self) {
        if let Err(error) = self.fence().await {
            tracing::debug!(function = self.site.declaration.function, %error, "a mutation runs without its fence");
        }
    }

    /// `fence = "require"`: marks what is named so far, or answers why not: then the body does not run, and what a part
    /// of the request may have fenced is lifted in the background, which invalidates it.
    ///
    /// # Cancel safety
    ///
    /// As that of [`try_fence`](Self::try_fence).
    ///
    /// # Errors
    ///
    /// When the server did not take the fence.
    pub async fn require_fence(&mut self) -> Result<(), Error> {
        let fenced = self.fence().await;
        if fenced.is_err() {
            self.armed = false;
            // A part of it may have been set.
            let cache = self.cache.take().unwrap_or_else(|| Cache::installed().clone());
            owe(cache.core(), &self.targets);
        }
        fenced
    }

    async fn fence(&mut self) -> Result<(), Error> {
        let cache = self.cache.get_or_insert_with(|| Cache::installed().clone()).clone();
        match &cache.core().store {
            // What dies with the process needs no fence.
            Store::Local(_) => Ok(()),
            Store::Off => Err(Error::no_cache()),
            Store::Redis(remote) => {
                if remote.server.breaks(Mutant::NoFence) {
                    return Ok(());
                }
                let names = names(&remote.server.names, &self.targets);
                let nonce = entry::random8();
                // Before it is set: whatever becomes of the request, the invalidation lifts it.
                self.targets.released.push(nonce);
                let fenced = remote.server.fence(&mut cache.core().budget(), &names, &nonce).await;
                fenced.map_err(|failure| {
                    crate::read::count(&cache.core().direct, &failure);
                    failure.into_error()
                })
            }
        }
    }

    /// A target that cannot be rendered is no target; its entries were never stored either.
    fn noted(&self, target: &Key) {
        if let Some(problem) = target.unfit()
            && first_time(&self.site.invalidated.warned)
        {
            tracing::warn!(function = self.site.declaration.function, problem = %problem, "a target of an invalidation cannot be rendered");
        }
    }

    /// The body returned: invalidates, unless it failed and `on = "ok"` was asked for; a fence is lifted in any case.
    pub async fn finish(mut self, ok: bool) {
        self.armed = false;
        if !ok && self.site.declaration.only_ok && self.targets.released.is_empty() {
            return;
        }
        let cache = self.cache.take().unwrap_or_else(|| Cache::installed().clone());
        // Owed and counted already if it failed; the function's result is not touched.
        let targets = std::mem::take(&mut self.targets);
        if let Err(error) = invalidate(cache.core(), targets).await
            && error.kind() != ErrorKind::Unavailable
        {
            tracing::debug!(function = self.site.declaration.function, %error, "an invalidation was deferred");
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.armed {
            let cache = self.cache.take().unwrap_or_else(|| Cache::installed().clone());
            owe(cache.core(), &self.targets);
        }
    }
}
