//! Reads of the same moment share a request.
//!
//! A few callers at a time send their own: a lone one never waits for company. When there are more than [`ALONE`], they
//! gather: a task takes all who came and asks for their names in one request, each name once. That is legal because the
//! request is sent after all of its callers came: each of them is told what the server holds later than that. Those who
//! come while requests are under way wait for one of them to end; the first of a lull lets those who can run come along
//! before it asks, and so does a task that comes back, for those whom it told. How many may be under way depends on how far away the server is: about one every [`PACE`].
//!
//! A caller in a crowd has no timer of his own: [`Watch`] tells all those whose time is up, also where the task that asks
//! for them is held up.
//!
//! Many callers gather through a door for each thread, so that these seldom meet. Each runtime gathers for itself: a task in a runtime
//! that nobody drives would hold up callers in others for good.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use redis::{Pipeline, RedisError, Value};
use smallvec::SmallVec;
use tokio::runtime::{self, Handle};

use super::Failure;
use super::answers::{Answers, Told};
use super::keyspace::Name;
use super::list::List;
use super::node::Node;
use super::told::{Answer, Outcome, Waiting};
use super::trip::Trip;
use crate::breaker::Severity;
use crate::budget::Budget;
use crate::clock;

/// How many callers at each door send their own. Below that, the connection itself writes what it finds in one go, and a
/// task in between would cost more than it saves; measured.
const ALONE: usize = 4;
/// When so few came along, it is not worth it any more.
const FEW: usize = 3;
/// The doors of each lane.
const DOORS: usize = 2;
/// As long as no more share a request, all threads use one door: what a larger request saves is more than what the
/// threads cost each other.
const ONE_DOOR: usize = 32;
/// How long a door waits between two requests, if the way to the server is longer than that.
const PACE: Duration = Duration::from_micros(100);
/// How many requests may be under way from each door.
const AT_ONCE: usize = 16;
/// How many names are asked for in one request; a caller who has more is alone.
const NAMES: usize = 1024;
/// How many bytes one request is to bring, as far as the latest ones tell: a large value is not to hold up small ones.
const BYTES: usize = 256 * 1024;
/// How many callers wait. Those behind them send their own, and the connection holds them up.
const CALLERS: usize = 16 * 1024;

pub(super) struct Gather {
    /// In each there is nearly always one runtime.
    doors: Box<[Mutex<Vec<Callers>>]>,
    /// How many callers shared the latest request.
    shared_by: AtomicUsize,
    /// How many bytes a name has brought of late, on the average.
    bytes: AtomicUsize,
    trip: Trip,
}

/// Those who ask in one runtime.
struct Callers {
    runtime: runtime::Id,
    /// How many of them have sent their own.
    alone: usize,
    /// Whether there were more than may send their own.
    crowd: bool,
    /// How many tasks ask for others, and how many of these have not taken anybody along yet.
    tasks: usize,
    ready: usize,
    /// Those who wait, in the order in which they will be served.
    batches: VecDeque<Batch>,
    waiting: usize,
    /// How many names the latest batch had.
    usual: usize,
    /// Of these tasks, how many were not reached in time by the thread that is to run them.
    held_up: usize,
    /// All who were not told when it was last looked at, and since when the first of them waits; the longest first.
    untold: Vec<(Instant, Arc<Outcome>)>,
    /// Whether somebody watches them.
    watched: bool,
}

/// Callers who will share a request.
struct Batch {
    list: List,
    callers: usize,
    since: Instant,
    outcome: Arc<Outcome>,
}

/// What a caller does.
enum Turn {
    Send,
    /// Waits, and starts what is to be started.
    Wait(Waiting, Start),
    /// Sends because too many wait, or because he asks for too many names.
    Beside,
}

/// Which tasks are needed.
struct Start {
    task: bool,
    watch: bool,
}

/// The number of a thread.
fn own_number() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: usize = THREADS.fetch_add(1, Relaxed));
    NUMBER.with(|number| *number)
}

impl Gather {
    pub(super) fn new(lanes: usize) -> Self {
        Self {
            doors: (0..DOORS * lanes).map(|_| Mutex::default()).collect(),
            shared_by: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            trip: Trip::default(),
        }
    }

    fn lock(&self, door: usize) -> MutexGuard<'_, Vec<Callers>> {
        self.doors[door].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn door(&self) -> usize {
        match self.shared_by.load(Relaxed) > ONE_DOOR {
            true => own_number() % self.doors.len(),
            false => 0,
        }
    }

    fn turn<'a>(&self, door: usize, runtime: runtime::Id, names: impl Iterator<Item = Name<'a>> + Clone) -> Turn {
        let at_once = self.at_once();
        let count = count(&names);
        let mut all = self.lock(door);
        let callers = Callers::of(&mut all, runtime);
        if !callers.crowd && callers.alone + callers.tasks < ALONE {
            callers.alone += 1;
            return Turn::Send;
        }
        if callers.waiting >= CALLERS || count > NAMES {
            return Turn::Beside;
        }
        callers.crowd = true;
        callers.waiting += 1;
        let most = (BYTES / self.bytes.load(Relaxed).max(1)).clamp(1, NAMES);
        let waiting = callers.join(names, count, most);
        let watch = !std::mem::replace(&mut callers.watched, true);
        Turn::Wait(waiting, Start { task: callers.needs_a_task(at_once), watch })
    }

    fn at_once(&self) -> usize {
        self.trip.holds(PACE, AT_ONCE)
    }

    fn learn(&self, told: &Told, took: Duration) {
        self.trip.took(took);
        self.bytes.store((self.bytes.load(Relaxed) * 7 + told.bytes() / told.len().max(1)) / 8, Relaxed);
    }
}

fn count<'a>(names: &(impl Iterator<Item = Name<'a>> + Clone)) -> usize {
    match names.size_hint() {
        (least, Some(most)) if least == most => most,
        _ => names.clone().count(),
    }
}

impl Callers {
    fn of(all: &mut Vec<Self>, runtime: runtime::Id) -> &mut Self {
        let found = all.iter().position(|callers| callers.runtime == runtime);
        let at = found.unwrap_or_else(|| {
            all.retain(|callers| !callers.is_idle());
            all.push(Self {
                runtime,
                alone: 0,
                crowd: false,
                tasks: 0,
                ready: 0,
                batches: VecDeque::new(),
                waiting: 0,
                usual: 0,
                held_up: 0,
                untold: Vec::new(),
                watched: false,
            });
            all.len() - 1
        });
        &mut all[at]
    }

    fn is_idle(&self) -> bool {
        self.alone + self.tasks + self.waiting == 0 && !self.watched
    }

    /// Joins the last batch, which asks for at most so many names, or begins another.
    fn join<'a>(&mut self, names: impl Iterator<Item = Name<'a>>, count: usize, most: usize) -> Waiting {
        if self.batches.back().is_none_or(|batch| batch.list.len() + count > most) {
            let (since, outcome) = (clock::now(), Arc::default());
            self.untold.push((since, Arc::clone(&outcome)));
            self.batches.push_back(Batch { list: List::with_room_for(self.usual), callers: 0, since, outcome });
        }
        let batch = self.batches.back_mut().expect("there is one now");
        batch.callers += 1;
        let places: SmallVec<[u32; 4]> = names.map(|name| batch.list.add(name) as u32).collect();
        Waiting::new(&batch.outcome, places, batch.since)
    }

    /// Those who have been told, to be let go of when the door is open again: this may be the last hold on what they were told.
    #[must_use]
    fn told(&mut self) -> SmallVec<[(Instant, Arc<Outcome>); 2]> {
        self.untold.extract_if(.., |(_, outcome)| outcome.is_told()).collect()
    }

    /// Takes those out who have waited since `since` or longer. Whoever comes next is not to join them, nor to wait for the task
    /// that should have asked for them.
    fn give_up(&mut self, since: Instant) -> SmallVec<[(Instant, Arc<Outcome>); 2]> {
        while self.batches.front().is_some_and(|batch| batch.since <= since) {
            self.next();
            self.held_up = self.ready;
        }
        self.untold.extract_if(.., |(waits, _)| *waits <= since).collect()
    }

    /// Whether another task is to ask, which counts from now on.
    fn needs_a_task(&mut self, at_once: usize) -> bool {
        let needed = self.tasks - self.held_up < at_once && self.ready - self.held_up < self.batches.len();
        self.tasks += usize::from(needed);
        self.ready += usize::from(needed);
        needed
    }

    fn next(&mut self) -> Option<Batch> {
        let batch = self.batches.pop_front()?;
        self.waiting -= batch.callers;
        self.usual = batch.list.len();
        Some(batch)
    }
}

/// A caller who sends his own.
struct Alone<'a> {
    gather: &'a Gather,
    door: usize,
    runtime: runtime::Id,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        Callers::of(&mut self.gather.lock(self.door), self.runtime).alone -= 1;
    }
}

/// A task that asks for others.
struct Task {
    node: Arc<Node>,
    door: usize,
    runtime: runtime::Id,
    /// Whether it has taken nobody along yet.
    ready: bool,
    /// Whom it asks for.
    batch: Option<Batch>,
    ended: bool,
}

impl Task {
    fn start(node: &Arc<Node>, door: usize, runtime: runtime::Id) {
        let task = Self { node: Arc::clone(node), door, runtime, ready: true, batch: None, ended: false };
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
            let answer = self.node.ask(&mut budget, &batch.list).await;
            batch.outcome.tell(answer);
        }
    }

    /// Takes those along who have waited longest. If there is nobody, the task has ended: whoever comes next starts
    /// another.
    fn next(&mut self) -> bool {
        // What it held is freed before the door is shut.
        drop(self.batch.take());
        let at_once = self.node.gather.at_once();
        let mut all = self.node.gather.lock(self.door);
        let callers = Callers::of(&mut all, self.runtime);
        callers.ready -= usize::from(std::mem::take(&mut self.ready));
        callers.held_up = 0;
        let told = callers.told();
        self.batch = callers.next();
        match &self.batch {
            Some(batch) => {
                callers.crowd = batch.callers > FEW;
                self.node.gather.shared_by.store(batch.callers, Relaxed);
            }
            None => {
                callers.tasks -= 1;
                callers.crowd &= callers.tasks > 0;
                self.ended = true;
                drop(all);
                drop(told);
                return false;
            }
        }
        let more = callers.needs_a_task(at_once);
        drop(all);
        drop(told);
        if more {
            Self::start(&self.node, self.door, self.runtime);
        }
        true
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
        callers.ready -= usize::from(self.ready);
        callers.tasks -= 1;
        callers.held_up = 0;
        let left: Vec<Batch> = match callers.tasks {
            0 => std::iter::from_fn(|| callers.next()).collect(),
            _ => Vec::new(),
        };
        drop(all);
        for batch in self.batch.take().into_iter().chain(left) {
            let ended = Failure::disconnected("the runtime that was asking has ended");
            batch.outcome.tell(Err(ended));
        }
        let told = Callers::of(&mut self.node.gather.lock(self.door), self.runtime).told();
        drop(told);
    }
}

/// Tells those whose time is up. The task that asks for them does as much, but it may wait in the queue of a thread that
/// a function holds up. There is one as long as there is a crowd.
struct Watch {
    node: Arc<Node>,
    door: usize,
    runtime: runtime::Id,
    ended: bool,
}

impl Watch {
    fn start(node: &Arc<Node>, door: usize, runtime: runtime::Id) {
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
        loop {
            let mut all = self.node.gather.lock(self.door);
            let callers = Callers::of(&mut all, self.runtime);
            let told = callers.told();
            let Some(since) = callers.untold.first().map(|(since, _)| *since) else {
                callers.watched = false;
                self.ended = true;
                drop(all);
                drop(told);
                return None;
            };
            let until = since + self.node.budget;
            let due = if until > now { SmallVec::new() } else { callers.give_up(since) };
            drop(all);
            if due.is_empty() {
                return Some(until);
            }
            due.iter().for_each(|(_, outcome)| outcome.tell(Err(late())));
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

impl Node {
    /// What each of `names` holds, read after this was called. `None`: one of them is another master's.
    ///
    /// Cancel safe: who leaves is not waited for.
    pub(super) async fn read<'a>(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: impl Iterator<Item = Name<'a>> + Clone,
    ) -> Answer {
        let Ok(runtime) = Handle::try_current() else { return Err(Failure::outside()) };
        let (runtime, door) = (runtime.id(), self.gather.door());
        let turn = match self.breaker.is_open() {
            true => Turn::Beside,
            false => self.gather.turn(door, runtime, names.clone()),
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
                budget.spend(waiting).await.unwrap_or_else(|_| Err(late()))
            }
            Turn::Send => {
                let _alone = Alone { gather: &self.gather, door, runtime };
                self.ask_for_one(budget, names).await
            }
            Turn::Beside => self.ask_for_one(budget, names).await,
        }
    }

    async fn ask_for_one<'a>(self: &Arc<Self>, budget: &mut Budget, names: impl Iterator<Item = Name<'a>>) -> Answer {
        let mut list = List::default();
        names.for_each(|name| list.push(name));
        let told = self.ask(budget, &list).await?;
        let elsewhere = (0..told.len()).any(|place| told.points_elsewhere(place));
        Ok((!elsewhere).then(|| Answers::of_one(told)))
    }

    /// One request for all of them.
    async fn ask(self: &Arc<Self>, budget: &mut Budget, list: &List) -> Result<Told, Failure> {
        let since = clock::now();
        let (values, witness) = if self.clustered {
            let build = |_, pipeline: &mut Pipeline| list.iter().for_each(|name| _ = pipeline.cmd("MGET").arg(name));
            let (values, (), witness) = self.pipeline(budget, build).await?;
            let first = |value| match value {
                Value::Array(values) => values.into_iter().next().unwrap_or(Value::Nil),
                other => other,
            };
            (values.into_iter().map(first).collect(), witness)
        } else {
            // MGET also for one key: unlike GET it answers somebody else's list or hash with nil, a miss.
            let mut command = redis::cmd("MGET");
            list.iter().for_each(|name| _ = command.arg(name));
            let command = &command;
            let asked = self.request(budget, |mut connection, _| async move {
                match connection.send_packed_command(command).await? {
                    Value::ServerError(error) => Err(RedisError::from(error)),
                    values => Ok(values),
                }
            });
            match asked.await? {
                (Value::Array(values), witness) => (values, witness),
                _ => return Err(nonsense()),
            }
        };
        let told = Told::new(values, witness);
        if told.len() != list.len() {
            return Err(nonsense());
        }
        self.gather.learn(&told, since.elapsed());
        Ok(told)
    }
}

/// It is no sign of a bad server that a task was not reached in time.
fn late() -> Failure {
    Failure { severity: Severity::Minor, ..Failure::timeout() }
}

fn nonsense() -> Failure {
    Failure::refused("the server answered MGET with another number of values")
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::super::node::Common;
    use super::*;
    use crate::Key;
    use crate::mutant::Rules;
    use crate::redis::{Cause, Names};

    /// At an address where nobody has to be: nothing is sent.
    fn node(budget: Duration) -> Arc<Node> {
        let info = redis::IntoConnectionInfo::into_connection_info("redis://127.0.0.1:1").expect("an address");
        let rules = Rules::default();
        let common = Common { source: None, lanes: 1, breaker_failures: 5, local: None, budget, rules };
        Arc::new(Node::new(info, false, &common).expect("in order"))
    }

    #[tokio::test]
    async fn who_waits_for_a_task_that_nobody_runs_is_told_when_his_time_is_up() {
        let node = node(Duration::from_millis(20));
        let runtime = Handle::current().id();
        let (names, key) = (Names::new("ns"), Key::new("a").tag("b"));
        let mut waiting = Vec::new();
        for _ in 0..ALONE + 3 {
            match node.gather.turn(0, runtime, names.of(&key)) {
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
        match node.gather.turn(0, runtime, names.of(&key)) {
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
}
