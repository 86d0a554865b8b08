use tokio::runtime::Handle;

use super::super::Node;
use super::super::node::Common;
use super::*;
use crate::Key;
use crate::mutant::Rules;
use crate::redis::{Failure, Names};

/// At an address where nobody is.
pub(in crate::redis) fn node(budget: Duration) -> Arc<Node> {
    let info = redis::IntoConnectionInfo::into_connection_info("redis://127.0.0.1:1").expect("an address");
    let rules = Rules::default();
    let breaker_opened = Arc::default();
    let common = Common { source: None, lanes: 1, breaker_failures: 5, breaker_opened, local: None, budget, rules };
    Arc::new(Node::new(info, false, &common).expect("in order"))
}

fn names() -> (Names, Key) {
    (Names::new("ns"), Key::new("a"))
}

/// Callers in a runtime where so many were around of late, of a name each.
fn around(count: usize, all: &mut Vec<Callers>) -> &mut Callers {
    let callers = Callers::of(all, Handle::current().id());
    (callers.around, callers.latest) = (count, (1, 1));
    callers
}

/// How many callers each list has, after so many have joined one of at most `names`.
fn joined(callers: &mut Callers, count: usize, most: usize, parts: usize) -> Vec<usize> {
    let (names, key) = names();
    for _ in 0..count {
        callers.waiting += 1;
        drop(callers.join(names.of(&key), 1, most, parts, Waker::noop()));
    }
    callers.batches.iter().map(|batch| batch.callers).collect()
}

#[tokio::test]
async fn those_who_begin_together_share_a_list() {
    assert_eq!(joined(around(0, &mut Vec::new()), 100, NAMES, 1), [100]);
}

#[tokio::test]
async fn all_who_are_around_are_dealt_out() {
    assert_eq!(joined(around(96, &mut Vec::new()), 96, NAMES, 3), [32, 32, 32]);
    assert_eq!(joined(around(16, &mut Vec::new()), 16, NAMES, 2), [8, 8]);
    assert_eq!(joined(around(4, &mut Vec::new()), 8, NAMES, 1), [8], "not to fewer than would come together");
}

#[tokio::test]
async fn a_crowd_that_grows_makes_larger_lists() {
    let lists = joined(around(24, &mut Vec::new()), 900, NAMES, 3);
    assert!(lists.len() < 20 && lists.last().is_some_and(|last| *last > 200), "{lists:?}");
}

#[tokio::test]
async fn a_list_asks_for_no_more_names_than_it_may() {
    let mut all = Vec::new();
    let callers = around(0, &mut all);
    let names = Names::new("ns");
    for n in 0..10 {
        drop(callers.join(names.of(&Key::new(format!("k{n}"))), 1, 4, 1, Waker::noop()));
    }
    assert_eq!(callers.batches.iter().map(|batch| batch.list.len()).collect::<Vec<_>>(), [4, 4, 2]);
}

#[tokio::test]
async fn requests_to_a_near_server_are_as_many_as_there_is_somebody_for() {
    let (gather, mut all) = (Gather::new(1), Vec::new());
    for (count, requests) in [(0, 1), (15, 1), (16, 2), (24, 3), (100, 3)] {
        assert_eq!(gather.at_once(around(count, &mut all)), requests, "{count}");
    }
    gather.count(0, 2 * A_DOOR);
    for (count, requests) in [(1, 1), (15, 1), (16, 2), (MANY, 2), (MANY + 1, 1)] {
        assert_eq!(gather.at_once(around(count, &mut all)), requests, "{count} at one of two doors");
    }
}

#[tokio::test]
async fn large_values_are_asked_for_by_few_at_a_time_in_more_requests() {
    let (gather, mut all) = (Gather::new(1), Vec::new());
    for (bytes, most, requests) in
        [(100, 655, 2), (8 * 1024, 8, 2), (16 * 1024, 4, 4), (BYTES, 1, 16), (1 << 20, 1, 16)]
    {
        gather.bytes.store(bytes, Relaxed);
        assert_eq!((gather.most(), gather.at_once(around(16, &mut all))), (most, requests), "{bytes}");
    }
    assert_eq!(gather.at_once(around(10_000, &mut all)), AT_ONCE);
}

#[tokio::test]
async fn large_values_with_tags_are_asked_for_in_as_many_requests_as_their_names_make() {
    let (gather, mut all) = (Gather::new(1), Vec::new());
    gather.bytes.store(16 * 1024, Relaxed);
    for (latest, requests) in [((6, 2), 12), ((100, 1), AT_ONCE), ((1, 16), 2)] {
        let callers = around(16, &mut all);
        callers.latest = latest;
        assert_eq!((gather.most(), gather.at_once(callers)), (4, requests), "{latest:?}");
    }
}

#[tokio::test]
async fn what_a_request_asks_for_is_counted_when_it_is_taken() {
    let mut all = Vec::new();
    let callers = around(0, &mut all);
    let names = Names::new("ns");
    for key in ["a", "b", "b"] {
        callers.waiting += 1;
        drop(callers.join(names.of(&Key::new(key).tag("t")), 2, NAMES, 1, Waker::noop()));
    }
    callers.latest = (80, 8);
    let batch = callers.next().expect("all three");
    callers.ask_for(&batch);
    assert_eq!((callers.latest, callers.asked), ((70 + 3, 7 + 3), 3), "those before count less");
}

#[tokio::test]
async fn those_who_are_not_asked_for_yet_are_not_looked_through() {
    let mut all = Vec::new();
    let callers = around(0, &mut all);
    joined(callers, 3, 0, 1);
    let (first, second) = (callers.next().expect("the first"), callers.next().expect("the second"));
    assert!(callers.told().is_empty());
    drop(second.outcome.tell(Err(Failure::timeout())));
    assert_eq!(callers.told().len(), 1);
    drop(first.outcome.tell(Err(Failure::timeout())));
    assert_eq!((callers.told().len(), callers.untold.len()), (1, 1));
    drop(callers.untold[0].1.tell(Err(Failure::timeout())));
    assert!(callers.told().is_empty(), "nobody asks for it yet");
    assert!(callers.next().is_some());
    assert_eq!(callers.told().len(), 1);
}

#[tokio::test]
async fn a_task_is_too_many_when_the_others_that_can_be_reached_are_enough() {
    let mut all = Vec::new();
    let callers = around(0, &mut all);
    (callers.tasks, callers.ready, callers.held_up) = (4, 1, 1);
    assert_eq!([2, 3, 4].map(|at_once| callers.has_a_task_too_many(at_once)), [true, false, false]);
    (callers.tasks, callers.ready, callers.held_up) = (2, 1, 0);
    assert!(!callers.has_a_task_too_many(1), "nobody knows yet whether the other one is reached");
}

#[tokio::test]
async fn doors_are_as_many_as_there_are_callers_for_at_all_of_them_together() {
    let gather = Gather::new(2);
    for (around, doors) in
        [(1, 1), (2 * A_DOOR - 1, 1), (2 * A_DOOR, 2), (3 * A_DOOR, 3), (4 * A_DOOR, 4), (1 << 14, 4)]
    {
        gather.count(0, around - 1);
        gather.count(0, 1);
        assert_eq!(gather.doors_in_use(), doors, "{around}");
        gather.count(around, 0);
    }
}

#[tokio::test]
async fn how_many_are_around_is_forgotten_bit_by_bit_and_with_the_last_task() {
    let mut all = Vec::new();
    let callers = around(0, &mut all);
    (callers.tasks, callers.asked, callers.waiting) = (2, 60, 20);
    callers.back(30);
    assert_eq!((callers.around, callers.asked), (60, 30));
    callers.waiting = 70;
    callers.back(30);
    assert_eq!((callers.around, callers.asked), (70, 0), "those who wait are others");
    callers.waiting = 0;
    callers.back(0);
    assert_eq!(callers.around, 70 - 9);
    callers.ended();
    assert_eq!(callers.around, 70 - 9);
    callers.ended();
    assert_eq!((callers.around, callers.tasks), (0, 0));
}

#[tokio::test]
async fn who_comes_after_a_task_that_is_held_up_waits_for_another_one_also_after_a_lull() {
    let mut all = Vec::new();
    let callers = around(0, &mut all);
    joined(callers, 1, NAMES, 1);
    assert!(callers.needs_a_task(1));
    let since = callers.batches[0].since;
    drop(callers.give_up(since));
    // The second one is reached, asks, and ends because nobody else is there.
    joined(callers, 1, NAMES, 1);
    assert!(callers.needs_a_task(1));
    callers.reached(true);
    assert!(callers.next().is_some());
    callers.reached(false);
    callers.ended();
    // The first one still is not.
    joined(callers, 1, NAMES, 1);
    assert!(callers.needs_a_task(1), "the next one would wait for a task that nobody runs");
    callers.reached(true);
    callers.reached(true);
    assert_eq!((callers.ready, callers.held_up), (0, 0));
}
