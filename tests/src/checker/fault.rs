//! One thing that happens to servers or to the network, and what several of them need.

use std::time::Duration;

use fastrand::Rng;

use super::system::System;
use crate::RedisServer;

/// Something that happens, and is over when `happen` returns. `None`: there was no occasion for it.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) happen: fn(&mut System, &mut Rng) -> Option<()>,
}

pub(super) fn millis(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}

pub(super) fn kill_clients(server: &RedisServer, kind: &str) {
    // Our own connection is left out by the server.
    server.command(&["CLIENT", "KILL", "TYPE", kind]);
}
