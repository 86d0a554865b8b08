//! No read is older than the promises allow, whatever happens to the servers and the network; and the checker notices
//! each rule that is switched off.

use std::time::Duration;

use cache_runtime::mutant::Mutant;
use tests::checker::{Faults, Kind, Load, Plan, Report, run};

const TIME: Duration = Duration::from_secs(4);

fn healthy(plan: &Plan) -> Report {
    let report = run(plan);
    println!("{plan}\n  {report}");
    assert_eq!(report.violations(), 0, "{plan}: {report}\n{:#?}\n{:?}", report.examples(), report.faults());
    assert!(report.is_alive(), "{plan}: {report}");
    report
}

#[test]
fn reads_keep_the_promises_on_one_server() {
    healthy(&Plan::new(Kind::Standalone, TIME));
    healthy(&Plan { local: false, ..Plan::new(Kind::Standalone, TIME).faults(Faults::Everything) });
    healthy(&Plan::new(Kind::Standalone, TIME * 2).faults(Faults::Everything));
    healthy(&Plan::new(Kind::Standalone, TIME).faults(Faults::Everything).load(Load::Sparse));
    healthy(&Plan::new(Kind::Standalone, TIME).faults(Faults::Silence).load(Load::Quiet));
    healthy(&Plan::new(Kind::Standalone, TIME).faults(Faults::Eviction));
    healthy(&Plan { fenced: true, ..Plan::new(Kind::Standalone, TIME * 2).faults(Faults::Network).load(Load::Sparse) });
}

#[test]
fn reads_keep_the_promises_through_failovers_that_lose_writes() {
    healthy(&Plan::new(Kind::Pair, TIME * 2).faults(Faults::Everything));
}

#[test]
fn reads_keep_the_promises_through_failovers_by_sentinels() {
    healthy(&Plan::new(Kind::Sentinel, TIME * 2).faults(Faults::Everything));
}

#[test]
fn reads_keep_the_promises_in_a_cluster() {
    healthy(&Plan::new(Kind::Cluster, TIME));
    healthy(&Plan::new(Kind::Cluster, TIME * 3).faults(Faults::Everything));
}

/// The random runs that notice a rule which is switched off. The other rules are in `replays.rs`.
#[test]
fn the_checker_notices_each_rule_that_is_switched_off() {
    let plan = |mutant| Plan::new(Kind::Standalone, TIME * 2).mutant(mutant);
    let bare = |mutant| Plan { local: false, ..plan(mutant) };
    let plans = [
        bare(Mutant::StampsAfterLoad),
        bare(Mutant::PlainSet),
        bare(Mutant::NaiveJoin),
        plan(Mutant::GenerationsAfterReply),
        plan(Mutant::OwnBumpBeforeOnly).faults(Faults::LateMessages),
        plan(Mutant::NoOwnBump),
        plan(Mutant::NoPublish).load(Load::Sparse),
        plan(Mutant::NoLease).faults(Faults::Deaf).load(Load::Sparse),
        plan(Mutant::LeaseFromReceipt).faults(Faults::LateThenDeaf).load(Load::Sparse),
        plan(Mutant::NoEpochOnGap).faults(Faults::Subscribers).load(Load::Sparse),
        Plan { fenced: true, ..plan(Mutant::NoFence).load(Load::Sparse) },
        Plan { backwards: true, mutant: None, ..plan(Mutant::PlainSet) },
    ];
    let mut unnoticed = Vec::new();
    for plan in plans {
        let mut noticed = false;
        for attempt in 0..6 {
            let plan = Plan { seed: plan.seed.wrapping_add(attempt), ..plan.clone() };
            let report = run(&plan);
            println!("{plan}\n  {report}");
            if report.violations() > 0 {
                noticed = true;
                break;
            }
        }
        if !noticed {
            unnoticed.push(plan.to_string());
        }
    }
    assert!(unnoticed.is_empty(), "not noticed: {unnoticed:#?}");
}
