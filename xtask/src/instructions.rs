//! How many instructions a hit in process takes, held against `benches/instructions.txt`. Time depends on the machine and
//! on what else it does; this nearly does not.

use std::fmt::Write as _;
use std::path::Path;

use crate::tools::{complaints, valgrind};

/// What is counted, as `benches/src/bin/instructions.rs` calls it.
const PATHS: [&str; 2] = ["no-tag", "two-tags"];
/// The difference of these runs is what their hits have taken, without the start of the program.
const CALLS: [u64; 2] = [20_000, 60_000];
/// Each process hashes by another seed; the middle one of so many is taken.
const RUNS: usize = 3;
/// How much more than recorded is too much. Runs of the same program differ by less than one percent.
const TOLERANCE: f64 = 0.03;

/// Counts, and compares with what is recorded, or records.
///
/// # Errors
///
/// Without valgrind, and when a hit takes more instructions than recorded.
pub(crate) fn check(root: &Path, program: &Path, record: bool) -> Result<(), String> {
    let file = root.join("benches/instructions.txt");
    let valgrind = valgrind()?;
    let mut counted = String::new();
    let recorded = std::fs::read_to_string(&file).unwrap_or_default();
    let mut problems = Vec::new();
    for path in PATHS {
        let mut runs = (0..RUNS).map(|_| per_hit(&valgrind, program, path)).collect::<Result<Vec<u64>, _>>()?;
        runs.sort_unstable();
        let now = runs[RUNS / 2];
        let _ = writeln!(counted, "{path} {now}");
        let before = recorded.lines().find_map(|line| line.strip_prefix(path)?.trim().parse::<u64>().ok());
        println!("{path}: {now} instructions for a hit in process, {} recorded", before.unwrap_or_default());
        if now as f64 > before.unwrap_or_default() as f64 * (1.0 + TOLERANCE) {
            problems.push(path);
        }
    }
    if record {
        return std::fs::write(&file, counted).map_err(|error| format!("{}: {error}", file.display()));
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!(
        "a hit in process ({}) takes over {:.0}% more instructions than benches/instructions.txt says. If that is meant: \
         `cargo x instructions --record`",
        problems.join(", "),
        TOLERANCE * 100.0
    ))
}

fn per_hit(valgrind: &Path, program: &Path, path: &str) -> Result<u64, String> {
    let program = program.to_str().ok_or_else(|| format!("{} is not Unicode", program.display()))?;
    let [few, many] = CALLS.map(|calls| {
        let calls = calls.to_string();
        let tool = ["--tool=callgrind", "--callgrind-out-file=/dev/null", program, path, &calls];
        let text = complaints(valgrind, &tool)?;
        let count = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<u64>().ok());
        count.ok_or_else(|| format!("valgrind counted nothing:\n{text}"))
    });
    Ok((many? - few?) / (CALLS[1] - CALLS[0]))
}
