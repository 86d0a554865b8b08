//! `cargo x bench`: measurements.
//!
//! | command | question |
//! |---|---|
//! | `cargo x bench` | how each path compares with what it is measured against: one table; a part of it by name: `redis`, `in-process`, `allocations`, `miss`, `breaker`, `mixed`, `overhead`, `build`, `footprint`; each is a file in `goals/` |
//! | `cargo x bench callers`, `latencies`, `sizes`, `tags-per-entry`, `lanes`, `keys` | how throughput and latency grow; each is a file in `growth/` |
//! | `cargo x bench lag` | when other processes stop serving what one has invalidated: `bin/lag.rs` |
//! | `cargo x bench tags` | what an invalidation costs, by the number of entries that carry the tag, and what it leaves behind: `bin/tags.rs` |
//! | `cargo x bench memory` | how much the in-process tier has allocated: `bin/memory.rs` |
//!
//! `--quick` measures for a shorter time. `--save` keeps the figures in `docs/performance/`, and draws what grows.
//!
//! The peers are in a package of their own, `benches/peers`, which is no member of the workspace: their dependencies are
//! built by who measures, and by nobody else. It calls [`main`] with its paths.

pub mod allocations;
pub mod by_hand;
pub mod chart;
mod cpu;
mod goals;
mod growth;
mod noise;
pub mod ours;
pub mod path;
mod placement;
mod save;
pub mod spread;
pub mod table;
pub mod value;

use std::process::ExitCode;
use std::time::Duration;

use tests::RedisServer;

use goals::{Bench, ELSEWHERE, GROUPS};
use growth::QUESTIONS;
use noise::Noise;
use path::Path;

/// Threads of the runtime, as of a small service: with the server, they are more than two cores can run at once.
pub const WORKERS: usize = 2;

/// How long a client waits for an answer, where that can be set: what is late on a busy machine is slow, and not lost.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What others make of the same task.
pub struct Peers {
    /// Hits that ask the server.
    pub redis: Vec<Path>,
    /// Hits that ask nobody.
    pub in_process: Vec<Path>,
    /// The `Cargo.lock` that they are built with.
    pub lock: &'static str,
}

/// Measures what the command line names, beside the peers that are made for the server of this URL.
pub fn main(peers: impl AsyncFnOnce(String) -> Peers) -> ExitCode {
    let (options, names): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let has = |option: &str| options.iter().any(|given| given == option);
    let (quick, keep) = (has("--quick"), has("--save"));
    let known = |name: &String| GROUPS.contains(&name.as_str()) || QUESTIONS.contains(&name.as_str());
    if !names.iter().all(known) || options.len() != usize::from(quick) + usize::from(keep) {
        let all = [&GROUPS[..], &QUESTIONS[..], &["lag", "tags", "memory"]].concat();
        eprintln!("usage: cargo x bench [--quick] [--save] [{}]", all.join(" | "));
        return ExitCode::from(2);
    }
    let named = |name: &&str| names.iter().any(|given| given == name);
    block_on(async {
        let server = RedisServer::start();
        ours::connect(&server.url());
        by_hand::connect(&server.url()).await;
        let bench = Bench { quick, peers: peers(server.url()).await, server };
        let mut rows = Vec::new();
        for group in GROUPS.into_iter().filter(|group| names.is_empty() || named(group)) {
            eprintln!("measuring: {group}");
            let noise = (!ELSEWHERE.contains(&group)).then(|| Noise::listen(&bench.server));
            let found = goals::rows(&bench, group).await;
            if let Some(noise) = noise {
                noise.report();
            }
            if keep {
                save::rows(&bench, group, &found);
            }
            rows.extend(found);
        }
        if !rows.is_empty() {
            println!("{}", table::table(&rows));
        }
        for question in QUESTIONS.into_iter().filter(|question| named(question) || keep && names.is_empty()) {
            eprintln!("measuring: {question}");
            let noise = Noise::listen(&bench.server);
            let chart = growth::chart(&bench, question).await;
            noise.report();
            if keep {
                save::chart(&bench, &chart);
            }
            println!("{}", chart.text());
        }
    });
    ExitCode::SUCCESS
}

/// Runs it as a service would.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .expect("threads can be made");
    runtime.block_on(work)
}
