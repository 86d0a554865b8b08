//! How often a hit allocates, beside what its value has allocated: counted by a program of its own, since counting costs the others something.

use std::process::Command;

use super::Bench;
use crate::table::Row;

pub(super) fn rows(_: &Bench) -> Vec<Row> {
    let program = std::env::current_exe().expect("a program has a path").with_file_name("allocations");
    let output = Command::new(&program).output().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("names and numbers");
    let counted: Vec<(&str, f64)> = text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, count)| (name, count.parse().expect("a number")))
        .collect();
    // To a tenth: queues allocate room for many requests at once.
    let of = |name: &str| {
        let (_, count) = counted.iter().find(|(known, _)| *known == name).expect("it counts all");
        (count * 10.0).round() / 10.0
    };
    let row = |name: &str, path: &str, most: f64| Row::alone(&format!("{name}: allocations"), "", vec![of(path)], most);
    let hand = of("by hand");
    vec![
        row("in-process hit (over Redis)", "ours, in process over Redis", 0.0),
        row("in-process hit (only), 2 tags", "ours, in process only, 2 tags", 0.0),
        row(&format!("Redis hit, no tag ({hand} by hand, its key included)"), "ours, no tag", 9.0),
        row(&format!("Redis hit, 2 tags ({hand} by hand, its key included)"), "ours, 2 tags", 9.0),
    ]
}
