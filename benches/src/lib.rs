//! `cargo x bench`: measurements.
//!
//! | command | question |
//! |---|---|
//! | `cargo x bench` | how each path compares with what it is measured against: one table; a part of it by name: [`redis`](goals), `in-process`, .. |
//! | `cargo x bench lag` | when other processes stop serving what one has invalidated: `bin/lag.rs` |
//! | `cargo x bench tags` | what an invalidation costs, by the number of entries that carry the tag, and what it leaves behind: `bin/tags.rs` |
//! | `cargo x bench memory` | how much the in-process tier has allocated: `bin/memory.rs` |
//!
//! The peers are in a package of their own, `benches/peers`, which is no member of the workspace: their dependencies are
//! built by who measures, and by nobody else. It calls [`main`] with its paths.

pub mod allocations;
pub mod by_hand;
mod cpu;
mod goals;
pub mod ours;
pub mod path;
pub mod spread;
pub mod table;
pub mod value;

use std::process::ExitCode;

use tests::RedisServer;

use goals::{Bench, GROUPS};
use path::Path;

/// Threads of the runtime, as of a small service: with the server, they are more than two cores can run at once.
pub const WORKERS: usize = 2;

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
    let known = names.iter().all(|name| GROUPS.contains(&name.as_str()));
    if !known || options.iter().any(|option| !["--quick"].contains(&option.as_str())) {
        eprintln!("usage: cargo x bench [{} | lag | tags | memory] [--quick]", GROUPS.join(" | "));
        return ExitCode::from(2);
    }
    let quick = options.iter().any(|option| option == "--quick");
    let groups = GROUPS.into_iter().filter(|group| names.is_empty() || names.iter().any(|name| name == group));
    block_on(async {
        let server = RedisServer::start();
        ours::connect(&server.url());
        by_hand::connect(&server.url()).await;
        let bench = Bench { quick, peers: peers(server.url()).await, server };
        let mut rows = Vec::new();
        for group in groups {
            eprintln!("measuring: {group}");
            rows.extend(goals::rows(&bench, group).await);
        }
        println!("{}", table::table(&rows));
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
