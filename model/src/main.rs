//! `cargo run -p model --release -- [--deep]`: searches the worlds, and prints a table.

use std::process::ExitCode;

use model::scenario::{DEEP, QUICK, exposes};
use model::{Mutant, check, shortest};

const THREADS: usize = 2;

#[expect(clippy::disallowed_methods, reason = "how long a search took is part of the table")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

fn main() -> ExitCode {
    let deep = std::env::args().any(|argument| argument == "--deep");
    let mut sound = true;
    println!("{:<50} {:>10} {:>5} {:>7}  verdict", "world", "states", "depth", "seconds");
    for scenario in QUICK.iter().chain(if deep { &DEEP[..] } else { &[] }) {
        let begun = now();
        let verdict = check(scenario.config, THREADS);
        let seconds = begun.elapsed().as_secs_f32();
        let holds = verdict.violation.is_none() && verdict.impossible.is_empty();
        let said = if holds { "holds".to_owned() } else { format!("{:?} {:?}", verdict.violation, verdict.impossible) };
        println!("{:<50} {:>10} {:>5} {seconds:>7.1}  {said}", scenario.name, verdict.states, verdict.depth);
        sound &= holds;
    }
    for mutant in Mutant::ALL {
        let (scenario, _) = exposes(mutant);
        let begun = now();
        let verdict = shortest(scenario.config.with(mutant));
        let seconds = begun.elapsed().as_secs_f32();
        let said = match &verdict.violation {
            Some((property, steps)) => format!("{} after {} steps", &property[..2], steps.len()),
            None => "NOT CAUGHT".to_owned(),
        };
        println!("{:<50} {:>10} {:>5} {seconds:>7.1}  {said}", format!("{mutant:?}"), verdict.states, verdict.depth);
        sound &= verdict.violation.is_some();
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
