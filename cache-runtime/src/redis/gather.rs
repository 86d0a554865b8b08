//! Reads of the same moment share a request: who joins whom.
//!
//! A few callers at a time send their own: a lone one never waits for company. When there are more than [`ALONE`], they
//! gather: a task takes all who came and asks for their names in one request, each name once. That is legal because the
//! request is sent after all of its callers came: each of them is told what the server holds later than that. Those who
//! come while requests are under way wait for one of them to end; the first of a lull lets those who can run come along
//! before it asks, and so does a task that comes back, for those whom it told. How many may be under way depends on how
//! far away the server is, about one every [`PACE`], and on how large the values are. It is [`NEAR`] if that is more, to
//! which the callers are dealt out: while the server answers some, others read what they were told, and the next ones
//! gather. A task that comes back when there are more than that ends.
//!
//! A caller in a crowd has no timer of his own: [`watch`] tells all those whose time is up, also where the task that asks
//! for them is held up.
//!
//! Many callers gather through a door for each thread, so that these seldom meet. Each runtime gathers for itself: a task
//! in a runtime that nobody drives would hold up callers in others for good.

mod read;
mod task;
#[cfg(test)]
pub(super) mod tests;
mod watch;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tokio::runtime;

use super::answers::{Place, Told};
use super::keyspace::Name;
use super::list::List;
use super::told::{Outcome, Waiting};
use super::trip::Trip;
use crate::clock;

/// How many callers at each door send their own. Below that, the connection itself writes what it finds in one go, and a
/// task in between would cost more than it saves; measured.
const ALONE: usize = 4;
/// When there are so few, it is not worth it any more.
const FEW: usize = 3;
/// The doors of each lane.
const DOORS: usize = 2;
/// As long as there would be fewer callers at each door, fewer are used: what larger requests save is more than what threads
/// cost each other.
const A_DOOR: usize = 64;
/// How many requests may be under way to a server that is near, as long as there is one door.
const NEAR: usize = 3;
/// The same from each of several doors.
const BESIDE: usize = 2;
/// If there are more callers at one of several doors, it is one request.
const MANY: usize = 224;
/// As long as there are fewer callers to each of them, it is fewer requests.
const TOGETHER: usize = 8;
/// How long a door waits between two requests, if the way to the server is longer than that.
const PACE: Duration = Duration::from_micros(100);
/// How many requests may be under way from each door.
const AT_ONCE: usize = 16;
/// How many names are asked for in one request; a caller who has more is alone.
const NAMES: usize = 1024;
/// How many bytes one request is to bring, as far as the latest ones tell: a large value is not to hold up small ones.
const BYTES: usize = 64 * 1024;
/// How many callers wait. Those behind them send their own, one each.
const CALLERS: usize = 16 * 1024;

pub(super) struct Gather {
    doors: Box<[Door]>,
    /// How many callers there were of late, at all doors.
    around: AtomicUsize,
    /// How many bytes a name has brought of late, on the average.
    bytes: AtomicUsize,
    trip: Trip,
}

/// Apart from the others: each is shut and opened by a thread of its own. There is nearly always one runtime in it.
#[derive(Default)]
#[repr(align(128))]
struct Door(Mutex<Vec<Callers>>);

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
    /// Of the latter, how many were not reached in time by the thread that is to run them.
    held_up: usize,
    /// Those who wait, in the order in which they will be served.
    batches: VecDeque<Batch>,
    waiting: usize,
    /// How many callers are asked for.
    asked: usize,
    /// How many names the latest requests asked for, and for how many callers; each counts less than the next one.
    latest: (usize, usize),
    /// How many there were of late, at most; not known in the beginning.
    around: usize,
    /// The room of a batch that was told.
    spare: Option<(List, Vec<Waker>)>,
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
            doors: (0..DOORS * lanes).map(|_| Door::default()).collect(),
            around: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            trip: Trip::default(),
        }
    }

    fn lock(&self, door: usize) -> MutexGuard<'_, Vec<Callers>> {
        self.doors[door].0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn door(&self) -> usize {
        match self.doors_in_use() {
            1 => 0,
            doors => own_number() % doors,
        }
    }

    fn doors_in_use(&self) -> usize {
        (self.around.load(Relaxed) / A_DOOR).clamp(1, self.doors.len())
    }

    /// So many are around now where there were `before`.
    fn count(&self, before: usize, now: usize) {
        if now != before {
            self.around.fetch_add(now.wrapping_sub(before), Relaxed);
        }
    }

    /// For a caller who is polled by `waker`, and then polls what he waits for.
    fn turn<'a>(
        &self,
        door: usize,
        runtime: runtime::Id,
        names: impl Iterator<Item = Name<'a>> + Clone,
        waker: &Waker,
    ) -> Turn {
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
        let waiting = callers.join(names, count, self.most(), self.near(callers), waker);
        let watch = !std::mem::replace(&mut callers.watched, true);
        Turn::Wait(waiting, Start { task: callers.needs_a_task(self.at_once(callers)), watch })
    }

    /// How many names one request asks for.
    fn most(&self) -> usize {
        (BYTES / self.bytes.load(Relaxed).max(1)).clamp(1, NAMES)
    }

    /// How many requests may be under way from a door: more if the way is long, or if large values are asked for by few
    /// at a time.
    fn at_once(&self, callers: &Callers) -> usize {
        let by_way = self.trip.holds(PACE, AT_ONCE).max(self.near(callers));
        // The names of all who are around, in requests of so many; both are multiplied by the callers of the latest ones.
        let (names, of_callers) = callers.latest;
        let (names, most) = (callers.around * names, self.most() * of_callers.max(1));
        // Mostly it is no more, and a division is dear.
        if names <= by_way * most { by_way } else { names.div_ceil(most).min(AT_ONCE) }
    }

    /// The same, if the server is near.
    fn near(&self, callers: &Callers) -> usize {
        match self.doors_in_use() {
            1 => (callers.around / TOGETHER).clamp(1, NEAR),
            _ if callers.around <= MANY => (callers.around / TOGETHER).clamp(1, BESIDE),
            _ => 1,
        }
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
                asked: 0,
                latest: (0, 0),
                around: 0,
                spare: None,
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

    /// Joins the last batch, which asks for at most so many names, or begins another. All who are around make so many
    /// batches.
    fn join<'a>(
        &mut self,
        names: impl Iterator<Item = Name<'a>>,
        count: usize,
        most: usize,
        parts: usize,
        waker: &Waker,
    ) -> Waiting {
        let share = match self.around {
            0 => usize::MAX,
            around => around.max(self.waiting + self.asked).div_ceil(parts).max(TOGETHER),
        };
        let is_full = |batch: &Batch| batch.list.len() + count > most || batch.callers >= share;
        if self.batches.back().is_none_or(is_full) {
            let (list, wakers) = self.spare.take().unwrap_or_default();
            let (since, outcome) = (clock::now(), Arc::new(Outcome::with_room(wakers)));
            self.untold.push((since, Arc::clone(&outcome)));
            self.batches.push_back(Batch { list, callers: 0, since, outcome });
        }
        let batch = self.batches.back_mut().expect("there is one now");
        batch.callers += 1;
        let places = names.map(|name| Place::of_one(batch.list.add(name))).collect();
        Waiting::new(&batch.outcome, places, batch.since, waker)
    }

    /// Those who have been told, to be let go of when the door is open again: this may be the last hold on what they
    /// were told. Those at the end are not asked for yet.
    #[must_use]
    fn told(&mut self) -> SmallVec<[(Instant, Arc<Outcome>); 2]> {
        let asked = self.untold.len() - self.batches.len();
        self.untold.extract_if(..asked, |(_, outcome)| outcome.is_told()).collect()
    }

    /// Takes those out who have waited since `since` or longer. Whoever comes next is not to join them, nor to wait for
    /// the task that should have asked for them.
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

    /// Whether one of the tasks that were reached is too many: whoever was not may never be.
    fn has_a_task_too_many(&self, at_once: usize) -> bool {
        self.tasks - self.ready > at_once
    }

    /// A task asks for these.
    fn ask_for(&mut self, batch: &Batch) {
        let (names, callers) = self.latest;
        self.latest = (names - names / 8 + batch.list.len(), callers - callers / 8 + batch.callers);
        self.asked += batch.callers;
    }

    fn next(&mut self) -> Option<Batch> {
        let batch = self.batches.pop_front()?;
        self.waiting -= batch.callers;
        Some(batch)
    }

    /// A task runs, or has been dropped: its thread has been reached. Others may still be held up.
    fn reached(&mut self, was_ready: bool) {
        self.ready -= usize::from(was_ready);
        self.held_up = self.held_up.min(self.ready);
    }

    /// A task is back that had asked for so many, some of whom wait again.
    fn back(&mut self, asked: usize) {
        let now = self.asked.max(self.asked - asked + self.waiting);
        self.around = now.max(self.around - self.around.div_ceil(8));
        self.asked -= asked;
    }

    /// A task has ended.
    fn ended(&mut self) {
        self.tasks -= 1;
        if self.tasks == 0 {
            (self.crowd, self.around, self.spare) = (false, 0, None);
        }
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
