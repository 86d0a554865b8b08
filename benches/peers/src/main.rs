//! Everything that `cargo x bench` measures, the peers included.

mod in_process;
mod over_redis;

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::main(async |url| benches::Peers {
        redis: over_redis::paths(&url).await,
        in_process: in_process::paths(&url),
        lock: include_str!("../Cargo.lock"),
    })
}
