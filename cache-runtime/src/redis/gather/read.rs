//! READ at one master: alone, or in one request with others.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;

use super::super::answers::{Answers, Told};
use super::super::connection::Connection;
use super::super::keyspace::Name;
use super::super::mget::{Asked, Piecewise};
use super::super::told::{Answer, Waiting};
use super::super::{Failure, Node};
use super::task::Task;
use super::watch::{Watch, late};
use super::{Alone, Turn, count};
use crate::budget::Budget;

/// READ at one master, which begins when this is polled for the first time.
///
/// Written by hand, since it is part of the future of each cached function: an `async fn` would have room for all that
/// any of its ways needs, and what a caller in a crowd needs is a twentieth of that.
pub(in crate::redis) enum Reading<'a, I> {
    New(Begin<'a, I>),
    /// In a request that others share, for as long as all of them wait.
    Shared(Waiting),
    /// In one of his own, or for the rest of a budget.
    Own(Pin<Box<dyn Future<Output = Answer> + Send + 'a>>),
    /// Has begun.
    Begun,
}

pub(in crate::redis) struct Begin<'a, I> {
    node: &'a Arc<Node>,
    budget: &'a mut Budget,
    names: I,
}

/// What it is given is never pinned.
impl<I> Unpin for Reading<'_, I> {}

impl<'a, 'n: 'a, I> Future for Reading<'a, I>
where
    I: Iterator<Item = Name<'n>> + Clone + Send + Sync + 'a,
{
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let this = self.get_mut();
        if matches!(this, Self::New(_))
            && let Self::New(begin) = std::mem::replace(this, Self::Begun)
        {
            *this = begin.begin(context.waker());
        }
        match this {
            Self::Shared(waiting) => Pin::new(waiting).poll(context),
            Self::Own(own) => own.as_mut().poll(context),
            Self::New(_) | Self::Begun => unreachable!("it has begun above"),
        }
    }
}

impl<'a, 'n: 'a, I> Begin<'a, I>
where
    I: Iterator<Item = Name<'n>> + Clone + Send + Sync + 'a,
{
    /// For a caller who is polled by `waker`, and then polls what is returned.
    fn begin(self, waker: &Waker) -> Reading<'a, I> {
        let Self { node, budget, names } = self;
        let Ok(runtime) = Handle::try_current().map(|runtime| runtime.id()) else {
            return Reading::Own(Box::pin(async { Err(Failure::outside()) }));
        };
        let (gather, door) = (&node.gather, node.gather.door());
        let turn = match node.breaker.is_open() {
            true => Turn::Beside,
            false => gather.turn(door, runtime, names.clone(), waker),
        };
        match turn {
            Turn::Wait(waiting, start) => {
                if start.watch {
                    Watch::start(node, door, runtime);
                }
                if start.task {
                    Task::start(node, door, runtime);
                }
                if budget.left() >= node.budget {
                    budget.run_since(waiting.since);
                    return Reading::Shared(waiting);
                }
                // The rest of a budget ends before he would be told.
                Reading::Own(Box::pin(async move { budget.spend(pin!(waiting)).await.unwrap_or_else(|_| Err(late())) }))
            }
            Turn::Send => {
                let alone = Alone { gather, door, runtime };
                Reading::Own(Box::pin(async move {
                    let _alone = alone;
                    node.ask_for_one(budget, names).await
                }))
            }
            Turn::Beside => Reading::Own(Box::pin(node.ask_for_one(budget, names))),
        }
    }
}

impl Node {
    /// What each of `names` holds, read after this was polled. `None`: one of them is another master's.
    ///
    /// Cancel safe: who leaves is not waited for.
    pub(in crate::redis) fn read<'a, 'n: 'a, I>(self: &'a Arc<Self>, budget: &'a mut Budget, names: I) -> Reading<'a, I>
    where
        I: Iterator<Item = Name<'n>> + Clone + Send + Sync + 'a,
    {
        Reading::New(Begin { node: self, budget, names })
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
        let (held, witness) = self.request_in_place(self.lanes.pick(), budget, read).await?;
        let told = Told::new(held, witness);
        self.gather.learn(&told, left.saturating_sub(budget.left()));
        Ok(told)
    }
}
