//! Singleflight: one load per entry and observation, whatever happens to the caller who runs it.
//!
//! Invariants:
//! 1. A flight is found only by a caller whose own observation (expected id, stamps, history) equals the
//!    flight's, so nobody is handed a value loaded before an invalidation that preceded his call.
//! 2. Of the callers of one flight at most one is its leader. A leader who ends without a value leaves the
//!    flight `Vacant`, and exactly one follower takes it over with his own body.
//! 3. A flight stays joinable until its fill has been answered.
//! 4. A follower who has waited for long becomes a second leader, one at a time: the first may be part of a future
//!    that nobody polls, perhaps the follower's own.
//! 5. Nobody waits for a load that waits for him: before a caller who is itself part of a load waits, the
//!    graph of waits is searched for a way back to him.

use std::any::{Any, TypeId};
use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::pin::{Pin, pin};
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::clock;
use crate::seeded::Seeded;
use crate::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard, Notify};

pub(crate) type Shared = Arc<dyn Any + Send + Sync>;

/// A second load may be tried after one that panicked; after that, those who joined panic too.
const PANICS_ALLOWED: u32 = 1;

#[derive(PartialEq, Eq, Hash)]
pub(crate) struct FlightKey {
    pub(crate) key: SmallVec<[u8; 64]>,
    /// What was observed before the load, as bytes.
    pub(crate) observed: SmallVec<[u8; 64]>,
    pub(crate) value: TypeId,
}

enum State {
    /// The leader of this turn runs his body, since then.
    Loading {
        turn: u64,
        since: Instant,
    },
    /// The leader is gone without a value (failed, dropped or panicked); the next caller leads.
    Vacant,
    Ready(Shared),
    /// The error, which its type allows to be shared.
    Failed(Shared),
    Panicked,
}

pub(crate) struct Flight {
    key: FlightKey,
    state: Mutex<State>,
    turns: AtomicU64,
    panics: AtomicU32,
    changed: Notify,
    /// How many callers hold on to this flight; changed under the table's lock only.
    seats: AtomicUsize,
    /// The flights whose values this flight's load is waiting for.
    waits_for: Mutex<Vec<Weak<Flight>>>,
}

pub(crate) struct Flights {
    /// How long a follower waits before he leads as well.
    patience: Duration,
    open: Mutex<HashSet<Open, Seeded>>,
    /// Held while the graph of waits is searched and changed.
    waits: Mutex<()>,
}

/// A flight that may be joined, found by its key.
struct Open(Arc<Flight>);

impl Borrow<FlightKey> for Open {
    fn borrow(&self) -> &FlightKey {
        &self.0.key
    }
}

impl Hash for Open {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for Open {}

/// What a caller is to do.
pub(crate) enum Turn<'a> {
    /// Run the body, and tell the guard how it ended.
    Lead(Lead<'a>),
    Ready(Shared),
    Failed(Shared),
    /// The load that this caller joined panicked, twice.
    Panicked,
    /// This caller is part of the load that he would wait for: run the body, share nothing.
    Recursion,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flight {
    fn new(key: FlightKey) -> Self {
        Self {
            key,
            state: Mutex::new(State::Vacant),
            turns: AtomicU64::new(0),
            panics: AtomicU32::new(0),
            changed: Notify::new(),
            seats: AtomicUsize::new(0),
            waits_for: Mutex::default(),
        }
    }

    /// Counts a panic of the leader's body.
    pub(crate) fn body_panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Begins the next turn.
    fn lead(&self, state: &mut State) -> u64 {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        *state = State::Loading { turn, since: clock::now() };
        turn
    }
}

impl Flights {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, open: Mutex::default(), waits: Mutex::default() }
    }

    /// Joins the flight of `key`, or leads it. `chain`: the flights whose loads the caller is part of.
    ///
    /// Cancel safe: a follower who is dropped leaves no trace, and passes on a turn that was his.
    pub(crate) async fn turn(&self, key: FlightKey, chain: Vec<Arc<Flight>>) -> Turn<'_> {
        let flight = {
            let mut open = lock(&self.open);
            let flight = match open.get(&key) {
                Some(Open(flight)) => Arc::clone(flight),
                None => {
                    let flight = Arc::new(Flight::new(key));
                    open.insert(Open(Arc::clone(&flight)));
                    flight
                }
            };
            flight.seats.fetch_add(1, Ordering::Relaxed);
            flight
        };
        let seat = Seat { flights: self, flight, left: false };
        if chain.iter().any(|led| Arc::ptr_eq(led, &seat.flight)) {
            return Turn::Recursion;
        }
        let flight = Arc::clone(&seat.flight);
        let mut waiting = None;
        loop {
            let overdue;
            let mut changed = pin!(flight.changed.notified());
            changed.as_mut().enable();
            {
                let mut state = lock(&flight.state);
                overdue = match &*state {
                    State::Vacant => Duration::ZERO,
                    State::Loading { since, .. } => self.patience.saturating_sub(since.elapsed()),
                    State::Ready(value) => return Turn::Ready(Arc::clone(value)),
                    State::Failed(error) => return Turn::Failed(Arc::clone(error)),
                    State::Panicked => return Turn::Panicked,
                };
                if overdue.is_zero() {
                    let turn = flight.lead(&mut state);
                    drop(state);
                    drop(waiting);
                    return Turn::Lead(Lead { seat, turn, ended: false });
                }
            }
            if waiting.is_none() && !chain.is_empty() {
                match self.wait(&chain, &flight) {
                    Some(wait) => waiting = Some(wait),
                    None => return Turn::Recursion,
                }
            }
            wait_until(changed, overdue).await;
        }
    }

    /// Notes that the loads in `chain` wait for `target`; `None` if `target` waits for one of them already.
    fn wait(&self, chain: &[Arc<Flight>], target: &Arc<Flight>) -> Option<Wait> {
        let _graph = lock(&self.waits);
        let mut seen: Vec<Arc<Flight>> = vec![Arc::clone(target)];
        let mut next = 0;
        while next < seen.len() {
            if chain.iter().any(|led| Arc::ptr_eq(led, &seen[next])) {
                return None;
            }
            let further: Vec<_> = lock(&seen[next].waits_for).iter().filter_map(Weak::upgrade).collect();
            for flight in further {
                if !seen.iter().any(|known| Arc::ptr_eq(known, &flight)) {
                    seen.push(flight);
                }
            }
            next += 1;
        }
        for led in chain {
            lock(&led.waits_for).push(Arc::downgrade(target));
        }
        Some(Wait { chain: chain.to_vec(), target: Arc::downgrade(target) })
    }
}

/// Waits for a change, or until the leader is overdue. Outside of tokio there is no timer, and no server either.
async fn wait_until(changed: Pin<&mut tokio::sync::futures::Notified<'_>>, overdue: Duration) {
    if tokio::runtime::Handle::try_current().is_ok() {
        let _ = tokio::time::timeout(overdue, changed).await;
    } else {
        changed.await;
    }
}

/// An edge of the graph of waits, taken back on drop.
struct Wait {
    chain: Vec<Arc<Flight>>,
    target: Weak<Flight>,
}

impl Drop for Wait {
    fn drop(&mut self) {
        for led in &self.chain {
            let mut waits = lock(&led.waits_for);
            if let Some(at) = waits.iter().position(|waited| waited.ptr_eq(&self.target)) {
                waits.swap_remove(at);
            }
        }
    }
}

/// One caller's hold on a flight; the last one out of a flight without a value takes it off the table.
struct Seat<'a> {
    flights: &'a Flights,
    flight: Arc<Flight>,
    left: bool,
}

impl Seat<'_> {
    /// True for the last one out. Decided where the seats are counted: of two who leave at the same time one is it.
    fn leave(&mut self) -> bool {
        if std::mem::replace(&mut self.left, true) {
            return false;
        }
        let mut open = lock(&self.flights.open);
        let last = self.flight.seats.fetch_sub(1, Ordering::Relaxed) == 1;
        let ours = || open.get(&self.flight.key).is_some_and(|Open(there)| Arc::ptr_eq(there, &self.flight));
        if last && matches!(*lock(&self.flight.state), State::Vacant) && ours() {
            open.remove(&self.flight.key);
        }
        last
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The leader's duty to say how his load ended. Dropped without a word, it was abandoned or panicked.
pub(crate) struct Lead<'a> {
    seat: Seat<'a>,
    turn: u64,
    ended: bool,
}

impl Lead<'_> {
    pub(crate) fn flight(&self) -> Arc<Flight> {
        Arc::clone(&self.seat.flight)
    }

    /// The value is there; the flight stays joinable until the returned handle is [closed](Landed::close).
    pub(crate) fn ready(mut self, value: Shared) -> Landed {
        self.ended = true;
        // Also of a leader who was overdue: he observed what the flight is known by, as everybody in it did.
        *lock(&self.seat.flight.state) = State::Ready(Arc::clone(&value));
        self.seat.flight.changed.notify_waiters();
        Landed { flight: Arc::clone(&self.seat.flight), shared: value }
    }

    /// The load failed. Followers get a shared error; without one they lead in turn. True if nobody is left
    /// who might still load under what was observed.
    pub(crate) fn failed(mut self, error: Option<Shared>) -> bool {
        match error {
            Some(error) => {
                let ended = self.end(State::Failed(error));
                if ended {
                    self.close();
                }
                ended
            }
            None => {
                self.end(State::Vacant);
                self.seat.leave()
            }
        }
    }

    fn close(&self) {
        close(self.seat.flights, &self.seat.flight);
    }

    /// Ends this turn without a value, unless another one has begun since.
    fn end(&mut self, state: State) -> bool {
        self.ended = true;
        let mut current = lock(&self.seat.flight.state);
        let ours = matches!(*current, State::Loading { turn, .. } if turn == self.turn);
        if ours {
            *current = state;
            drop(current);
            // All of them: one who is not polled must not be the only one to know.
            self.seat.flight.changed.notify_waiters();
        }
        ours
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if self.seat.flight.panics.load(Ordering::Relaxed) > PANICS_ALLOWED {
            if self.end(State::Panicked) {
                self.close();
            }
        } else {
            self.end(State::Vacant);
        }
    }
}

/// A flight whose value is there and whose fill is on its way.
pub(crate) struct Landed {
    flight: Arc<Flight>,
    shared: Shared,
}

impl Landed {
    /// What this leader has handed on; of a flight that had two, the other's may be another.
    pub(crate) fn shared(&self) -> Shared {
        Arc::clone(&self.shared)
    }

    /// The fill was answered, or given up: later callers find the entry itself.
    pub(crate) fn close(self, flights: &Flights) {
        close(flights, &self.flight);
    }
}

fn close(flights: &Flights, flight: &Arc<Flight>) {
    let mut open = lock(&flights.open);
    // Nearly always it is this one.
    if let Some(Open(there)) = open.take(&flight.key)
        && !Arc::ptr_eq(&there, flight)
    {
        open.insert(Open(there));
    }
}

#[cfg(all(test, shuttle))]
impl Default for Flights {
    fn default() -> Self {
        Self::new(Duration::from_secs(3600))
    }
}

impl Flights {
    /// How many loads are open, for tests and `stats`.
    pub(crate) fn len(&self) -> usize {
        lock(&self.open).len()
    }
}
