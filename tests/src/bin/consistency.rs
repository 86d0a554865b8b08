//! `cargo x consistency --seconds N [--seed S] [--servers K] [--plan P]`: the history checker for as long as one likes.
//!
//! Takes the plans in turn, each with the next seed once all had theirs; prints a line for each run, and at the end the
//! sums per kind of server and per fault. Fails when a promise was broken. A run is begun again with what it was printed
//! with: `--plan P --seed S`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tests::checker::{Faults, Kind, Load, Plan, Report, run};

const KINDS: [Kind; 4] = [Kind::Standalone, Kind::Pair, Kind::Sentinel, Kind::Cluster];
/// How long one run takes, without its servers' start and its end.
const RUN: Duration = Duration::from_secs(20);

struct Arguments {
    seconds: u64,
    seed: u64,
    servers: Option<Kind>,
    plan: Option<usize>,
}

impl Arguments {
    fn parse() -> Result<Self, String> {
        let mut parsed = Self { seconds: 300, seed: fastrand::u64(..), servers: None, plan: None };
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        for pair in arguments.chunks(2) {
            let understood = match [pair[0].as_str(), pair.get(1).map_or("", String::as_str)] {
                ["--seconds", value] => value.parse().map(|value| parsed.seconds = value).is_ok(),
                ["--seed", value] => value.parse().map(|value| parsed.seed = value).is_ok(),
                ["--plan", value] => value.parse().map(|value| parsed.plan = Some(value)).is_ok(),
                ["--servers", value] => {
                    parsed.servers = KINDS.into_iter().find(|kind| format!("{kind:?}").eq_ignore_ascii_case(value));
                    parsed.servers.is_some()
                }
                _ => false,
            };
            if !understood {
                return Err(pair.join(" "));
            }
        }
        Ok(parsed)
    }

    fn wants(&self, number: usize, plan: &Plan) -> bool {
        self.plan.is_none_or(|only| only == number) && self.servers.is_none_or(|only| only == plan.kind)
    }
}

/// In an order that has each kind of server early.
fn plans() -> Vec<Plan> {
    use Kind::{Cluster, Pair, Sentinel, Standalone};
    let everything = |kind| Plan::new(kind, RUN).faults(Faults::Everything);
    let sparse = |kind| everything(kind).load(Load::Sparse);
    let quiet = |kind| Plan::new(kind, RUN).faults(Faults::Silence).load(Load::Quiet);
    vec![
        everything(Standalone),
        everything(Sentinel),
        everything(Cluster),
        everything(Pair),
        sparse(Standalone),
        sparse(Cluster),
        sparse(Pair),
        sparse(Sentinel),
        Plan { hasty: true, ..everything(Standalone) },
        Plan { hasty: true, ..sparse(Cluster) },
        Plan { fenced: true, ..sparse(Standalone).faults(Faults::Network) },
        Plan { fenced: true, ..sparse(Cluster).faults(Faults::Network) },
        quiet(Standalone),
        quiet(Cluster),
        quiet(Sentinel),
        quiet(Pair),
        Plan { local: false, ..everything(Standalone) },
        Plan { local: false, ..everything(Sentinel) },
        Plan { local: false, hasty: true, ..everything(Cluster) },
        Plan { local: false, ..everything(Pair) },
        sparse(Standalone).faults(Faults::Eviction),
        everything(Standalone).faults(Faults::Network),
        everything(Cluster).faults(Faults::Network),
    ]
}

fn main() -> ExitCode {
    let arguments = match Arguments::parse() {
        Ok(arguments) => arguments,
        Err(what) => {
            let usage = "usage: cargo x consistency [--seconds N] [--seed S] [--plan P] [--servers K], K one of";
            eprintln!("{what}: {usage} {KINDS:?}");
            return ExitCode::from(2);
        }
    };
    let plans: Vec<_> = (1..).zip(plans()).filter(|(number, plan)| arguments.wants(*number, plan)).collect();
    if plans.is_empty() {
        eprintln!("there is no such plan");
        return ExitCode::from(2);
    }
    println!("seed {}, {} s", arguments.seed, arguments.seconds);
    let began = now();
    let mut done: Vec<(Kind, Report)> = Vec::new();
    for round in 0.. {
        for (number, plan) in &plans {
            if began.elapsed().as_secs() >= arguments.seconds && !done.is_empty() {
                return verdict(&done);
            }
            let plan = Plan { seed: arguments.seed.wrapping_add(round), ..plan.clone() };
            let report = run(&plan);
            println!("plan {number}: {plan}\n  {report}");
            if is_broken(&report) {
                println!("  BROKEN: {:?}\n{}", report.missing(), report.examples().join("\n"));
                println!("  faults: {:?}", report.faults());
            }
            done.push((plan.kind, report));
        }
    }
    unreachable!("the rounds end with the time")
}

#[expect(clippy::disallowed_methods, reason = "how long the whole takes is no part of what is checked")]
fn now() -> Instant {
    Instant::now()
}

fn is_broken(report: &Report) -> bool {
    report.violations() > 0 || !report.missing().is_empty()
}

fn verdict(done: &[(Kind, Report)]) -> ExitCode {
    println!(
        "\n{:<12} {:>5} {:>12} {:>6} {:>7} {:>11} {:>22}",
        "servers", "runs", "reads", "hits", "faults", "violations", "tier behind at worst"
    );
    for kind in KINDS {
        let of_kind: Vec<&Report> = done.iter().filter(|(of, _)| *of == kind).map(|(_, report)| report).collect();
        row(&format!("{kind:?}"), &of_kind);
    }
    row("all", &done.iter().map(|(_, report)| report).collect::<Vec<_>>());
    let mut faults = BTreeMap::<&str, u64>::new();
    done.iter().flat_map(|(_, report)| report.faults()).for_each(|fault| *faults.entry(fault).or_default() += 1);
    println!();
    faults.iter().for_each(|(fault, times)| println!("{times:>5} {fault}"));
    let broken = done.iter().filter(|(_, report)| is_broken(report)).count();
    println!("\n{broken} of {} runs broke a promise", done.len());
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn row(name: &str, reports: &[&Report]) {
    let sum = |of: fn(&Report) -> u64| reports.iter().map(|report| of(report)).sum::<u64>();
    let worst = reports.iter().map(|report| report.worst_local()).max().unwrap_or_default();
    let hits = sum(Report::hits) as f64 / sum(Report::told).max(1) as f64 * 100.0;
    println!(
        "{name:<12} {:>5} {:>12} {hits:>5.0}% {:>7} {:>11} {:>19.1} ms",
        reports.len(),
        sum(Report::reads),
        sum(|report| report.faults().len() as u64),
        sum(Report::violations),
        worst.as_secs_f64() * 1e3
    );
}
