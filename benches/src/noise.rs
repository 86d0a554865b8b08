//! How much of the machine went to others while something was measured: with much of it, the figures mean little.

use std::time::{Duration, Instant};

use tests::RedisServer;

use crate::cpu;

/// More than this share of the processors is worth a warning.
const MUCH: f64 = 0.05;

/// The start of a measurement by this program and the server alone.
pub(crate) struct Noise<'a> {
    server: &'a RedisServer,
    started: Instant,
    machine: Duration,
    known: Duration,
}

impl<'a> Noise<'a> {
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    pub(crate) fn listen(server: &'a RedisServer) -> Self {
        Self { server, started: Instant::now(), machine: machine(), known: known(server) }
    }

    /// Complains if it was too loud.
    pub(crate) fn report(self) {
        let others = (machine() - self.machine).saturating_sub(known(self.server) - self.known);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let share = others.as_secs_f64() / self.started.elapsed().as_secs_f64() / cores as f64;
        if share > MUCH {
            eprintln!(
                "other work took {:.0}% of the processors meanwhile: measure again when it is over",
                share * 100.0
            );
        }
    }
}

/// Processor time of this program and the server.
fn known(server: &RedisServer) -> Duration {
    let info: String = server.query(&["INFO", "cpu"]);
    let seconds = |field: &str| info.lines().find_map(|line| line.strip_prefix(field)?.parse::<f64>().ok());
    let server = ["used_cpu_user:", "used_cpu_sys:"].map(|field| seconds(field).expect("every server counts"));
    cpu::used() + Duration::from_secs_f64(server.into_iter().sum())
}

/// Processor time that is not idle, of all programs, and of other machines on the same processors.
fn machine() -> Duration {
    let text = std::fs::read_to_string("/proc/stat").expect("every Linux has it");
    let fields = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal, in hundredths of a second
    let busy = [0, 1, 2, 5, 6, 7].iter().filter_map(|at| ticks.get(*at)).sum::<u64>();
    Duration::from_millis(busy * 10)
}
