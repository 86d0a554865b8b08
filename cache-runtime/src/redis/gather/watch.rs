//! The time of those who wait in a crowd.

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime;

use super::super::{Failure, Node};
use super::Callers;
use super::task::Task;
use crate::breaker::Severity;
use crate::clock;

/// Tells those whose time is up. The task that asks for them does as much, but it may wait in the queue of a thread that
/// a function holds up. There is one as long as there is a crowd.
pub(super) struct Watch {
    node: Arc<Node>,
    door: usize,
    runtime: runtime::Id,
    ended: bool,
}

impl Watch {
    pub(super) fn start(node: &Arc<Node>, door: usize, runtime: runtime::Id) {
        let watch = Self { node: Arc::clone(node), door, runtime, ended: false };
        tokio::spawn(watch.run());
    }

    async fn run(mut self) {
        while let Some(until) = self.next() {
            tokio::time::sleep_until(until.into()).await;
        }
    }

    /// When the next one's time is up. If nobody waits, the watch has ended: whoever comes next starts another.
    fn next(&mut self) -> Option<Instant> {
        let now = clock::now();
        let gather = &self.node.gather;
        loop {
            let (_let_go, due, start) = {
                let mut all = gather.lock(self.door);
                let callers = Callers::of(&mut all, self.runtime);
                let told = callers.told();
                let Some(first) = callers.untold.first().map(|(since, _)| *since) else {
                    callers.watched = false;
                    self.ended = true;
                    drop(all);
                    return None;
                };
                let until = first + self.node.budget;
                if until > now {
                    drop(all);
                    return Some(until);
                }
                // All at once: a task that is needed now is not one that is held up.
                let due = callers.give_up(now - self.node.budget);
                // Those behind them are not to wait for the same task.
                (told, due, callers.needs_a_task(gather.at_once(callers)))
            };
            if start {
                Task::start(&self.node, self.door, self.runtime);
            }
            due.iter().for_each(|(_, outcome)| _ = outcome.tell(Err(late())));
        }
    }
}

/// With the runtime.
impl Drop for Watch {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        Callers::of(&mut self.node.gather.lock(self.door), self.runtime).watched = false;
    }
}

/// It is no sign of a bad server that a task was not reached in time.
pub(super) fn late() -> Failure {
    Failure { severity: Severity::Minor, ..Failure::timeout() }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::{Context, Poll};

    use futures_util::FutureExt as _;
    use tokio::runtime::Handle;

    use super::super::tests::node;
    use super::super::{ALONE, Turn};
    use super::*;
    use crate::Key;
    use crate::redis::keyspace::Name;
    use crate::redis::told::Waiting;
    use crate::redis::{Cause, Names};

    async fn turn(node: &Node, runtime: runtime::Id, names: impl Iterator<Item = Name<'_>> + Clone) -> Turn {
        let turn = |context: &mut Context<'_>| node.gather.turn(0, runtime, names.clone(), context.waker());
        poll_fn(|context| Poll::Ready(turn(context))).await
    }

    #[tokio::test]
    async fn who_waits_for_a_task_that_nobody_runs_is_told_when_his_time_is_up() {
        let node = node(std::time::Duration::from_millis(20));
        let runtime = Handle::current().id();
        let (names, key) = (Names::new("ns"), Key::new("a").tag("b"));
        let mut waiting = Vec::new();
        for _ in 0..ALONE + 3 {
            match turn(&node, runtime, names.of(&key)).await {
                Turn::Send => assert!(waiting.is_empty(), "the first ones send their own"),
                Turn::Wait(one, start) => {
                    assert_eq!((start.task, start.watch), (waiting.is_empty(), waiting.is_empty()));
                    waiting.push(one);
                }
                Turn::Beside => panic!("they are not too many"),
            }
        }
        assert_eq!(waiting.len(), 3);
        Watch::start(&node, 0, runtime);
        for one in waiting {
            let failure = one.await.expect_err("nobody asked");
            assert_eq!((failure.cause, failure.severity), (Cause::Timeout, Severity::Minor));
        }
        // The next one does not join those who were told, nor wait for the task that nobody runs.
        match turn(&node, runtime, names.of(&key)).await {
            Turn::Wait(one, start) => {
                assert!(start.task);
                if start.watch {
                    Watch::start(&node, 0, runtime);
                }
                assert!(one.now_or_never().is_none(), "he has his own time");
            }
            Turn::Send | Turn::Beside => panic!("there is still a crowd"),
        }
        // It has nobody left to watch, and says so.
        while Callers::of(&mut node.gather.lock(0), runtime).watched {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_waits_behind_those_whose_time_is_up_is_asked_for_by_another_task() {
        let budget = std::time::Duration::from_secs(60);
        let node = node(budget);
        let runtime = Handle::current().id();
        let names = Names::new("ns");
        let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
        let waiting: Vec<Waiting> = {
            let mut all = node.gather.lock(0);
            let callers = Callers::of(&mut all, runtime);
            let waiting = ["a", "b"].map(|key| {
                callers.waiting += 1;
                callers.join(names.of(&Key::new(key)), 1, 1, 1, &waker)
            });
            assert!(callers.needs_a_task(1), "nobody runs it");
            callers.batches[0].since -= budget;
            callers.untold[0].0 -= budget;
            callers.watched = true;
            waiting.into()
        };
        Watch::start(&node, 0, runtime);
        let mut causes = Vec::new();
        for one in waiting {
            causes.push(one.await.expect_err("there is no server").cause);
        }
        assert_eq!(causes, [Cause::Timeout, Cause::Disconnected]);
    }
}
