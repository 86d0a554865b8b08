//! The servers under a run, and how each node reaches them.

use std::time::Duration;

use crate::users::{USERS, log_in};
use crate::{Mode, Pair, Proxy, RedisCluster, RedisServer, Sentinels};

/// How many nodes read and mutate.
pub(super) const NODES: usize = USERS.len();

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
    pub fn start(kind: Kind) -> Self {
        match kind {
            Kind::Standalone => {
                let server = RedisServer::start();
                let proxies = (0..NODES).map(|_| Proxy::start(server.port())).collect();
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
            Self::Pair(pair) => log_in(&pair.url(), USERS[node]),
            Self::Sentinel(sentinels) => log_in(&sentinels.url(), USERS[node]),
            Self::Cluster(cluster) => log_in(&cluster.url(), USERS[node]).replacen("redis://", "redis+cluster://", 1),
        }
    }

    /// Those who are masters now, past their proxies.
    pub(super) fn masters(&self) -> Vec<&RedisServer> {
        match self {
            Self::Standalone(server, _) => vec![server],
            Self::Pair(pair) => vec![pair.master()],
            Self::Sentinel(sentinels) => vec![sentinels.node(sentinels.master())],
            Self::Cluster(cluster) => cluster.masters().into_iter().map(|at| cluster.node(at)).collect(),
        }
    }

    /// What nodes go through on their way to the masters.
    pub(super) fn proxies(&self) -> Vec<&Proxy> {
        match self {
            Self::Standalone(_, proxies) => proxies.iter().collect(),
            Self::Pair(pair) => vec![pair.front()],
            Self::Sentinel(sentinels) => vec![sentinels.proxy(sentinels.master())],
            Self::Cluster(cluster) => cluster.masters().into_iter().map(|at| cluster.proxy(at)).collect(),
        }
    }

    /// What the network does to one node alone, on its way to everybody, until [`calm`](Self::calm).
    pub(super) fn set_node(&self, node: usize, data: Mode, subscribers: Mode) {
        if let Self::Standalone(_, proxies) = self {
            proxies[node].set_data(data);
            proxies[node].set_subscribers(subscribers);
        } else {
            self.all_proxies().iter().for_each(|proxy| proxy.set_user(USERS[node], data, subscribers));
        }
    }

    /// The network is well again, for all. What has lost bytes stays silent.
    pub(super) fn calm(&self) {
        self.all_proxies().iter().for_each(|proxy| proxy.set(Mode::Pass));
    }

    fn all_proxies(&self) -> Vec<&Proxy> {
        match self {
            Self::Sentinel(sentinels) => (0..sentinels.urls().len()).map(|at| sentinels.proxy(at)).collect(),
            Self::Cluster(cluster) => (0..cluster.urls().len()).map(|at| cluster.proxy(at)).collect(),
            Self::Standalone(..) | Self::Pair(_) => self.proxies(),
        }
    }
}
