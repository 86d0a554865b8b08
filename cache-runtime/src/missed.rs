//! A call that this thread has no answer for: what the store in this process knows, then everything else.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use tracing::Instrument as _;

use crate::Key;
use crate::call::Call;
use crate::context::{self, Context};
use crate::facts::Kind;
use crate::found::FoundTags;
use crate::outcome::Load;

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
        let plain = self.call.plain(context.as_deref());
        let key = self.call.key();
        if plain.is_some()
            && key.unfit().is_none()
            && let Some(kept) = self.kept(&key)
        {
            return kept;
        }
        let looked = plain.is_some_and(|cache| self.call.tier(cache).is_some());
        self.answer(context.as_deref(), &key, looked, body).await
    }
}

impl<L: Load> Missed<L> {
    fn kept(&self, key: &Key) -> Option<L::Return> {
        let mut kept = None;
        self.call.look_in_store(const { &Kind::of::<L>() }, key, &mut |value| {
            kept = value.downcast_ref::<L::Value>().cloned();
            kept.is_some()
        });
        Some(L::close(Ok(kept?)))
    }

    /// `looked`: what is kept in process is no hit.
    async fn answer<F>(&self, context: Option<&Context>, key: &Key, looked: bool, body: Pin<&mut F>) -> L::Return
    where
        F: Future<Output = L::Return>,
    {
        let mode = context.map(|context| context.mode).unwrap_or_default();
        let span = tracing::debug_span!(
            "cached",
            function = self.call.site().declaration.function,
            source = tracing::field::Empty,
            fail_open = tracing::field::Empty
        );
        let ask = self.call.ask(self.call.cache(context), key, looked);
        let (returned, observation) = ask.answer::<L, F>(mode, body).instrument(span.clone()).await;
        span.record("source", observation.source.as_str()).record("fail_open", observation.fail_open);
        if let Some(observer) = context.and_then(|context| context.observer.as_ref()) {
            observer.set(observation);
        }
        returned
    }
}
