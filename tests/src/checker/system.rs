//! The servers under a run, and how each node reaches them.

use std::time::Duration;

use crate::{Pair, Proxy, RedisCluster, RedisServer, Sentinels};

/// Which servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One server, and a network of its own for each node.
    Standalone,
    /// A master and a replica that is promoted without what was acknowledged last.
    Pair,
    /// A master, a replica, and three Sentinels.
    Sentinel,
    /// Three masters with a replica each.
    Cluster,
}

/// The servers of a run.
pub enum System {
    /// See [`Kind::Standalone`].
    Standalone(Box<RedisServer>, Vec<Proxy>),
    /// See [`Kind::Pair`].
    Pair(Box<Pair>),
    /// See [`Kind::Sentinel`].
    Sentinel(Box<Sentinels>),
    /// See [`Kind::Cluster`].
    Cluster(Box<RedisCluster>),
}

impl System {
    /// Starts the servers.
    pub fn start(kind: Kind, nodes: usize) -> Self {
        match kind {
            Kind::Standalone => {
                let server = RedisServer::start();
                let proxies = (0..nodes).map(|_| Proxy::start(server.port())).collect();
                Self::Standalone(Box::new(server), proxies)
            }
            Kind::Pair => Self::Pair(Box::new(Pair::start())),
            Kind::Sentinel => {
                let sentinels = Sentinels::behind_proxies(1);
                // Longer than any silence that is a fault: who talks to a master that was voted out while it was
                // silent, and is heard again, is promised nothing.
                sentinels.set_patience(Duration::from_millis(2500));
                Self::Sentinel(Box::new(sentinels))
            }
            Kind::Cluster => Self::Cluster(Box::new(RedisCluster::behind_proxies(3, 1))),
        }
    }

    /// What a node's cache is given as its server.
    pub fn url(&self, node: usize) -> String {
        match self {
            Self::Standalone(_, proxies) => proxies[node].url(),
            Self::Pair(pair) => pair.url(),
            Self::Sentinel(sentinels) => sentinels.url(),
            Self::Cluster(cluster) => cluster.url().replacen("redis://", "redis+cluster://", 1),
        }
    }
}
