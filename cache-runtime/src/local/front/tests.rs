use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::*;
use crate::Key;
use crate::key::KeyPart;
use crate::local::{Fresh, Lease, LocalStore};
use crate::site::{Declaration, Site};

const SHAPE: u64 = 1;

static SITE: Site = Site::new(Declaration::DEFAULT);

fn parts(part: &dyn KeyPart) -> Parts {
    let mut parts = Parts::new();
    assert!(parts.take(&[part]));
    parts
}

fn key(id: u64) -> Key {
    Key::new(format!("user:{id}")).tag("users")
}

fn store(bytes: u64) -> LocalStore {
    LocalStore::new(bytes, 1 << 10, Lease::forever())
}

fn put(store: &LocalStore, id: u64, value: u64) {
    let observation = store.observe(&key(id));
    let value = Arc::new(value);
    let ttl = Duration::from_secs(3600);
    assert!(store.fill(
        &key(id),
        observation,
        Fresh { value, negative: false, shape: SHAPE, bytes: 8, ttl, age: Duration::ZERO }
    ));
}

fn number(value: &Shared, _: bool) -> Option<u64> {
    value.downcast_ref().copied()
}

/// Where a value is.
fn place(value: &Shared, _: bool) -> Option<usize> {
    Some(Arc::as_ptr(value).addr())
}

/// Of numbers.
const FORMS: Forms = Forms { bare: |_| None, again: |value| Some(Arc::new(*value.downcast_ref::<u64>()?)) };

fn in_front(store: &LocalStore, id: u64) -> Option<u64> {
    store.hit_in_front(&Called::new(&SITE, &parts(&id)), SHAPE, number)
}

fn in_store(store: &LocalStore, id: u64) -> Option<u64> {
    store.hit(Some(&Called::new(&SITE, &parts(&id))), &key(id), SHAPE, |value, _| number(value, false), &FORMS)
}

/// Looks until this thread knows of the entry.
fn learn(store: &LocalStore, id: u64) {
    let learnt = (0..TAKEN_IN).any(|_| in_store(store, id).is_some() && in_front(store, id).is_some());
    assert!(learnt, "not taken in");
}

#[test]
fn what_left_the_store_is_no_hit() {
    type Act = fn(&LocalStore);
    let ways: [(&str, Act); 6] = [
        ("its key", |store| store.void([&key(7)], [])),
        ("its tag", |store| store.void([], ["users"])),
        ("an epoch", LocalStore::new_epoch),
        ("a sweep", |store| assert_eq!(store.sweep(|key| key == "user:7"), 1)),
        ("clearing", LocalStore::clear),
        ("removal", |store| assert!(store.remove(&key(7)))),
    ];
    for (name, act) in ways {
        let store = store(1 << 20);
        put(&store, 7, 1);
        learn(&store, 7);
        act(&store);
        assert_eq!((in_front(&store, 7), in_store(&store, 7)), (None, None), "voided by {name}");
    }
}

#[test]
fn what_was_replaced_is_no_hit() {
    let store = store(1 << 20);
    put(&store, 7, 1);
    learn(&store, 7);
    put(&store, 7, 2);
    assert_eq!(in_front(&store, 7), None);
    assert_eq!(in_store(&store, 7), Some(2));
}

#[test]
fn what_was_evicted_is_no_hit() {
    let store = store(1 << 14);
    put(&store, 7, 1);
    learn(&store, 7);
    (100..1_000).for_each(|id| put(&store, id, id));
    assert_eq!(store.get(&key(7), SHAPE).is_some(), in_front(&store, 7).is_some());
    assert_eq!(in_front(&store, 7), None, "a thousand entries do not fit");
}

#[test]
fn an_invalidation_of_something_else_costs_a_comparison_only() {
    let store = store(1 << 20);
    put(&store, 7, 1);
    learn(&store, 7);
    store.void([&key(8)], ["other"]);
    assert_eq!(in_front(&store, 7), Some(1));
}

#[test]
fn caches_and_functions_and_shapes_are_kept_apart() {
    static OTHER: Site = Site::new(Declaration::DEFAULT);
    let (one, other) = (store(1 << 20), store(1 << 20));
    put(&one, 7, 1);
    learn(&one, 7);
    assert_eq!(in_front(&other, 7), None);
    assert_eq!(one.hit_in_front(&Called::new(&OTHER, &parts(&7_u64)), SHAPE, number), None);
    assert_eq!(one.hit_in_front(&Called::new(&SITE, &parts(&"7")), SHAPE, number), None);
    assert_eq!(in_front(&one, 7), Some(1));
    assert_eq!(one.hit_in_front(&Called::new(&SITE, &parts(&7_u64)), SHAPE + 1, number), None);
}

#[test]
fn the_second_thread_makes_the_value_again() {
    let store = store(1 << 20);
    put(&store, 7, 1);
    learn(&store, 7);
    let called = parts(&7_u64);
    let here = store.hit_in_front(&Called::new(&SITE, &called), SHAPE, place);
    let there = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            learn(&store, 7);
            store.hit_in_front(&Called::new(&SITE, &called), SHAPE, place)
        });
        other.join().expect("it does not panic")
    });
    assert!(here.is_some() && there.is_some());
    assert_ne!(here, there);
}

#[test]
fn what_threads_hold_is_bounded_and_given_back() {
    let store = store(1 << 16);
    let tie = Arc::clone(store.tie());
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            for id in 0..1_000 {
                put(&store, id, id);
                (0..TAKEN_IN).for_each(|_| _ = in_store(&store, id));
            }
            tie.written.held.load(Relaxed)
        });
        let held = looking.join().expect("it does not panic");
        assert!(held > 0 && held <= tie.limit, "{held} of {}", tie.limit);
    });
    assert_eq!(tie.written.held.load(Relaxed), 0, "the thread has ended");
    assert!(store.weight() <= (1 << 16) - *tie.written.ceded.lock().expect("nobody panicked"));
}

/// A value that looks something up when it is cloned, as no value should.
#[test]
fn a_look_inside_of_a_look_goes_to_the_store() {
    let store = store(1 << 20);
    put(&store, 7, 1);
    learn(&store, 7);
    let parts = parts(&7_u64);
    let inside = |_: &Shared, _: bool| {
        assert_eq!(in_front(&store, 7), None);
        in_store(&store, 7)
    };
    assert_eq!(store.hit_in_front(&Called::new(&SITE, &parts), SHAPE, inside), Some(1));
}

#[test]
fn a_kind_that_cannot_be_made_again_takes_nothing_for_it() {
    let store = store(1 << 20);
    put(&store, 7, 7);
    learn(&store, 7);
    let (begin, end) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            learn(&store, 7);
            begin.wait();
            end.wait();
        });
        begin.wait();
        let held = store.tie().written.held.load(Relaxed);
        let alone = Forms { again: |_| None, ..FORMS };
        let look = || {
            let called = parts(&7_u64);
            store.hit(Some(&Called::new(&SITE, &called)), &key(7), SHAPE, |value, _| number(value, false), &alone)
        };
        (0..100 * u32::from(TAKEN_IN)).for_each(|_| assert_eq!(look(), Some(7)));
        assert_eq!(store.tie().written.held.load(Relaxed), held);
        end.wait();
    });
}

#[test]
fn nothing_is_a_hit_while_nobody_vouches_for_the_tier() {
    let store = LocalStore::new(1 << 20, 1 << 10, Lease::none());
    let lease = store.lease();
    let in_an_hour = || lease.ticks(crate::clock::now() + Duration::from_secs(3600));
    lease.grant(in_an_hour);
    put(&store, 7, 7);
    learn(&store, 7);
    lease.revoke();
    assert_eq!(in_front(&store, 7), None);
    lease.grant(in_an_hour);
    learn(&store, 7);
    lease.grant(|| lease.ticks(crate::clock::now()));
    assert_eq!(in_front(&store, 7), None, "it has ended");
}

#[test]
fn a_lifetime_shorter_than_a_tick_ends() {
    let store = store(1 << 20);
    let observation = store.observe(&key(7));
    let (value, ttl) = (Arc::new(7_u64), Duration::from_millis(20));
    let fresh = Fresh { value, negative: false, shape: SHAPE, bytes: 8, ttl, age: Duration::ZERO };
    assert!(store.fill(&key(7), observation, fresh));
    (0..TAKEN_IN).for_each(|_| _ = in_store(&store, 7));
    std::thread::sleep(ttl);
    assert_eq!(in_front(&store, 7), None);
}
