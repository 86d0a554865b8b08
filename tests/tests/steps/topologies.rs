//! The ways in which servers are set up: the same promises, and the same tests.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use tests::{Mode, Proxy, RedisCluster, RedisServer, Sentinels};

/// Servers that one cache is given, with a network before each of them that can be broken.
pub(crate) enum Servers {
    Standalone(RedisServer, Proxy),
    Sentinel(Sentinels),
    /// And what is known of who owns which name: nothing moves, and to ask is slow.
    Cluster(RedisCluster, Mutex<HashMap<String, usize>>),
}

/// On one server, on one that Sentinels watch, and on a Cluster of three masters, all at the same time. Failovers are no
/// part of it: that whoever is master is used is what `sentinel.rs` and `cluster.rs` are about.
pub(crate) async fn on_each_topology(test: impl AsyncFn(&Servers)) {
    let start = [Servers::standalone, Servers::sentinel, Servers::cluster];
    // Each takes its time to find itself, and little else.
    let started = std::thread::scope(|scope| {
        let starting = start.map(|start| scope.spawn(start));
        starting.map(|starting| starting.join().expect("they start"))
    });
    // On the heap: a test holds futures of several caches, and its thread has little stack.
    let tests = started.iter().map(|servers| Named { servers, test: Box::pin(test(servers)) });
    futures::future::join_all(tests).await;
}

/// A test that says over which servers it failed.
struct Named<'a, F> {
    servers: &'a Servers,
    test: Pin<Box<F>>,
}

impl<F: Future> Future for Named<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        struct Panicking<'a>(&'a Servers);
        impl Drop for Panicking<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    println!("failed over {}", self.0.url());
                }
            }
        }
        let _over = Panicking(self.servers);
        self.test.as_mut().poll(cx)
    }
}

impl Servers {
    fn standalone() -> Self {
        let server = RedisServer::start();
        let proxy = Proxy::start(server.port());
        Self::Standalone(server, proxy)
    }

    fn sentinel() -> Self {
        let group = Sentinels::behind_proxies(0);
        // Nobody can replace it, and nobody shall try.
        group.set_patience(Duration::from_secs(600));
        Self::Sentinel(group)
    }

    fn cluster() -> Self {
        Self::Cluster(RedisCluster::behind_proxies(3, 0), Mutex::default())
    }

    /// Where a cache finds them, through the network.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Standalone(_, proxy) => proxy.url(),
            Self::Sentinel(group) => group.url(),
            Self::Cluster(cluster, _) => cluster.cache_url(),
        }
    }

    /// The same for a user: `name:password`.
    pub(crate) fn url_as(&self, user: &str) -> String {
        self.url().replacen("://", &format!("://{user}@"), 1)
    }

    /// The masters, past the network.
    pub(crate) fn masters(&self) -> Vec<&RedisServer> {
        match self {
            Self::Standalone(server, _) => vec![server],
            Self::Sentinel(group) => vec![group.node(0)],
            Self::Cluster(cluster, _) => (0..3).map(|at| cluster.node(at)).collect(),
        }
    }

    /// The master of a name.
    pub(crate) fn owner(&self, name: &str) -> &RedisServer {
        match self {
            Self::Standalone(server, _) => server,
            Self::Sentinel(group) => group.node(0),
            Self::Cluster(cluster, owners) => {
                let mut owners = owners.lock().expect("nobody panics");
                cluster.node(*owners.entry(name.to_owned()).or_insert_with(|| cluster.owner(name)))
            }
        }
    }

    /// What the network before each of them does from now on.
    pub(crate) fn network(&self, mode: Mode) {
        for proxy in self.proxies() {
            proxy.set(mode);
        }
    }

    /// The network works, for new connections; those that lost something meanwhile are reset.
    pub(crate) fn mend(&self) {
        for proxy in self.proxies() {
            proxy.set(Mode::Pass);
            proxy.kill_connections();
        }
    }

    fn proxies(&self) -> Vec<&Proxy> {
        match self {
            Self::Standalone(_, proxy) => vec![proxy],
            Self::Sentinel(group) => vec![group.proxy(0)],
            Self::Cluster(cluster, _) => (0..3).map(|at| cluster.proxy(at)).collect(),
        }
    }

    /// Said to each master.
    pub(crate) fn command(&self, command: &[&str]) {
        for master in self.masters() {
            master.command(command);
        }
    }

    /// What is held under a name, by its master.
    pub(crate) fn get_raw(&self, name: &str) -> Option<Vec<u8>> {
        self.owner(name).get_raw(name)
    }

    /// All names, at all masters.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.masters().into_iter().flat_map(RedisServer::keys).collect();
        keys.sort();
        keys
    }
}
