//! What came of a run.

use std::fmt;
use std::time::Duration;

use super::faults::Faults;
use super::plan::Plan;
use super::spec::Violation;
use super::tally::{Count, Peak, Sums};

/// How many mutations are acknowledged in a second at least, whatever happens: a tenth of what a slow machine does.
const ACKNOWLEDGED: u64 = 4;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) plan: Plan,
    pub(super) sums: Sums,
    pub(super) fills: u64,
    pub(super) faults: Vec<&'static str>,
    pub(super) violations: [u64; 7],
    pub(super) examples: Vec<String>,
}

impl Report {
    /// How many reads there were.
    pub fn reads(&self) -> u64 {
        self.sums.reads()
    }

    /// How many of them told where their answers came from.
    pub fn told(&self) -> u64 {
        self.reads() - self.sums.of(Count::Untold)
    }

    /// How many of them were answered from the in-process tier or the server.
    pub fn hits(&self) -> u64 {
        self.sums.of(Count::Local) + self.sums.of(Count::Redis)
    }

    /// The faults, in their order.
    pub fn faults(&self) -> &[&'static str] {
        &self.faults
    }

    /// How far the in-process tier was behind at worst.
    pub fn worst_local(&self) -> Duration {
        self.sums.highest(Peak::Lag)
    }

    /// How often a promise was broken.
    pub fn violations(&self) -> u64 {
        self.violations.iter().sum()
    }

    /// How often this one was.
    pub fn broken(&self, promise: Violation) -> u64 {
        self.violations[promise as usize]
    }

    /// The first few times in words, with what happened to the row before.
    pub fn examples(&self) -> &[String] {
        &self.examples
    }

    /// P6, of the run as a whole: what is missing for it to have shown anything.
    pub fn missing(&self) -> Vec<&'static str> {
        let Self { plan, sums, fills, faults, .. } = self;
        let told = self.told();
        let missing = [
            (*fills == 0, "nothing was stored"),
            (self.hits() * 10 <= told, "not one read in ten was a hit"),
            // Where messages are late and then none come, leases last for moments.
            (plan.local && sums.of(Count::Local) * 100 <= told, "not one read in a hundred was answered in process"),
            (plan.faults != Faults::None && faults.is_empty(), "there was no fault"),
            (plan.fenced && sums.of(Count::Died) == 0, "nobody died under a fence"),
            (sums.of(Count::Acknowledged) <= ACKNOWLEDGED * plan.time.as_secs(), "hardly anything was acknowledged"),
        ];
        missing.into_iter().filter(|(is, _)| *is).map(|(_, what)| what).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |what| self.sums.of(what);
        let millis = |what| self.sums.highest(what).as_secs_f64() * 1e3;
        let hits = self.hits() as f64 / self.told().max(1) as f64 * 100.0;
        write!(
            f,
            "{} reads ({} local, {} redis, {} joined, {} loaded, {} untold: {hits:.0}% hits of the others), \
             {} mutations acknowledged, {} not, {} died fenced; {} faults; ",
            self.reads(),
            of(Count::Local),
            of(Count::Redis),
            of(Count::Joined),
            of(Count::Loaded),
            of(Count::Untold),
            of(Count::Acknowledged),
            of(Count::Unknown),
            of(Count::Died),
            self.faults.len(),
        )?;
        for promise in Violation::ALL {
            write!(f, "{promise:?} {}, ", self.broken(promise))?;
        }
        write!(
            f,
            "tier behind at worst {:.1} ms, longest read {:.0} ms, longest invalidation {:.0} ms",
            millis(Peak::Lag),
            millis(Peak::Read),
            millis(Peak::Invalidation)
        )
    }
}
