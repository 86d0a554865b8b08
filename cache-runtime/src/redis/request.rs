//! One request within the budget of its call, and what its failure says about the server.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use redis::RedisResult;
use redis::aio::MultiplexedConnection;

use super::history::Standing;
use super::lanes::Wire;
use super::{Cause, Failure, Server};
use crate::breaker::Severity;
use crate::budget::Budget;

/// A request under way, and who answered it.
type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<(T, Standing), Failure>> + Send + 'a>>;

impl Server {
    /// Sends one request within the budget. A connection that turns out dead is replaced once: the server may
    /// have been restarted since it was last used. Every request of the protocol may be sent twice.
    ///
    /// Boxed: a user's future holds all of this, and the compiler's limit on the depth of types is his to use up.
    pub(super) fn request<'a, T, F>(
        self: &'a Arc<Self>,
        budget: &'a mut Budget,
        send: impl Fn(MultiplexedConnection) -> F + Send + Sync + 'a,
    ) -> Answering<'a, T>
    where
        F: Future<Output = RedisResult<T>> + Send + 'a,
        T: Send + 'a,
    {
        Box::pin(async move {
            if self.breaker.is_open() {
                self.start_probe();
                return Err(Failure::open());
            }
            let mut in_use: Option<Arc<Wire>> = None;
            let tried = budget.spend(self.send_twice(&send, &mut in_use)).await;
            let answered = tried.unwrap_or_else(|_| {
                if let Some(wire) = &in_use {
                    self.lanes.cut(wire);
                }
                Err(Failure::timeout())
            });
            self.learn_from(&answered);
            answered
        })
    }

    async fn send_twice<T, F>(
        &self,
        send: &(impl Fn(MultiplexedConnection) -> F + Sync),
        in_use: &mut Option<Arc<Wire>>,
    ) -> Result<(T, Standing), Failure>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let mut second = false;
        loop {
            let wire = self.lanes.wire().await?;
            *in_use = Some(Arc::clone(&wire));
            let failure = match send(wire.connection()).await {
                Ok(value) => return Ok((value, wire.standing())),
                Err(error) => Failure::from(error),
            };
            if failure.severity == Severity::Fatal {
                self.lanes.cut(&wire);
            }
            if second || failure.cause != Cause::Disconnected {
                return Err(failure);
            }
            second = true;
        }
    }

    fn learn_from<T>(self: &Arc<Self>, answered: &Result<(T, Standing), Failure>) {
        match answered {
            Ok((_, standing)) => {
                self.guard.store(if matches!(standing, Standing::Hidden) { 2 } else { 1 }, Ordering::Relaxed);
                self.breaker.success();
            }
            Err(failure) => {
                if self.breaker.failure(failure.severity) {
                    tracing::warn!(cause = %failure.message, "the cache server is in trouble; functions run uncached until it answers");
                    self.note_trouble(failure);
                    self.start_probe();
                }
            }
        }
    }

    pub(super) fn note_trouble(&self, failure: &Failure) {
        *self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.message.clone());
    }

    pub(super) fn note_recovery(&self) {
        *self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
        tracing::info!("the cache server answers again");
    }

    pub(crate) fn last_trouble(&self) -> Option<String> {
        self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn history_guard(&self) -> Option<bool> {
        match self.guard.load(Ordering::Relaxed) {
            0 => None,
            known => Some(known == 1),
        }
    }
}
