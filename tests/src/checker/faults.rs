//! What may happen in a run, and in which order it does. Each fault ends before the next begins.

use fastrand::Rng;

use super::fault::Fault;
use super::system::Kind;
use super::{network, servers};

/// Which faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faults {
    /// None.
    None,
    /// The network and clients only.
    Network,
    /// The connections of subscribers are killed.
    Subscribers,
    /// The same, while what is read arrives late.
    SubscribersAndLateReplies,
    /// What subscribers hear arrives late.
    LateMessages,
    /// Subscribers hear nothing for longer than a lease, and nobody closes their connection.
    Deaf,
    /// The same, right after a heartbeat whose answer was late.
    LateThenDeaf,
    /// Keys of ours that vanish, as under eviction.
    Eviction,
    /// Requests that arrive in pieces.
    Drip,
    /// Long silences, one way or both: of a server, and of one node alone.
    Silence,
    /// Everything that this system can suffer.
    Everything,
}

impl Faults {
    fn of(self, kind: Kind) -> Vec<Fault> {
        match self {
            Self::None => Vec::new(),
            Self::Network => network::BRIEF.to_vec(),
            Self::Subscribers => vec![network::SUBSCRIBERS],
            Self::SubscribersAndLateReplies => vec![network::SUBSCRIBERS_AND_LATE_REPLIES],
            Self::LateMessages => vec![network::LATE_MESSAGES],
            Self::Deaf => vec![network::DEAF],
            Self::LateThenDeaf => vec![network::LATE_THEN_DEAF],
            Self::Eviction => vec![servers::EVICTION],
            Self::Drip => vec![network::DRIP],
            Self::Silence if kind == Kind::Standalone => vec![network::SILENCE_OF_A_NODE],
            Self::Silence => vec![network::SILENCE_OF_A_NODE, network::SILENCE_OF_A_SERVER],
            Self::Everything => {
                let network = [
                    Self::Network,
                    Self::Silence,
                    Self::SubscribersAndLateReplies,
                    Self::LateMessages,
                    Self::Deaf,
                    Self::LateThenDeaf,
                    Self::Drip,
                ];
                let mut all: Vec<_> = network.into_iter().flat_map(|faults| faults.of(kind)).collect();
                all.extend_from_slice(&servers::ANYWHERE);
                all.extend_from_slice(servers::of(kind));
                all
            }
        }
    }
}

/// The faults of a run, in an order that luck chose. Dealt and not drawn, so that each of them has its turn.
pub(super) struct Deck {
    all: Vec<Fault>,
    left: Vec<Fault>,
}

impl Deck {
    pub(super) fn new(faults: Faults, kind: Kind) -> Self {
        Self { all: faults.of(kind), left: Vec::new() }
    }

    pub(super) fn deal(&mut self, rng: &mut Rng) -> Option<Fault> {
        if self.left.is_empty() {
            self.left.clone_from(&self.all);
            rng.shuffle(&mut self.left);
        }
        self.left.pop()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_fault_has_its_turn_and_a_name_of_its_own() {
        for kind in [Kind::Standalone, Kind::Pair, Kind::Sentinel, Kind::Cluster] {
            let (mut deck, mut rng) = (Deck::new(Faults::Everything, kind), Rng::with_seed(1));
            let all = deck.all.len();
            let mut round = || (0..all).map(|_| deck.deal(&mut rng).expect("never empty").name).collect::<Vec<_>>();
            let (first, second) = (round(), round());
            assert_eq!(first.iter().collect::<HashSet<_>>().len(), all, "{first:?}");
            assert_ne!(first, second);
        }
        assert!(Deck::new(Faults::None, Kind::Pair).deal(&mut Rng::with_seed(1)).is_none());
    }
}
