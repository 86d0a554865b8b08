//! No read is older than the promises allow, whatever happens to the servers and the network; and the checker notices
//! each rule that is switched off.
//!
//! A test that failed prints its plan with a seed; with `CONSISTENCY_SEED` all plans have it.

use std::time::Duration;

use cache_runtime::mutant::Mutant;
use tests::checker::{Faults, Kind, Load, Plan, Violation, run};

const TIME: Duration = Duration::from_secs(4);
/// How many runs a plan may take to show enough.
const RUNS: u64 = 3;
/// How often a mistake that luck has hidden is looked for again.
const ATTEMPTS: u64 = 10;

fn plan(kind: Kind) -> Plan {
    Plan::new(kind, TIME)
}

/// No run breaks a promise, and one of a few shows enough: chance may make nearly all of its time an outage.
fn healthy(plans: &[Plan]) {
    for plan in plans {
        let shows_too_little = |attempt| {
            let plan = Plan { seed: plan.seed.wrapping_add(attempt), ..plan.clone() };
            let report = run(&plan);
            println!("{plan}\n  {report}");
            let (faults, examples) = (report.faults(), report.examples().join("\n"));
            assert_eq!(report.violations(), 0, "{plan}: {report}\n{faults:?}\n{examples}");
            let missing = report.missing();
            if !missing.is_empty() {
                println!("{missing:?}");
            }
            !missing.is_empty()
        };
        assert!(!(0..RUNS).all(shows_too_little), "{plan}: {RUNS} runs show too little");
    }
}

fn on_one_server() -> Vec<Plan> {
    let one = || plan(Kind::Standalone);
    vec![
        one(),
        Plan { local: false, ..one().faults(Faults::Everything) },
        Plan { time: TIME * 2, ..one().faults(Faults::Everything) },
        Plan { hasty: true, ..one().faults(Faults::Everything).load(Load::Sparse) },
        one().faults(Faults::Silence).load(Load::Quiet),
        one().faults(Faults::Eviction),
        Plan { fenced: true, time: TIME * 2, ..one().faults(Faults::Network).load(Load::Sparse) },
    ]
}

fn on_several() -> Vec<Plan> {
    let everything = |kind, times| Plan { time: TIME * times, ..plan(kind).faults(Faults::Everything) };
    vec![everything(Kind::Pair, 2), everything(Kind::Sentinel, 2), plan(Kind::Cluster), everything(Kind::Cluster, 3)]
}

/// Plans with a mistake that a random run notices, and the promises that it breaks. The other mistakes are in
/// `replays.rs`, `unheard.rs` and `late.rs`.
fn mistaken() -> Vec<(Plan, &'static [Violation])> {
    use Violation::{Late, OwnStale, Stale};
    let without = |mutant| Plan { time: TIME * 2, ..plan(Kind::Standalone).mutant(mutant) };
    let bare = |mutant| Plan { local: false, ..without(mutant) };
    let quiet = |plan: Plan| plan.faults(Faults::Silence).load(Load::Quiet);
    vec![
        (bare(Mutant::StampsAfterLoad), &[Stale, OwnStale]),
        (bare(Mutant::PlainSet), &[Stale, OwnStale]),
        (bare(Mutant::PlainFills), &[Stale, OwnStale]),
        (bare(Mutant::NaiveJoin), &[Stale, OwnStale]),
        (without(Mutant::GenerationsAfterReply), &[OwnStale, Late]),
        (without(Mutant::OwnBumpBeforeOnly).faults(Faults::LateMessages), &[OwnStale]),
        (without(Mutant::NoOwnBump), &[OwnStale]),
        (without(Mutant::NoPublish).load(Load::Sparse), &[Late]),
        (without(Mutant::NoLease).faults(Faults::Deaf).load(Load::Sparse), &[Late]),
        (quiet(without(Mutant::NoLease)), &[Late]),
        (Plan { kind: Kind::Cluster, ..quiet(without(Mutant::NoLease)) }, &[Late]),
        (without(Mutant::LeaseFromReceipt).faults(Faults::LateThenDeaf).load(Load::Sparse), &[Late]),
        (without(Mutant::NoEpochOnGap).faults(Faults::Subscribers).load(Load::Sparse), &[Late]),
        (Plan { fenced: true, ..without(Mutant::NoFence).load(Load::Sparse) }, &[Stale, Late]),
        (Plan { backwards: true, mutant: None, ..without(Mutant::PlainSet) }, &[Stale, OwnStale, Late]),
    ]
}

#[test]
fn reads_keep_the_promises_on_one_server() {
    healthy(&on_one_server());
}

#[test]
fn reads_keep_the_promises_on_several() {
    healthy(&on_several());
}

/// What is noticed of a mistake is not noticed without it.
#[test]
fn reads_keep_the_promises_where_mistakes_are_noticed() {
    let mut controls = [on_one_server(), on_several()].concat();
    let elsewhere = controls.len();
    for (plan, _) in mistaken() {
        let control = Plan { time: TIME, ..plan.control() };
        if !controls.iter().any(|known| known.is_like(&control)) {
            controls.push(control);
        }
    }
    healthy(&controls[elsewhere..]);
}

#[test]
fn the_checker_notices_each_rule_that_is_switched_off() {
    let mut unnoticed = Vec::new();
    for (plan, promises) in mistaken() {
        let noticed = (0..ATTEMPTS).any(|attempt| {
            let plan = Plan { seed: plan.seed.wrapping_add(attempt), ..plan.clone() };
            let report = run(&plan);
            println!("{plan}\n  {report}");
            promises.iter().any(|promise| report.broken(*promise) > 0)
        });
        if !noticed {
            unnoticed.push(format!("{plan}: {promises:?}"));
        }
    }
    assert!(unnoticed.is_empty(), "not noticed: {unnoticed:#?}");
}
