//! What is kept of a run, in `docs/performance/`: all figures, and what they were made with.

use std::path::PathBuf;
use std::process::Command;

use serde::Serialize;

use crate::chart::Chart;
use crate::goals::Bench;
use crate::table::Row;

/// Whose versions count.
const CRATES: [&str; 12] = [
    "bincode",
    "cache-runtime",
    "cached",
    "deadpool-redis",
    "foyer",
    "fred",
    "hitbox",
    "hitbox-redis",
    "moka",
    "multi-tier-cache",
    "quick_cache",
    "redis",
];

/// A run: when, with what, and what it found.
#[derive(Serialize)]
struct Saved<'a, T> {
    date: String,
    cores: usize,
    workers: usize,
    quick: bool,
    redis_server: String,
    rustc: String,
    crates: Vec<String>,
    #[serde(flatten)]
    found: &'a T,
}

#[derive(Serialize)]
struct Rows<'a> {
    rows: &'a [Row],
}

pub(crate) fn rows(bench: &Bench, name: &str, rows: &[Row]) {
    save(bench, name, &Rows { rows });
}

pub(crate) fn chart(bench: &Bench, chart: &Chart) {
    save(bench, &chart.name, chart);
    write(&format!("{}.svg", chart.name), &chart.svg());
}

fn save<T: Serialize>(bench: &Bench, name: &str, found: &T) {
    let info: String = bench.server.query(&["INFO", "server"]);
    let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).expect("every server has one");
    let saved = Saved {
        date: says("date", &["-u", "+%F"]),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        workers: crate::WORKERS,
        quick: bench.quick,
        redis_server: version.to_owned(),
        rustc: says("rustc", &["--version"]),
        crates: versions(bench.peers.lock),
        found,
    };
    let text = serde_json::to_string_pretty(&saved).expect("plain data");
    write(&format!("{name}.json"), &(text + "\n"));
}

fn write(name: &str, text: &str) {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "docs", "performance"].iter().collect();
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    std::fs::write(folder.join(name), text).expect("a file can be written");
}

fn says(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// `name version` of each of [`CRATES`] in a `Cargo.lock`; more than one of those that are there more than once.
fn versions(lock: &str) -> Vec<String> {
    let packages = lock.split("[[package]]").skip(1).filter_map(|package| {
        let field = |name: &str| {
            package.lines().find_map(|line| Some(line.strip_prefix(name)?.trim_matches([' ', '=', '"']).to_owned()))
        };
        Some((field("name")?, field("version")?))
    });
    packages
        .filter(|(name, _)| CRATES.contains(&name.as_str()))
        .map(|(name, version)| format!("{name} {version}"))
        .collect()
}
