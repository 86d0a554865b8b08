//! What a run is made of.

use std::fmt;
use std::time::Duration;

use cache_runtime::mutant::Mutant;

use super::faults::Faults;
use super::system::Kind;

/// How the rows are read and mutated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// A few rows, all of them hot.
    Dense,
    /// Hundreds of rows, each mutated now and then: no later event hides a stale entry.
    Sparse,
    /// One node mutates, and the others hardly do more than read, not too often: nothing but a lease tells them that they
    /// hear nothing.
    Quiet,
}

/// What a run is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The servers.
    pub kind: Kind,
    /// What happens to them.
    pub faults: Faults,
    /// The readers and mutators.
    pub load: Load,
    /// For how long.
    pub time: Duration,
    /// The lease `H` of every node.
    pub lease: Duration,
    /// Whether nodes keep entries in process.
    pub local: bool,
    /// Whether mutators fence, and some of them die after their commit.
    pub fenced: bool,
    /// Whether the slowest loads outlast their tokens, and the patience of those who wait for them.
    pub hasty: bool,
    /// Whether mutators invalidate before they commit: a mistake that must be noticed.
    pub backwards: bool,
    /// A rule of the protocol that is switched off.
    pub mutant: Option<Mutant>,
    /// Chooses rows, pauses, connections and faults. The schedule of tasks and packets is the machine's.
    pub seed: u64,
}

impl Plan {
    /// Healthy, dense, without faults, in process too. The seed is `CONSISTENCY_SEED`, if that is set: a test that
    /// failed is run again with what it chose.
    ///
    /// # Panics
    ///
    /// When that is no number.
    pub fn new(kind: Kind, time: Duration) -> Self {
        let named = std::env::var("CONSISTENCY_SEED").ok();
        let named = named.map(|seed| seed.parse().expect("`CONSISTENCY_SEED` is a number"));
        Self {
            kind,
            faults: Faults::None,
            load: Load::Dense,
            time,
            lease: Duration::from_millis(400),
            local: true,
            fenced: false,
            hasty: false,
            backwards: false,
            mutant: None,
            seed: named.unwrap_or_else(|| fastrand::u64(..)),
        }
    }

    /// With faults.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// With other readers and mutators.
    #[must_use]
    pub fn load(self, load: Load) -> Self {
        Self { load, ..self }
    }

    /// With a rule switched off.
    #[must_use]
    pub fn mutant(self, mutant: Mutant) -> Self {
        Self { mutant: Some(mutant), ..self }
    }

    /// With no mistake in it: what is noticed of the mistake must not be noticed of this.
    #[must_use]
    pub fn control(&self) -> Self {
        Self { mutant: None, backwards: false, ..self.clone() }
    }

    /// Whether the two differ in luck and length only.
    pub fn is_like(&self, other: &Self) -> bool {
        *self == Self { seed: self.seed, time: self.time, ..other.clone() }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, faults, load, local, fenced, hasty, backwards, mutant, seed, .. } = self;
        write!(f, "{kind:?}, {faults:?}, {load:?}")?;
        let said = [
            (!local, "no tier"),
            (*fenced, "fenced"),
            (*hasty, "hasty"),
            (*backwards, "invalidates before the commit"),
        ];
        said.iter().filter(|(is, _)| *is).try_for_each(|(_, what)| write!(f, ", {what}"))?;
        if let Some(mutant) = mutant {
            write!(f, ", without {mutant:?}")?;
        }
        write!(f, ", seed {seed}")
    }
}
