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
/// any of its ways needs, and a caller in a crowd needs little.
pub(in crate::redis) enum Reading<'a, I> {
    New(Begin<'a, I>),
    /// In a request that others share, for as long as all of them wait.
    Shared(Waiting),
    /// In one of his own, or for the rest of a budget.
    Own(Pin<Box<dyn Future<Output = Answer> + Send + 'a>>),
    /// Nothing is asked: the breaker is open.
    Shut,
    /// While it begins.
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
            Self::Shut => Poll::Ready(Err(Failure::open())),
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
        if node.is_shut() {
            return Reading::Shut;
        }
        let (gather, door) = (&node.gather, node.gather.door());
        match gather.turn(door, runtime, names.clone(), waker) {
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
        let told = self.ask(budget, count(&names), &names).await?;
        let elsewhere = (0..told.len()).any(|place| told.points_elsewhere(place));
        Ok((!elsewhere).then(|| Answers::of_one(told)))
    }

    /// One request for all of them, which are lent: see [`request_in_place`](Self::request_in_place).
    pub(super) async fn ask(
        self: &Arc<Self>,
        budget: &mut Budget,
        count: usize,
        names: &(impl Iterator<Item: Piecewise> + Clone + Send + Sync),
    ) -> Result<Told, Failure> {
        let left = budget.left();
        let asked = if self.clustered { Asked::Each(count) } else { Asked::Together(count) };
        let read = |connection: Connection, _| {
            let names = names.clone();
            async move { connection.read(names, asked).await }
        };
        let (held, witness) = self.request_in_place(self.lanes.pick(), budget, &read).await?;
        let told = Told::new(held, witness);
        self.gather.learn(&told, left.saturating_sub(budget.left()));
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::node;
    use super::super::{ALONE, Callers};
    use super::*;
    use crate::Key;
    use crate::redis::Names;

    /// How many send their own, and how many wait.
    fn counted(node: &Node) -> (usize, usize) {
        let mut all = node.gather.lock(0);
        let callers = Callers::of(&mut all, Handle::current().id());
        (callers.alone, callers.waiting)
    }

    #[tokio::test]
    async fn who_leaves_is_not_counted_any_more_whenever_he_does() {
        let (node, names, key) = (node(Duration::from_secs(60)), Names::new("ns"), Key::new("a"));
        let mut context = Context::from_waker(Waker::noop());
        let mut budgets: Vec<_> = (0..ALONE + 2).map(|_| Budget::new(node.budget)).collect();
        let mut readings: Vec<_> = budgets.iter_mut().map(|budget| node.read(budget, names.of(&key))).collect();
        assert_eq!(counted(&node), (0, 0), "nobody was polled");
        for reading in &mut readings[..ALONE + 1] {
            assert!(Pin::new(reading).poll(&mut context).is_pending());
        }
        assert_eq!(counted(&node), (ALONE, 1));
        assert!(matches!(readings[ALONE], Reading::Shared(_)) && matches!(readings[ALONE + 1], Reading::New(_)));
        drop(readings);
        assert_eq!(counted(&node), (0, 1), "those who share a request stay in its list");
    }

    #[tokio::test]
    async fn the_rest_of_a_budget_ends_before_a_request_that_is_shared() {
        let (node, names, key) = (node(Duration::from_secs(60)), Names::new("ns"), Key::new("a"));
        let mut context = Context::from_waker(Waker::noop());
        let mut budgets: Vec<_> = (0..ALONE).map(|_| Budget::new(node.budget)).collect();
        let mut alone: Vec<_> = budgets.iter_mut().map(|budget| node.read(budget, names.of(&key))).collect();
        assert!(alone.iter_mut().all(|reading| Pin::new(reading).poll(&mut context).is_pending()));
        let mut rest = Budget::new(node.budget).after(node.budget - Duration::from_millis(1));
        let mut reading = node.read(&mut rest, names.of(&key));
        assert!(Pin::new(&mut reading).poll(&mut context).is_pending());
        assert!(matches!(reading, Reading::Own(_)), "it has a time of its own");
        assert_eq!(counted(&node), (ALONE, 1));
    }

    #[test]
    fn outside_of_a_runtime_nobody_is_asked() {
        let (node, names, key) = (node(Duration::from_secs(60)), Names::new("ns"), Key::new("a"));
        let mut budget = Budget::new(node.budget);
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(answer) = Pin::new(&mut node.read(&mut budget, names.of(&key))).poll(&mut context) else {
            panic!("there is nothing to wait for");
        };
        assert!(answer.expect_err("there is no runtime").message.contains("runtime"));
        assert!(node.gather.lock(0).is_empty());
    }
}
