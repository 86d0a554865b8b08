//! The breaker: whoever opens it starts the one probe, and nothing but that probe closes it.

use std::sync::Arc;

use shuttle::thread;

use super::{every, explore};
use crate::breaker::{Breaker, Severity};
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What one thread does to a breaker, and whether it was told to start the probe.
type Part = fn(&Breaker) -> bool;

fn fatal(breaker: &Breaker) -> bool {
    breaker.failure(Severity::Fatal)
}

fn minor(breaker: &Breaker) -> bool {
    breaker.failure(Severity::Minor)
}

fn success(breaker: &Breaker) -> bool {
    breaker.success();
    false
}

/// A failure together with the probe that it may have to start.
fn fatal_with_probe(breaker: &Breaker) -> bool {
    let opened = fatal(breaker);
    if opened {
        assert!(breaker.is_open(), "it was closed by somebody who did not open it");
        breaker.close();
    }
    opened
}

/// Runs each part in a thread of its own; returns the breaker, and how many were told to start the probe.
fn run(threshold: u32, parts: &[Part]) -> (Arc<Breaker>, usize) {
    let opened = Arc::new(AtomicU64::new(0));
    let breaker = Arc::new(Breaker::new(threshold, Arc::clone(&opened)));
    let start = |part: &Part| {
        let (part, breaker) = (*part, Arc::clone(&breaker));
        thread::spawn(move || part(&breaker))
    };
    let threads: Vec<_> = parts.iter().map(start).collect();
    let told: Vec<bool> = threads.into_iter().map(|thread| thread.join().expect("no part panics")).collect();
    let probes = told.into_iter().filter(|told| *told).count();
    assert_eq!(opened.load(Relaxed), probes as u64);
    (breaker, probes)
}

#[test]
fn two_fatal_failures_start_one_probe() {
    every(|| {
        let (breaker, probes) = run(3, &[fatal, fatal]);
        assert!(breaker.is_open());
        assert_eq!(probes, 1);
    });
}

#[test]
fn many_failures_of_both_kinds_start_one_probe() {
    explore(|| {
        let (breaker, probes) = run(3, &[fatal, minor, minor, fatal, minor]);
        assert!(breaker.is_open());
        assert_eq!(probes, 1);
    });
}

#[test]
fn as_many_minor_failures_as_the_threshold_start_one_probe() {
    explore(|| {
        let (breaker, probes) = run(3, &[minor, minor, minor, minor, minor]);
        assert!(breaker.is_open());
        assert_eq!(probes, 1);
    });
}

#[test]
fn fewer_minor_failures_than_the_threshold_never_open_it() {
    explore(|| {
        let (breaker, probes) = run(3, &[minor, success, minor]);
        assert!(!breaker.is_open());
        assert_eq!(probes, 0);
    });
}

#[test]
fn a_success_among_minor_failures_leaves_it_open_or_closed_and_nothing_between() {
    explore(|| {
        let (breaker, probes) = run(2, &[minor, success, minor, success]);
        assert_eq!(usize::from(breaker.is_open()), probes);
    });
}

#[test]
fn a_success_does_not_close_it() {
    every(|| {
        let (breaker, probes) = run(3, &[fatal, success]);
        assert!(breaker.is_open());
        assert_eq!(probes, 1);
    });
}

#[test]
fn it_is_closed_once_the_probes_have_ended() {
    explore(|| {
        let (breaker, probes) = run(3, &[fatal_with_probe, fatal_with_probe, success, fatal_with_probe]);
        assert!(!breaker.is_open(), "it stays open with nobody to close it");
        assert!(probes >= 1);
    });
}

#[test]
fn a_failure_while_the_probe_closes_it_opens_it_for_a_new_probe_or_not_at_all() {
    every(|| {
        let opened = Arc::new(AtomicU64::new(0));
        let breaker = Arc::new(Breaker::new(3, Arc::clone(&opened)));
        assert!(fatal(&breaker));
        let failing = thread::spawn({
            let breaker = Arc::clone(&breaker);
            move || fatal(&breaker)
        });
        breaker.close();
        let told = failing.join().expect("a failure does not panic");
        assert_eq!(breaker.is_open(), told, "open means that a probe is to come");
        assert_eq!(opened.load(Relaxed), 1 + u64::from(told));
    });
}
