//! Singleflight: one leader at a time, nobody stuck, nobody answered from before his call, nothing left over.

use std::any::TypeId;
use std::sync::Arc;
use std::sync::Mutex as Unseen;
use std::sync::atomic::{AtomicBool, AtomicU32 as UnseenCount, Ordering::SeqCst};

use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use smallvec::SmallVec;

use super::{assert_noticed, every, explore};
use crate::flight::{Flight, FlightKey, Flights, Landed, Lead, Shared, Turn};
use crate::sync::atomic::AtomicU32;

fn key(name: &str, observed: u32) -> FlightKey {
    FlightKey {
        key: SmallVec::from_slice(name.as_bytes()),
        observed: SmallVec::from_slice(&observed.to_le_bytes()),
        value: TypeId::of::<u32>(),
    }
}

fn number(shared: &Shared) -> u32 {
    *shared.downcast_ref().expect("only numbers are shared")
}

/// How a leader ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Ready,
    /// His guard is dropped.
    Abandoned,
    /// He fails, and the error cannot be shared.
    FailedAlone,
    FailedForAll,
    Panicked,
}

/// How a caller ends. Numbers count the loads, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Led(Ending, u32),
    Joined(u32),
    JoinedFailure(u32),
    JoinedPanic,
}

/// The callers of one key. What is counted here is not a step of any schedule.
#[derive(Default)]
struct Scene {
    flights: Flights,
    running: AtomicBool,
    loads: UnseenCount,
    /// How the next leaders end; after these, they are ready.
    endings: Unseen<Vec<Ending>>,
    /// Whether a leader who is ready closes his flight himself, at once.
    closing: bool,
    landed: Unseen<Vec<Landed>>,
    /// The last load whose flight has been closed.
    closed: UnseenCount,
}

/// The time in which a load runs.
struct Running<'a>(&'a Scene);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.store(false, SeqCst);
    }
}

impl Scene {
    fn new(endings: &[Ending]) -> Self {
        Self { endings: Unseen::new(endings.to_vec()), ..Self::default() }
    }

    async fn call(&self) -> Answer {
        let closed = self.closed.load(SeqCst);
        match self.flights.turn(key("user:1", 0), Vec::new()).await {
            Turn::Lead(lead) => self.load(lead).await,
            Turn::Ready(value) => {
                assert!(number(&value) > closed, "joined a flight that had been closed before");
                Answer::Joined(number(&value))
            }
            Turn::Failed(error) => Answer::JoinedFailure(number(&error)),
            Turn::Panicked => Answer::JoinedPanic,
            Turn::Recursion => panic!("recursion without a chain"),
        }
    }

    async fn load(&self, lead: Lead<'_>) -> Answer {
        assert!(!self.running.swap(true, SeqCst), "two leaders at a time");
        let running = Running(self);
        let load = self.loads.fetch_add(1, SeqCst) + 1;
        yield_now().await;
        let ending = self.endings.lock().expect("not poisoned").pop().unwrap_or(Ending::Ready);
        drop(running);
        match ending {
            Ending::Ready => {
                let landed = lead.ready(Arc::new(load));
                if self.closing {
                    landed.close(&self.flights);
                    self.closed.fetch_max(load, SeqCst);
                } else {
                    self.landed.lock().expect("not poisoned").push(landed);
                }
            }
            Ending::Abandoned => drop(lead),
            Ending::FailedAlone => _ = lead.failed(None),
            Ending::FailedForAll => assert!(lead.failed(Some(Arc::new(load)))),
            Ending::Panicked => {
                lead.flight().body_panicked();
                drop(lead);
            }
        }
        Answer::Led(ending, load)
    }

    /// Lets `callers` call, and the first `dropped` of them be dropped at any time; returns what the others got.
    /// Shuttle complains of a deadlock if one of them is stuck.
    fn play(self, callers: usize, dropped: usize) -> Answers {
        let scene = Arc::new(self);
        let start = |_| {
            let scene = Arc::clone(&scene);
            spawn(async move { scene.call().await })
        };
        let calls: Vec<JoinHandle<Answer>> = (0..callers).map(start).collect();
        calls[..dropped].iter().for_each(JoinHandle::abort);
        let ended = calls.into_iter().enumerate().filter_map(|(caller, call)| {
            let answer = block_on(call).ok();
            assert!(answer.is_some() || caller < dropped, "dropped by nobody");
            answer
        });
        let answers = Answers(ended.collect());
        let landed = std::mem::take(&mut *scene.landed.lock().expect("not poisoned"));
        assert!(landed.len() <= 1, "two flights were open for one key");
        landed.into_iter().for_each(|landed| landed.close(&scene.flights));
        assert_eq!(scene.flights.len(), 0, "a flight is left on the table");
        answers
    }
}

struct Answers(Vec<Answer>);

impl Answers {
    fn led(&self, ending: Ending) -> usize {
        self.0.iter().filter(|answer| matches!(answer, Answer::Led(how, _) if *how == ending)).count()
    }

    fn joined(&self) -> usize {
        self.0.iter().filter(|answer| matches!(answer, Answer::Joined(_))).count()
    }
}

#[test]
fn one_leads_and_all_get_his_value() {
    explore(|| {
        let answers = Scene::default().play(4, 0);
        assert_eq!((answers.led(Ending::Ready), answers.joined()), (1, 3), "{:?}", answers.0);
    });
}

#[test]
fn whoever_comes_after_the_close_leads_a_new_flight() {
    explore(|| {
        let answers = Scene { closing: true, ..Scene::default() }.play(4, 0);
        assert_eq!(answers.led(Ending::Ready) + answers.joined(), 4, "{:?}", answers.0);
    });
}

/// The leader ends without a value, twice: each time exactly one follower takes over.
#[test]
fn one_follower_takes_over_from_a_leader_without_a_value() {
    for ending in [Ending::Abandoned, Ending::FailedAlone] {
        explore(move || {
            let answers = Scene::new(&[ending; 2]).play(4, 0);
            assert_eq!(answers.led(ending), 2, "{:?}", answers.0);
            assert_eq!((answers.led(Ending::Ready), answers.joined()), (1, 1), "{:?}", answers.0);
        });
    }
}

#[test]
fn all_lead_in_turn_when_all_fail() {
    explore(|| {
        let answers = Scene::new(&[Ending::FailedAlone; 4]).play(4, 0);
        assert_eq!(answers.led(Ending::FailedAlone), 4, "{:?}", answers.0);
    });
}

#[test]
fn a_failure_for_all_reaches_those_who_joined() {
    explore(|| {
        let answers = Scene::new(&[Ending::FailedForAll]).play(4, 0);
        assert_eq!(answers.led(Ending::FailedForAll), 1, "{:?}", answers.0);
        for answer in &answers.0 {
            match answer {
                Answer::Led(_, load) | Answer::Joined(load) => assert!((1..=2).contains(load)),
                Answer::JoinedFailure(load) => assert_eq!(*load, 1),
                Answer::JoinedPanic => panic!("nobody panicked"),
            }
        }
    });
}

/// Callers are dropped at any await, as leaders and as followers, the one whose turn it is included.
#[test]
fn nobody_is_stuck_behind_those_who_are_dropped() {
    explore(|| {
        let answers = Scene::default().play(5, 3);
        let ready = answers.led(Ending::Ready);
        assert!(ready <= 1 && ready + answers.joined() == answers.0.len(), "{:?}", answers.0);
    });
}

#[test]
fn nobody_is_stuck_behind_those_who_are_dropped_or_fail() {
    explore(|| {
        let answers = Scene::new(&[Ending::FailedAlone, Ending::Abandoned]).play(5, 2);
        assert!(answers.led(Ending::Ready) <= 1, "{:?}", answers.0);
    });
}

#[test]
fn after_one_panic_a_follower_loads() {
    explore(|| {
        let answers = Scene::new(&[Ending::Panicked]).play(4, 0);
        assert_eq!(answers.led(Ending::Panicked), 1, "{:?}", answers.0);
        assert_eq!((answers.led(Ending::Ready), answers.joined()), (1, 2), "{:?}", answers.0);
    });
}

/// Whoever joined what panicked twice panics too; whoever came later loads.
#[test]
fn after_two_panics_nobody_is_stuck() {
    explore(|| {
        let answers = Scene::new(&[Ending::Panicked; 2]).play(4, 0);
        let panicked = answers.0.iter().filter(|answer| **answer == Answer::JoinedPanic).count();
        assert_eq!(answers.led(Ending::Panicked), 2, "{:?}", answers.0);
        assert_eq!(panicked + answers.led(Ending::Ready) + answers.joined(), 2, "{:?}", answers.0);
    });
}

/// Takes the turn of `name` as part of the loads in `chain`; true if that would have been to wait for himself.
async fn call_within(flights: &Flights, name: &str, chain: Vec<Arc<Flight>>) -> bool {
    match flights.turn(key(name, 0), chain).await {
        Turn::Lead(lead) => {
            yield_now().await;
            lead.ready(Arc::new(0_u32)).close(flights);
            false
        }
        Turn::Ready(_) => false,
        Turn::Recursion => true,
        Turn::Failed(_) | Turn::Panicked => panic!("nobody fails"),
    }
}

/// Leads the load of each name, which then asks for the next name; returns how many were told not to wait.
fn circle(names: &'static [&'static str]) -> usize {
    let flights = Arc::new(Flights::default());
    let all_lead = Arc::new(shuttle::sync::Barrier::new(names.len()));
    let start = |at: usize| {
        let (flights, all_lead) = (Arc::clone(&flights), Arc::clone(&all_lead));
        shuttle::thread::spawn(move || {
            block_on(async {
                let Turn::Lead(lead) = flights.turn(key(names[at], 0), Vec::new()).await else {
                    panic!("somebody else leads `{}`", names[at]);
                };
                all_lead.wait();
                let recursion = call_within(&flights, names[(at + 1) % names.len()], vec![lead.flight()]).await;
                lead.ready(Arc::new(0_u32)).close(&flights);
                recursion
            })
        })
    };
    let loads: Vec<_> = (0..names.len()).map(start).collect();
    let told = loads.into_iter().map(|load| load.join().expect("no load panics"));
    let recursions = told.filter(|recursion| *recursion).count();
    assert_eq!(flights.len(), 0, "a flight is left on the table");
    recursions
}

#[test]
fn of_loads_that_wait_in_a_circle_one_is_told() {
    every(|| assert_eq!(circle(&["a"]), 1));
    explore(|| assert_eq!(circle(&["a", "b"]), 1));
    explore(|| assert_eq!(circle(&["a", "b", "c"]), 1));
}

/// Callers of `a` and `b` in any order; the load of each asks for the other.
#[test]
fn loads_of_each_other_end_in_any_order() {
    explore(|| {
        let flights = Arc::new(Flights::default());
        let start = |(one, other): (&'static str, &'static str)| {
            let flights = Arc::clone(&flights);
            spawn(async move {
                if let Turn::Lead(lead) = flights.turn(key(one, 0), Vec::new()).await {
                    call_within(&flights, other, vec![lead.flight()]).await;
                    lead.ready(Arc::new(0_u32)).close(&flights);
                }
            })
        };
        let calls: Vec<_> = [("a", "b"), ("b", "a"), ("a", "b"), ("b", "a")].into_iter().map(start).collect();
        calls.into_iter().for_each(|call| block_on(call).expect("nobody is dropped"));
        assert_eq!(flights.len(), 0, "a flight is left on the table");
    });
}

/// The load of `a` gives up its wait for `b` and goes on: the load of `b` may then wait for `a`.
#[test]
fn a_wait_that_is_given_up_is_not_found() {
    explore(|| {
        let flights = Arc::new(Flights::default());
        let lead = |name| match block_on(flights.turn(key(name, 0), Vec::new())) {
            Turn::Lead(lead) => lead,
            _ => panic!("nobody else leads `{name}`"),
        };
        let (a, b) = (lead("a"), lead("b"));
        let ask = |name: &'static str, within: &Lead<'_>| {
            let (flights, chain) = (Arc::clone(&flights), vec![within.flight()]);
            spawn(async move { call_within(&flights, name, chain).await })
        };
        let given_up = ask("b", &a);
        given_up.abort();
        assert!(block_on(given_up).is_err(), "`b` did not end, so the wait for it cannot");
        let waiting = ask("a", &b);
        a.ready(Arc::new(0_u32)).close(&flights);
        assert!(!block_on(waiting).expect("nobody drops it"), "a wait that was given up is found");
        b.ready(Arc::new(0_u32)).close(&flights);
        assert_eq!(flights.len(), 0, "a flight is left on the table");
    });
}

/// What a caller's flight is found by.
#[derive(Clone, Copy, Debug)]
enum JoinBy {
    KeyAndObservation,
    /// The mistake: whatever the leader observed.
    Key,
}

/// Readers, and a writer who invalidates and then reads. The version that a reader gets is never older than the
/// last one invalidated before his call.
fn invalidation(join: JoinBy) {
    struct World {
        flights: Flights,
        source: AtomicU32,
        stamp: AtomicU32,
        /// The version whose invalidation returned last.
        settled: UnseenCount,
    }

    impl World {
        async fn read(&self, join: JoinBy) {
            let floor = self.settled.load(SeqCst);
            let observed = self.stamp.load(SeqCst);
            let key = match join {
                JoinBy::KeyAndObservation => key("user:1", observed),
                JoinBy::Key => key("user:1", 0),
            };
            let version = match self.flights.turn(key, Vec::new()).await {
                Turn::Lead(lead) => {
                    let version = self.source.load(SeqCst);
                    yield_now().await;
                    lead.ready(Arc::new(version)).close(&self.flights);
                    version
                }
                Turn::Ready(version) => number(&version),
                Turn::Failed(_) | Turn::Panicked | Turn::Recursion => panic!("nobody fails"),
            };
            assert!(version >= floor, "stale: version {version} after the invalidation of what was before {floor}");
        }
    }

    let world = Arc::new(World {
        flights: Flights::default(),
        source: AtomicU32::new(0),
        stamp: AtomicU32::new(0),
        settled: UnseenCount::new(0),
    });
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let world = Arc::clone(&world);
            spawn(async move { world.read(join).await })
        })
        .collect();
    let writer = spawn({
        let world = Arc::clone(&world);
        async move {
            world.source.store(1, SeqCst);
            world.stamp.fetch_add(1, SeqCst);
            world.settled.store(1, SeqCst);
            world.read(join).await;
        }
    });
    readers.into_iter().chain([writer]).for_each(|call| block_on(call).expect("nobody is dropped"));
    assert_eq!(world.flights.len(), 0, "a flight is left on the table");
}

#[test]
fn nobody_joins_a_load_from_before_an_invalidation_that_he_comes_after() {
    explore(|| invalidation(JoinBy::KeyAndObservation));
}

#[test]
fn joining_whatever_was_observed_is_noticed() {
    assert_noticed("stale", || invalidation(JoinBy::Key));
}
