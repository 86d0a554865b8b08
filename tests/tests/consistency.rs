//! No read is older than the promises allow, whatever happens to the servers and the network; and the checker notices
//! each rule that is switched off.

use std::time::Duration;

use cache_runtime::mutant::Mutant;
use tests::checker::{Faults, Kind, Load, Plan, Report, run};

const TIME: Duration = Duration::from_secs(4);

fn healthy(plan: &Plan) -> Report {
    let report = run(plan);
    println!("{plan}\n  {report}");
    assert_eq!(report.violations(), 0, "{plan}: {report}\n{:#?}", report.examples());
    assert!(report.is_alive(), "{plan}: {report}");
    report
}

#[test]
fn reads_keep_the_promises_without_faults() {
    healthy(&Plan::new(Kind::Standalone, TIME));
}

#[test]
fn reads_keep_the_promises_without_the_in_process_tier() {
    healthy(&Plan { local: false, ..Plan::new(Kind::Standalone, TIME).faults(Faults::Everything) });
}

#[test]
fn reads_keep_the_promises_while_the_server_and_the_network_fail() {
    healthy(&Plan::new(Kind::Standalone, TIME * 2).faults(Faults::Everything));
    healthy(&Plan::new(Kind::Standalone, TIME).faults(Faults::Everything).load(Load::Sparse));
}
