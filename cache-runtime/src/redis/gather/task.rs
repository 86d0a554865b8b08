//! The task that asks for those who gathered.

use std::sync::Arc;
use std::task::{Poll, Waker};

use tokio::runtime;

use super::super::{Failure, Node};
use super::{Batch, Callers, FEW};
use crate::budget::Budget;

/// A task that asks for others.
pub(super) struct Task {
    node: Arc<Node>,
    door: usize,
    runtime: runtime::Id,
    /// Whether it has taken nobody along yet.
    ready: bool,
    /// Whom it asks for.
    batch: Option<Batch>,
    /// For the wakers of the next ones.
    room: Option<Vec<Waker>>,
    ended: bool,
}

impl Task {
    pub(super) fn start(node: &Arc<Node>, door: usize, runtime: runtime::Id) {
        let task = Self { node: Arc::clone(node), door, runtime, ready: true, batch: None, room: None, ended: false };
        tokio::spawn(task.run());
    }

    async fn run(mut self) {
        loop {
            behind_those_who_can_run().await;
            if !self.next() {
                return;
            }
            let Some(batch) = &self.batch else { return };
            // Nobody waits for longer than his budget, which is the same for all.
            let mut budget = Budget::new(self.node.budget).after(batch.since.elapsed());
            let answer = self.node.ask(&mut budget, batch.list.len(), &batch.list.iter()).await;
            self.room = Some(batch.outcome.tell(answer));
        }
    }

    /// Takes those along who have waited longest. If there is nobody, or there are enough other tasks for them, it has
    /// ended: whoever comes next starts another if one is needed.
    fn next(&mut self) -> bool {
        let gather = &self.node.gather;
        // What it held is freed before the door is shut.
        let asked = self.batch.as_ref().map_or(0, |batch| batch.callers);
        let room = self.batch.take().map(|batch| batch.list.cleared()).zip(self.room.take());
        let (_let_go, more) = {
            let mut all = gather.lock(self.door);
            let callers = Callers::of(&mut all, self.runtime);
            callers.reached(std::mem::take(&mut self.ready));
            let before = callers.around;
            callers.back(asked);
            let told = (callers.told(), room.and_then(|room| callers.spare.replace(room)));
            let at_once = gather.at_once(callers);
            self.batch = if callers.has_a_task_too_many(at_once) { None } else { callers.next() };
            let more = match &self.batch {
                Some(batch) => {
                    callers.ask_for(batch);
                    callers.crowd = callers.asked + callers.waiting > FEW;
                    callers.needs_a_task(at_once)
                }
                None => {
                    callers.ended();
                    self.ended = true;
                    false
                }
            };
            gather.count(before, callers.around);
            (told, more)
        };
        if more {
            Self::start(&self.node, self.door, self.runtime);
        }
        !self.ended
    }
}

/// With the runtime: nobody is left waiting.
impl Drop for Task {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut all = self.node.gather.lock(self.door);
        let callers = Callers::of(&mut all, self.runtime);
        callers.reached(self.ready);
        callers.asked -= self.batch.as_ref().map_or(0, |batch| batch.callers);
        let before = callers.around;
        callers.ended();
        self.node.gather.count(before, callers.around);
        let left: Vec<Batch> = match callers.tasks {
            0 => std::iter::from_fn(|| callers.next()).collect(),
            _ => Vec::new(),
        };
        drop(all);
        for batch in self.batch.take().into_iter().chain(left) {
            let ended = Failure::disconnected("the runtime that was asking has ended");
            let _ = batch.outcome.tell(Err(ended));
        }
        let told = Callers::of(&mut self.node.gather.lock(self.door), self.runtime).told();
        drop(told);
    }
}

/// Lets the tasks run that are ready to, once.
async fn behind_those_who_can_run() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use tokio::runtime::Handle;

    use super::super::tests::node;
    use super::*;
    use crate::Key;
    use crate::redis::Names;

    #[tokio::test]
    async fn a_task_that_is_too_many_leaves_those_who_wait_to_the_others() {
        let (node, runtime) = (node(Duration::from_secs(60)), Handle::current().id());
        let (names, key) = (Names::new("ns"), Key::new("a"));
        let tasks = |count: usize, ready: usize| {
            let mut all = node.gather.lock(0);
            let callers = Callers::of(&mut all, runtime);
            (callers.tasks, callers.ready) = (count, ready);
            (callers.tasks, callers.batches.len())
        };
        let back =
            || Task { node: Arc::clone(&node), door: 0, runtime, ready: false, batch: None, room: None, ended: false };
        {
            let mut all = node.gather.lock(0);
            let callers = Callers::of(&mut all, runtime);
            callers.waiting += 1;
            drop(callers.join(names.of(&key), 1, 1, 1, Waker::noop()));
        }
        assert_eq!(tasks(2, 0), (2, 1));
        assert!(!back().next(), "one is enough, and there is another");
        assert_eq!(tasks(1, 0), (1, 1), "who waits is left to it");
        let mut last = back();
        assert!(last.next());
        assert_eq!(last.batch.as_ref().map(|batch| batch.callers), Some(1));
    }
}
