//! A call that this thread has no answer for: what the store in this process knows, then everything else.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use tracing::Span;

use crate::ask::Counted;
use crate::call::Call;
use crate::context::{self, Context};
use crate::core::Store;
use crate::facts::Kind;
use crate::flight::Shared;
use crate::found::FoundTags;
use crate::load::{Looked, Seen};
use crate::outcome::Load;
use crate::{Key, span};

/// A call to be answered.
pub struct Missed<L> {
    call: Call<'static>,
    kind: PhantomData<fn() -> L>,
}

impl<L> Missed<L> {
    pub(crate) fn new(call: Call<'static>) -> Self {
        Self { call, kind: PhantomData }
    }

    /// Where the tags are told that the result names.
    pub fn found(&mut self) -> FoundTags {
        self.call.found()
    }

    /// Answers the call: from the cache, from a load under way, or by `body`.
    ///
    /// # Cancel safety
    ///
    /// Dropped while `body` runs, the load is taken over by one of the callers who joined it.
    // `L: Load` of the method: of the `impl`, it would be told twice where it is missing.
    pub async fn load<F>(&self, body: Pin<&mut F>) -> L::Return
    where
        L: Load,
        F: Future<Output = L::Return>,
    {
        let context = context::current();
        let mut rendered = None;
        if let Some(span) = span::of(Counted::Site(self.call.site())) {
            let (key, looked) = (self.call.key(&mut rendered), Looked::default());
            return Box::pin(self.answer(context.as_deref(), key, looked, span, body)).await;
        }
        let key = self.call.key(&mut rendered);
        let plain = self.call.plain(context.as_deref());
        // Made behind the wait, which is not to have room for it.
        let looked = if let Some(cache) = plain.filter(|_| key.unfit().is_none()) {
            let in_process = self.call.tier(cache).is_some();
            if in_process && let Some(kept) = self.kept(key) {
                return kept;
            }
            let facts = self.call.site().facts(Kind::of::<L>(), cache.core().config.codec);
            let missed = if let Store::Redis(remote) = &cache.core().store
                && !facts.is_unfit()
            {
                let ask = self.call.ask(cache, key);
                let mut budget = cache.core().budget();
                let missed = match ask.see::<L>(&ask.question(remote, facts), facts, &mut budget).await {
                    Seen::Value(value, _) => return L::close(Ok(value)),
                    Seen::Missed(look) => Some((look, budget)),
                    Seen::Trouble => None,
                };
                // Behind all that the look had: neither has to have room beside the other.
                if missed.is_none() {
                    return ask.open::<L, F>(body).await;
                }
                missed
            } else {
                None
            };
            Looked { in_process, missed }
        } else {
            Looked::default()
        };
        // Boxed: what most calls need of this future stays small, and does not have to be moved about.
        Box::pin(self.answer(context.as_deref(), key, looked, Span::none(), body)).await
    }
}

impl<L: Load> Missed<L> {
    fn kept(&self, key: &Key) -> Option<L::Return> {
        let (kind, mut kept) = (Kind::of::<L>(), None);
        let mut take = |value: &Shared| {
            kept = L::taken(value);
            kept.is_some()
        };
        // Where somebody listens, but not to this, nothing was looked at yet.
        if !span::are_heard() || !self.call.look(kind, &mut take) {
            self.call.look_in_store(kind, key, &mut take);
        }
        Some(L::close(Ok(kept?)))
    }

    async fn answer<F>(
        &self,
        context: Option<&Context>,
        key: &Key,
        looked: Looked,
        span: Span,
        body: Pin<&mut F>,
    ) -> L::Return
    where
        F: Future<Output = L::Return>,
    {
        let mode = context.map(|context| context.mode).unwrap_or_default();
        // Whoever looks from outside can tell from now on what this function reads.
        #[cfg(feature = "inspect")]
        self.call.site().facts(Kind::of::<L>(), self.call.cache(context).core().config.codec);
        let ask = self.call.ask(self.call.cache(context), key);
        let (returned, observation) = ask.told::<L, F>(mode, looked, span, body).await;
        if let Some(observer) = context.and_then(|context| context.observer.as_ref()) {
            observer.set(observation, L::failed(&returned));
        }
        returned
    }
}
