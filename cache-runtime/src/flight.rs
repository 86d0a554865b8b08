//! Singleflight: one load per entry and observation, whatever happens to the caller who runs it.
//!
//! Invariants:
//! 1. A flight is found only by a caller whose own observation (expected id, stamps, history) equals the
//!    flight's, so nobody is handed a value loaded before an invalidation that preceded his call.
//! 2. Of the callers of one flight at most one is its leader. A leader who ends without a value leaves the
//!    flight `Vacant`, and exactly one follower takes it over with his own body.
//! 3. A flight stays joinable until its fill has been answered.
//! 4. Nobody waits for a load that waits for him: before a caller who is itself part of a load waits, the
//!    graph of waits is searched for a way back to him.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, PoisonError, Weak};

use smallvec::SmallVec;

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard, Notify, panicking};

pub(crate) type Shared = Arc<dyn Any + Send + Sync>;

/// A second load may be tried after one that panicked; after that, those who joined panic too.
const PANICS_ALLOWED: u32 = 1;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct FlightKey {
    pub(crate) key: SmallVec<[u8; 64]>,
    /// What was observed before the load, as bytes.
    pub(crate) observed: SmallVec<[u8; 64]>,
    pub(crate) value: TypeId,
}

enum State {
    /// A leader runs his body.
    Loading,
    /// The leader is gone without a value (failed, dropped or panicked); the next caller leads.
    Vacant,
    Ready(Shared),
    /// The error, which its type allows to be shared.
    Failed(Shared),
    Panicked,
}

pub(crate) struct Flight {
    state: Mutex<State>,
    panics: Mutex<u32>,
    changed: Notify,
    /// How many callers hold on to this flight; changed under the table's lock only.
    seats: AtomicUsize,
    /// The flights whose values this flight's load is waiting for.
    waits_for: Mutex<Vec<Weak<Flight>>>,
}

#[derive(Default)]
pub(crate) struct Flights {
    open: Mutex<HashMap<FlightKey, Arc<Flight>>>,
    /// Held while the graph of waits is searched and changed.
    waits: Mutex<()>,
}

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

impl Flights {
    /// Joins the flight of `key`, or leads it. `chain`: the flights whose loads the caller is part of.
    ///
    /// Cancel safe: a follower who is dropped leaves no trace, and passes on a turn that was his.
    pub(crate) async fn turn(&self, key: FlightKey, chain: Vec<Arc<Flight>>) -> Turn<'_> {
        let flight = {
            let mut open = lock(&self.open);
            let flight = open.entry(key.clone()).or_insert_with(|| {
                Arc::new(Flight {
                    state: Mutex::new(State::Vacant),
                    panics: Mutex::new(0),
                    changed: Notify::new(),
                    seats: AtomicUsize::new(0),
                    waits_for: Mutex::default(),
                })
            });
            flight.seats.fetch_add(1, Ordering::Relaxed);
            Arc::clone(flight)
        };
        let seat = Seat { flights: self, key, flight };
        if chain.iter().any(|led| Arc::ptr_eq(led, &seat.flight)) {
            return Turn::Recursion;
        }
        let flight = Arc::clone(&seat.flight);
        let mut waiting = None;
        loop {
            let mut changed = pin!(flight.changed.notified());
            changed.as_mut().enable();
            {
                let mut state = lock(&flight.state);
                match &*state {
                    State::Vacant => {
                        *state = State::Loading;
                        drop(state);
                        drop(waiting);
                        return Turn::Lead(Lead { seat, ended: false });
                    }
                    State::Ready(value) => return Turn::Ready(Arc::clone(value)),
                    State::Failed(error) => return Turn::Failed(Arc::clone(error)),
                    State::Panicked => return Turn::Panicked,
                    State::Loading => {}
                }
            }
            if waiting.is_none() && !chain.is_empty() {
                match self.wait(&chain, &flight) {
                    Some(wait) => waiting = Some(wait),
                    None => return Turn::Recursion,
                }
            }
            changed.await;
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
    key: FlightKey,
    flight: Arc<Flight>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut open = lock(&self.flights.open);
        let last = self.flight.seats.fetch_sub(1, Ordering::Relaxed) == 1;
        let ours = open.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        if last && ours && matches!(*lock(&self.flight.state), State::Vacant) {
            open.remove(&self.key);
        }
    }
}

/// The leader's duty to say how his load ended. Dropped without a word, it was abandoned or panicked.
pub(crate) struct Lead<'a> {
    seat: Seat<'a>,
    ended: bool,
}

impl Lead<'_> {
    pub(crate) fn flight(&self) -> Arc<Flight> {
        Arc::clone(&self.seat.flight)
    }

    /// The value is there; the flight stays joinable until the returned handle is [closed](Landed::close).
    pub(crate) fn ready(mut self, value: Shared) -> Landed {
        self.end(State::Ready(value));
        Landed { key: self.seat.key.clone(), flight: Arc::clone(&self.seat.flight) }
    }

    /// The load failed. Followers get a shared error; without one they lead in turn. True if nobody is left
    /// who might still load under what was observed.
    pub(crate) fn failed(mut self, error: Option<Shared>) -> bool {
        match error {
            Some(error) => {
                self.end(State::Failed(error));
                self.close();
                true
            }
            None => {
                self.vacate();
                self.seat.flight.seats.load(Ordering::Relaxed) <= 1
            }
        }
    }

    fn close(&self) {
        close(self.seat.flights, &self.seat.key, &self.seat.flight);
    }

    fn end(&mut self, state: State) {
        self.ended = true;
        *lock(&self.seat.flight.state) = state;
        self.seat.flight.changed.notify_waiters();
    }

    fn vacate(&mut self) {
        self.ended = true;
        *lock(&self.seat.flight.state) = State::Vacant;
        self.seat.flight.changed.notify_one();
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let panics = {
            let mut panics = lock(&self.seat.flight.panics);
            *panics += u32::from(panicking());
            *panics
        };
        if panics > PANICS_ALLOWED {
            self.end(State::Panicked);
            self.close();
        } else {
            self.vacate();
        }
    }
}

/// A flight whose value is there and whose fill is on its way.
pub(crate) struct Landed {
    key: FlightKey,
    flight: Arc<Flight>,
}

impl Landed {
    /// The fill was answered, or given up: later callers find the entry itself.
    pub(crate) fn close(self, flights: &Flights) {
        close(flights, &self.key, &self.flight);
    }
}

fn close(flights: &Flights, key: &FlightKey, flight: &Arc<Flight>) {
    let mut open = lock(&flights.open);
    if open.get(key).is_some_and(|there| Arc::ptr_eq(there, flight)) {
        open.remove(key);
    }
}

impl Flights {
    /// How many loads are open, for tests and `stats`.
    pub(crate) fn len(&self) -> usize {
        lock(&self.open).len()
    }
}
