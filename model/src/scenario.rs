//! The worlds that are searched: small ones with the tests, larger ones on demand.

use crate::Mutant;
use crate::config::{Config, Target};
use crate::properties::{G1, G2, G3};

/// A world with a name.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What is in it.
    pub name: &'static str,
    /// The world.
    pub config: Config,
}

const fn scenario(name: &'static str, config: Config) -> Scenario {
    Scenario { name, config }
}

/// A tier and a subscription on every node, and a valid value everywhere.
const TIER: Config = Config { tier: true, warm: true, ..Config::PLAIN };

/// The worlds of the tests.
pub const QUICK: [Scenario; 17] = [
    EVICTION,
    THREE,
    WRITERS,
    KEY,
    KEY_THREE,
    RETRY,
    RETRY_KEY,
    FAILOVER,
    FAILOVER_KEY,
    OWN,
    OTHER,
    BOTH,
    CUT,
    DEPOSED,
    DEPOSED_TWO,
    DEPOSED_CUT,
    DEPOSED_KEY,
];

const TWO_BY_TWO: &[(u8, u8)] = &[(0, 2), (0, 2)];
const THREE_BY_ONE: &[(u8, u8)] = &[(0, 1), (0, 1), (0, 1)];

const EVICTION: Scenario = scenario(
    "2x2 reads, 2 evictions, 2 servers",
    Config { spread: true, readers: TWO_BY_TWO, evictions: 2, ..Config::PLAIN },
);
const THREE: Scenario = scenario(
    "3x1 reads, eviction, 2 servers",
    Config { spread: true, readers: THREE_BY_ONE, evictions: 1, ..Config::PLAIN },
);
const WRITERS: Scenario = scenario(
    "2x2 reads, 2 writers, eviction",
    Config { readers: TWO_BY_TWO, writers: &[0, 0], evictions: 1, ..Config::PLAIN },
);
const KEY: Scenario = scenario(
    "key, 2x2 reads, 2 writers, eviction",
    Config { target: Target::Key, readers: TWO_BY_TWO, writers: &[0, 0], evictions: 1, ..Config::PLAIN },
);
const KEY_THREE: Scenario = scenario(
    "key, 3x1 reads, 2 writers, 2 evictions",
    Config { target: Target::Key, readers: THREE_BY_ONE, writers: &[0, 0], evictions: 2, ..Config::PLAIN },
);
const RETRY: Scenario = scenario(
    "ENSURE twice, 2 servers",
    Config { spread: true, readers: &[(0, 2), (0, 1)], retries: 1, ..Config::PLAIN },
);
const RETRY_KEY: Scenario = scenario(
    "key, ENSURE twice, eviction",
    Config { target: Target::Key, readers: TWO_BY_TWO, retries: 1, evictions: 1, ..Config::PLAIN },
);
const FAILOVER: Scenario =
    scenario("failover, 2 nodes", Config { readers: &[(0, 1), (1, 2)], failover: true, ..Config::PLAIN });
const FAILOVER_KEY: Scenario = scenario(
    "key, failover, 2x2 reads",
    Config { target: Target::Key, readers: TWO_BY_TWO, failover: true, ..Config::PLAIN },
);
const OWN: Scenario = scenario("tier of the writer, 2x2 reads", Config { readers: TWO_BY_TWO, ..TIER });
const OTHER: Scenario =
    scenario("tier of another node, 2x1 reads, eviction", Config { readers: &[(1, 1), (1, 1)], evictions: 1, ..TIER });
const BOTH: Scenario = scenario("tiers of both nodes", Config { readers: &[(0, 1), (1, 1), (1, 1)], ..TIER });
const CUT: Scenario =
    scenario("tier of another node, channel breaks", Config { readers: &[(1, 1), (1, 1)], breaks: 1, ..TIER });
const DEPOSED: Scenario =
    scenario("tier of another node, failover", Config { readers: &[(1, 2)], failover: true, ..TIER });
const DEPOSED_TWO: Scenario = scenario(
    "tier of another node, failover, 2x1 reads",
    Config { readers: &[(1, 1), (1, 1)], failover: true, ..TIER },
);
const DEPOSED_CUT: Scenario =
    scenario("tier of another node, failover, break", Config { readers: &[(1, 2)], failover: true, breaks: 1, ..TIER });
const DEPOSED_KEY: Scenario = scenario(
    "key, tier of another node, failover",
    Config { target: Target::Key, readers: &[(1, 1), (1, 1)], failover: true, ..TIER },
);

/// The larger worlds.
pub const DEEP: [Scenario; 8] = [
    scenario(
        "2x3 reads, 2 writers, eviction",
        Config { readers: &[(0, 3), (0, 3)], writers: &[0, 0], evictions: 1, ..Config::PLAIN },
    ),
    scenario(
        "3x1 reads, 2 writers, 2 evictions",
        Config { readers: THREE_BY_ONE, writers: &[0, 0], evictions: 2, ..Config::PLAIN },
    ),
    scenario(
        "2x2 reads, 2 writers, 2 evictions, 2 servers",
        Config { spread: true, readers: TWO_BY_TWO, writers: &[0, 0], evictions: 2, ..Config::PLAIN },
    ),
    scenario(
        "2x2 reads, ENSURE twice, eviction, 2 servers",
        Config { spread: true, readers: TWO_BY_TWO, retries: 1, evictions: 1, ..Config::PLAIN },
    ),
    scenario(
        "2x2 reads, failover, eviction",
        Config { readers: TWO_BY_TWO, failover: true, evictions: 1, ..Config::PLAIN },
    ),
    scenario(
        "key, 3x1 reads, 2 writers, failover",
        Config { target: Target::Key, readers: THREE_BY_ONE, writers: &[0, 0], failover: true, ..Config::PLAIN },
    ),
    scenario("tiers of both nodes, 2 writers", Config { readers: &[(0, 1), (1, 1)], writers: &[0, 1], ..TIER }),
    scenario(
        "tier of another node, 2x1 reads, 2 breaks, 2 writers",
        Config { readers: &[(1, 1), (1, 1)], writers: &[0, 0], breaks: 2, ..TIER },
    ),
];

/// Where a broken rule shows, and as what.
pub fn exposes(mutant: Mutant) -> (Scenario, &'static str) {
    match mutant {
        Mutant::StampsAfterLoad | Mutant::NaiveJoin | Mutant::CountersWithEviction => (EVICTION, G1),
        Mutant::InvalidateBeforeCommit => (EVICTION, G1),
        Mutant::PlainSet => (KEY, G1),
        Mutant::NoHistory => (FAILOVER, G1),
        Mutant::FlightWithoutHistory | Mutant::HistoryOfFill => (FAILOVER_KEY, G1),
        Mutant::RetryReusesToken => (RETRY_KEY, G1),
        Mutant::GenerationsAfterReply | Mutant::OwnBumpBeforeOnly | Mutant::NoOwnBump => (OWN, G2),
        Mutant::NoLease | Mutant::PublishBeforeUnlink => (OTHER, G3),
        Mutant::LeaseFromReceipt | Mutant::NoEpochAtSubscribe | Mutant::EpochAtBreak => (CUT, G3),
        Mutant::InsertFromOtherHistory | Mutant::ChannelOfOtherHistory => (DEPOSED, G3),
    }
}
