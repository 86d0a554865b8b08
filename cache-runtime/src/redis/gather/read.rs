//! READ at one master: alone, or in one request with others.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use super::super::answers::{Answers, Told};
use super::super::connection::Connection;
use super::super::keyspace::Name;
use super::super::mget::{Asked, Piecewise};
use super::super::told::Answer;
use super::super::{Failure, Node};
use super::task::Task;
use super::watch::{Watch, late};
use super::{Alone, Turn, count};
use crate::budget::Budget;

impl Node {
    /// What each of `names` holds, read after this was called. `None`: one of them is another master's.
    ///
    /// Cancel safe: who leaves is not waited for.
    pub(in crate::redis) async fn read<'a>(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: impl Iterator<Item = Name<'a>> + Clone + Send + Sync,
    ) -> Answer {
        let Ok(runtime) = Handle::try_current() else { return Err(Failure::outside()) };
        let (runtime, door) = (runtime.id(), self.gather.door());
        let turn = match self.breaker.is_open() {
            true => Turn::Beside,
            false => {
                let turn = |context: &mut Context<'_>| self.gather.turn(door, runtime, names.clone(), context.waker());
                poll_fn(|context| Poll::Ready(turn(context))).await
            }
        };
        match turn {
            Turn::Wait(waiting, start) => {
                if start.watch {
                    Watch::start(self, door, runtime);
                }
                if start.task {
                    Task::start(self, door, runtime);
                }
                if budget.left() >= self.budget {
                    budget.run_since(waiting.since);
                    return waiting.await;
                }
                // The rest of a budget ends before he would be told.
                budget.spend(pin!(waiting)).await.unwrap_or_else(|_| Err(late()))
            }
            Turn::Send => {
                let _alone = Alone { gather: &self.gather, door, runtime };
                self.ask_for_one(budget, names).await
            }
            Turn::Beside => self.ask_for_one(budget, names).await,
        }
    }

    async fn ask_for_one<'a>(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: impl Iterator<Item = Name<'a>> + Clone + Send + Sync,
    ) -> Answer {
        let told = self.ask(budget, count(&names), names).await?;
        let elsewhere = (0..told.len()).any(|place| told.points_elsewhere(place));
        Ok((!elsewhere).then(|| Answers::of_one(told)))
    }

    /// One request for all of them.
    pub(super) async fn ask(
        self: &Arc<Self>,
        budget: &mut Budget,
        count: usize,
        names: impl Iterator<Item: Piecewise> + Clone + Send + Sync,
    ) -> Result<Told, Failure> {
        let left = budget.left();
        let asked = if self.clustered { Asked::Each(count) } else { Asked::Together(count) };
        let read = |connection: Connection, _| {
            let names = names.clone();
            async move { connection.read(names, asked).await }
        };
        let (held, witness) = self.request(budget, read).await?;
        let told = Told::new(held, witness);
        self.gather.learn(&told, left.saturating_sub(budget.left()));
        Ok(told)
    }
}
