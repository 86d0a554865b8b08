//! The generation table and the in-process store: after an invalidation returned, nobody is answered from before it.

use std::sync::Arc;
use std::time::Duration;

use shuttle::thread;

use super::{assert_noticed, every, explore};
use crate::Key;
use crate::flight::Shared;
use crate::key::Parts;
use crate::local::{Called, Forms, Fresh, Lease, LocalStore};
use crate::site::{Declaration, Site};
use crate::sync::atomic::{AtomicU32, Ordering::SeqCst};

static SITE: Site = Site::new(Declaration::DEFAULT);
const SHAPE: u64 = 1;
/// A number is shared, and has nothing around it.
const FORMS: Forms = Forms { bare: |_| None, again: |value| Some(Arc::clone(value)) };
const HOUR: Duration = Duration::from_secs(3600);

/// A way to invalidate.
#[derive(Clone, Copy, Debug)]
enum Void {
    Key,
    Tag,
    Everything,
    Sweep,
}

/// When a reader observes: `AfterTheLoad` is the mistake that the observation is there to prevent.
#[derive(Clone, Copy, Debug)]
enum Observe {
    BeforeTheLoad,
    AfterTheLoad,
}

/// A store before a source, whose versions count upwards.
struct World {
    store: LocalStore,
    key: Key,
    source: AtomicU32,
    /// The version whose invalidation returned last. Not shuttle's: looking at it is not a step.
    settled: std::sync::atomic::AtomicU32,
    observe: Observe,
}

impl World {
    fn new(observe: Observe) -> Arc<Self> {
        Arc::new(Self {
            store: LocalStore::new(1 << 20, 16, Lease::forever()),
            key: Key::new("user:1").tag("users").tag("org:1"),
            source: AtomicU32::new(0),
            settled: std::sync::atomic::AtomicU32::new(0),
            observe,
        })
    }

    /// As a call looks: what its thread knows of, then what the store holds.
    fn get(&self) -> Option<u32> {
        let parts = Parts::new();
        let called = Called::new(&SITE, &parts);
        let number = |value: &Shared| value.downcast_ref().copied();
        let known = self.store.hit_in_front(&called, SHAPE, |value, _| number(value));
        known.or_else(|| self.store.hit(Some(&called), &self.key, SHAPE, |value, _| number(value), &FORMS))
    }

    /// A cached call, without a flight.
    fn call(&self) -> u32 {
        if let Some(version) = self.get() {
            return version;
        }
        let (observation, version) = match self.observe {
            Observe::BeforeTheLoad => (self.store.observe(&self.key), self.source.load(SeqCst)),
            Observe::AfterTheLoad => {
                let version = self.source.load(SeqCst);
                (self.store.observe(&self.key), version)
            }
        };
        let fresh =
            Fresh { value: Arc::new(version), negative: false, shape: SHAPE, bytes: 4, ttl: HOUR, age: Duration::ZERO };
        self.store.fill(&self.key, observation, fresh);
        version
    }

    fn read(&self) {
        let floor = self.settled.load(SeqCst);
        let version = self.call();
        assert!(version >= floor, "stale: version {version} after the invalidation of what was before {floor}");
    }

    /// Writes the next version, and invalidates what was before it.
    fn write(&self, void: Void) {
        let version = self.source.fetch_add(1, SeqCst) + 1;
        match void {
            Void::Key => self.store.void([&self.key], []),
            Void::Tag => self.store.void([], ["org:1"]),
            Void::Everything => self.store.clear(),
            Void::Sweep => _ = self.store.sweep(|key| key.starts_with("user:")),
        }
        self.settled.fetch_max(version, SeqCst);
    }
}

/// One writer of two versions, two readers, and one who keeps entries alive.
fn scene(observe: Observe, void: Void) {
    let world = World::new(observe);
    let spawn = |part: fn(&World)| {
        let world = Arc::clone(&world);
        thread::spawn(move || part(&world))
    };
    let writer = thread::spawn({
        let world = Arc::clone(&world);
        move || (0..2).for_each(|_| world.write(void))
    });
    let others = [
        spawn(|world| (0..2).for_each(|_| world.read())),
        spawn(|world| (0..2).for_each(|_| world.read())),
        spawn(|world| _ = world.store.touch(&world.key, 2 * HOUR)),
    ];
    for thread in std::iter::once(writer).chain(others) {
        thread.join().expect("shuttle ends the schedule that panics");
    }
    let left = world.get();
    assert!(left.is_none_or(|version| version == 2), "stale: version {left:?} is left after all invalidations");
    world.read();
}

#[test]
fn nothing_from_before_a_key_was_voided() {
    explore(|| scene(Observe::BeforeTheLoad, Void::Key));
}

#[test]
fn nothing_from_before_a_tag_was_voided() {
    explore(|| scene(Observe::BeforeTheLoad, Void::Tag));
}

#[test]
fn nothing_from_before_everything_was_voided() {
    explore(|| scene(Observe::BeforeTheLoad, Void::Everything));
}

#[test]
fn nothing_from_before_a_sweep() {
    explore(|| scene(Observe::BeforeTheLoad, Void::Sweep));
}

/// A bump that is lost in another one would bring back what was seen before it.
#[test]
fn of_bumps_at_the_same_time_none_is_lost() {
    every(|| {
        let world = World::new(Observe::BeforeTheLoad);
        let void = |world: &World| world.store.void([], ["org:1"]);
        let other = thread::spawn({
            let world = Arc::clone(&world);
            move || void(&world)
        });
        void(&world);
        let observation = world.store.observe(&world.key);
        void(&world);
        other.join().expect("shuttle ends the schedule that panics");
        assert_ne!(world.store.observe(&world.key), observation);
    });
}

/// Two writers, each with his own way: neither undoes what the other voided.
#[test]
fn a_sweep_and_a_tag_at_the_same_time() {
    explore(|| {
        let world = World::new(Observe::BeforeTheLoad);
        world.read();
        let spawn = |part: fn(&World)| {
            let world = Arc::clone(&world);
            thread::spawn(move || part(&world))
        };
        let threads = [
            spawn(|world| world.write(Void::Sweep)),
            spawn(|world| world.store.void([], ["users"])),
            spawn(World::read),
            spawn(World::read),
        ];
        for thread in threads {
            thread.join().expect("shuttle ends the schedule that panics");
        }
        let left = world.get();
        assert!(left.is_none_or(|version| version == 1), "stale: version {left:?} is left after all invalidations");
    });
}

/// An entry that is there already against the one invalidation: a thread that looks it up meanwhile does not go by what it
/// found then.
#[test]
fn what_a_thread_knows_of_is_no_hit_afterwards() {
    for void in [Void::Key, Void::Tag, Void::Everything, Void::Sweep] {
        explore(move || {
            let world = World::new(Observe::BeforeTheLoad);
            world.read();
            let reader = thread::spawn({
                let world = Arc::clone(&world);
                move || (0..3).for_each(|_| world.read())
            });
            world.write(void);
            reader.join().expect("shuttle ends the schedule that panics");
        });
    }
}

/// The one fill against the one invalidation: refused, or no hit afterwards.
#[test]
fn a_fill_from_before_is_refused_or_not_a_hit() {
    for void in [Void::Key, Void::Tag, Void::Everything, Void::Sweep] {
        explore(move || {
            let world = World::new(Observe::BeforeTheLoad);
            let observation = world.store.observe(&world.key);
            let filler = thread::spawn({
                let world = Arc::clone(&world);
                move || {
                    let settled = world.settled.load(SeqCst);
                    let value = Arc::new(0_u32);
                    let fresh =
                        Fresh { value, negative: false, shape: SHAPE, bytes: 4, ttl: HOUR, age: Duration::ZERO };
                    let stored = world.store.fill(&world.key, observation, fresh);
                    assert!(!stored || settled == 0, "stored although {void:?} had returned");
                }
            });
            world.write(void);
            assert_eq!(world.get(), None, "stale");
            filler.join().expect("shuttle ends the schedule that panics");
            assert_eq!(world.get(), None, "stale");
        });
    }
}

#[test]
fn observing_after_the_load_is_noticed() {
    for void in [Void::Key, Void::Tag, Void::Everything, Void::Sweep] {
        assert_noticed("stale", move || scene(Observe::AfterTheLoad, void));
    }
}
