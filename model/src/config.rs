//! What takes part in a model, and what may go wrong in it.

use crate::Mutant;

/// The most readers that a model has room for.
pub const READERS: usize = 3;
/// The most writers that a model has room for.
pub const WRITERS: usize = 2;
/// The most nodes (processes) that a model has room for.
pub const NODES: usize = 2;

/// What a mutation invalidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The entry's only tag.
    Tag,
    /// The key of the entry, which has no tags.
    Key,
}

/// A bounded world. Everything in it may happen at any time, in any order, or not at all.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The rule that is switched off.
    pub mutant: Option<Mutant>,
    /// What mutations invalidate.
    pub target: Target,
    /// Entry and tag lie on different servers: their commands reach them in either order.
    pub spread: bool,
    /// Every node with readers has an in-process tier and a subscription.
    pub tier: bool,
    /// Begins with a valid value on the server, and in every tier.
    pub warm: bool,
    /// The node of each reader, and how often it reads.
    pub readers: &'static [(u8, u8)],
    /// The node of each writer. A writer mutates once.
    pub writers: &'static [u8],
    /// How many evictions there may be, of the entry and of the tag together.
    pub evictions: u8,
    /// How many subscriptions may break, with the loss of whatever was on its way.
    pub breaks: u8,
    /// How many ENSUREs may be sent again over a new connection while the first copy is still under way.
    pub retries: u8,
    /// The server may be succeeded by one that lost its last writes, while connections stay with the deposed one.
    pub failover: bool,
}

/// The protocol in a bounded world.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// That world.
    pub config: Config,
}

impl Config {
    /// One node without tier, two readers, one mutation of the tag, and nothing that goes wrong.
    pub const PLAIN: Self = Self {
        mutant: None,
        target: Target::Tag,
        spread: false,
        tier: false,
        warm: false,
        readers: &[(0, 1), (0, 1)],
        writers: &[0],
        evictions: 0,
        breaks: 0,
        retries: 0,
        failover: false,
    };

    /// The same world with one rule switched off.
    #[must_use]
    pub fn with(mut self, mutant: Mutant) -> Self {
        self.mutant = Some(mutant);
        self
    }

    pub(crate) fn breaks_rule(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// How many nodes take part.
    pub(crate) fn nodes(&self) -> usize {
        let readers = self.readers.iter().map(|(node, _)| *node);
        readers.chain(self.writers.iter().copied()).max().map_or(0, |node| usize::from(node) + 1)
    }

    /// Whether a node has a tier. One on which nobody reads goes without.
    pub(crate) fn has_tier(&self, n: usize) -> bool {
        self.tier && self.reads_on(n).next().is_some()
    }

    /// The readers of a node.
    pub(crate) fn reads_on(&self, n: usize) -> impl Iterator<Item = usize> {
        let readers = self.readers.iter().enumerate();
        readers.filter(move |(_, (node, _))| usize::from(*node) == n).map(|(index, _)| index)
    }

    pub(crate) fn tagged(&self) -> bool {
        self.target == Target::Tag
    }
}
