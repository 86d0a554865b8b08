//! On which cores this program and the server run. Many callers keep all cores busy anyway. A lone one waits for each
//! answer, and what he waits for is mostly that the other side wakes up: ten times as long on another core, by the luck of
//! the moment where the system chooses.

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tests::RedisServer;

/// A program and a server that keep to their cores until this is dropped.
pub(crate) struct Placement<'a> {
    server: &'a RedisServer,
    cores: usize,
}

impl<'a> Placement<'a> {
    /// Both on the first core: what is left is the work that they do.
    pub(crate) fn together(server: &'a RedisServer) -> Self {
        Self::on(server, [0], [0])
    }

    /// On the first and the second core: each wakes the other, as over a network.
    pub(crate) fn apart(server: &'a RedisServer) -> Self {
        Self::on(server, [0], [1])
    }

    fn on(server: &'a RedisServer, ours: [usize; 1], theirs: [usize; 1]) -> Self {
        // Later it would be told of one core.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        keep("self", ours);
        keep(&process(server), theirs);
        Self { server, cores }
    }
}

impl Drop for Placement<'_> {
    fn drop(&mut self) {
        keep("self", 0..self.cores);
        keep(&process(self.server), 0..self.cores);
    }
}

fn process(server: &RedisServer) -> String {
    let info: String = server.query(&["INFO", "server"]);
    info.lines().find_map(|line| line.strip_prefix("process_id:")).expect("every server has one").to_owned()
}

/// All threads of this process, as `/proc` calls it.
fn keep(process: &str, cores: impl IntoIterator<Item = usize>) {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(core).expect("a core has a small number");
    }
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    for thread in threads.flatten() {
        let id = thread.file_name().to_string_lossy().parse().expect("threads have numbers");
        // One that has ended meanwhile runs nowhere.
        let _ = sched_setaffinity(Pid::from_raw(id), &set);
    }
}
