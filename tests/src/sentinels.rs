//! A master, its replicas, and three sentinels that replace it when it falls silent.

use std::fs::File;
use std::time::Duration;

use redis::Value;

use crate::proxy::Proxy;
use crate::server::{CONFIG, RedisServer};
use crate::users;
use crate::wait::{ensure, until};

const NAME: &str = "mymaster";
const SENTINELS: usize = 3;
const QUORUM: usize = 2;
/// How long a master must be silent to be thought dead, in milliseconds.
const SILENCE: &str = "1000";
/// What of the sentinels' own rhythm can be quickened, in milliseconds, for they talk to each other every two seconds
/// and look at replicas every ten. Not everything can:
///
/// - A replica that says it is a master is made a replica again by those who have not heard of its promotion for four
///   publish periods. Who promoted it looks once a second, and tells them then.
/// - A replica is no candidate when it was last looked at more than five ping periods ago, which happens once a second
///   while the master is down.
/// - A new master is first pinged after a ping period, and thought dead when it has not answered by [`SILENCE`].
///
/// Without the tilt trigger, a sentinel that was paused would sulk for 30 seconds.
const RHYTHM: &[&str] = &[
    "INFO-PERIOD",
    "500",
    "PING-PERIOD",
    "300",
    "ASK-PERIOD",
    "100",
    "PUBLISH-PERIOD",
    "500",
    "MIN-LINK-RECONNECT-PERIOD",
    "500",
    "TILT-TRIGGER",
    "60000",
];

/// One master with replicas, watched by three sentinels of which two must agree. A master is replaced when it was
/// silent for a second. Node 0 is the master at first.
///
/// ```no_run
/// let mut group = tests::Sentinels::start(1);
/// group.kill(0);
/// assert_eq!(group.wait_master_changes_from(0), 1);
/// group.restart(0);
/// group.wait_ok(); // node 0 has become a replica
/// ```
#[derive(Debug)]
pub struct Sentinels {
    sentinels: Vec<RedisServer>,
    nodes: Vec<Node>,
}

/// Dropped in this order: the server, then what leads to it.
#[derive(Debug)]
struct Node {
    server: RedisServer,
    proxy: Option<Proxy>,
}

impl Sentinels {
    /// A master with that many replicas in step, and sentinels that know them all and each other.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, and when they do not find each other.
    #[track_caller]
    pub fn start(replicas: usize) -> Self {
        Self::form(replicas, false)
    }

    /// As [`start`](Self::start), with a [`Proxy`] before each node, which is what sentinels tell clients of. What is
    /// done to a node's proxy meets its clients, the replicas that follow it, and the sentinels, who replace a master
    /// that they cannot reach. [`node`](Self::node) does not pass through it.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[track_caller]
    pub fn behind_proxies(replicas: usize) -> Self {
        Self::form(replicas, true)
    }

    #[track_caller]
    fn form(replicas: usize, proxied: bool) -> Self {
        let nodes: Vec<_> = (0..=replicas).map(|_| Node::start(proxied)).collect();
        let master = nodes[0].port().to_string();
        for node in &nodes[1..] {
            node.server.command(&["REPLICAOF", "127.0.0.1", &master]);
        }
        let mut group = Self { sentinels: Vec::new(), nodes };
        until(|| group.in_step(0));
        for _ in 0..SENTINELS {
            let sentinel = RedisServer::launch(|_, directory| {
                // They write down there what they learn, and find it again after a restart.
                File::create(directory.join(CONFIG)).expect("the directory is ours");
                vec!["--sentinel".to_owned()]
            });
            quicken(&sentinel);
            sentinel.command(&["SENTINEL", "MONITOR", NAME, "127.0.0.1", &master, &QUORUM.to_string()]);
            let patience = ["down-after-milliseconds", SILENCE, "failover-timeout", "2000"];
            sentinel.command(&[&["SENTINEL", "SET", NAME][..], &patience].concat());
            group.sentinels.push(sentinel);
        }
        group.wait_ok();
        group
    }

    /// For how long a master must be silent from now on until it is thought dead.
    pub fn set_patience(&self, patience: Duration) {
        for sentinel in self.awake_sentinels() {
            let millis = patience.as_millis().to_string();
            sentinel.command(&["SENTINEL", "SET", NAME, "down-after-milliseconds", &millis]);
        }
    }

    /// `redis+sentinel://127.0.0.1:<port>,127.0.0.1:<port>,127.0.0.1:<port>/mymaster`
    pub fn url(&self) -> String {
        let sentinels: Vec<_> = self.sentinel_ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/{NAME}", sentinels.join(","))
    }

    /// The name of the master, as sentinels know it.
    pub fn name(&self) -> &str {
        NAME
    }

    /// The ports of the sentinels, those that are down included.
    pub fn sentinel_ports(&self) -> Vec<u16> {
        self.sentinels.iter().map(RedisServer::port).collect()
    }

    /// A sentinel.
    pub fn sentinel(&self, at: usize) -> &RedisServer {
        &self.sentinels[at]
    }

    /// A node, past its proxy.
    pub fn node(&self, at: usize) -> &RedisServer {
        &self.nodes[at].server
    }

    /// The proxy before a node.
    ///
    /// # Panics
    ///
    /// When it was not started [`behind_proxies`](Self::behind_proxies).
    #[track_caller]
    pub fn proxy(&self, at: usize) -> &Proxy {
        self.nodes[at].proxy.as_ref().expect("the group is not `behind_proxies`")
    }

    /// Where clients find each node, those that are down included.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("redis://127.0.0.1:{}", node.port())).collect()
    }

    /// The master, as the first sentinel that is up says now.
    ///
    /// # Panics
    ///
    /// When all sentinels are down.
    #[track_caller]
    pub fn master(&self) -> usize {
        self.master_by(self.awake_sentinels().next().expect("no sentinel is up"))
    }

    /// All other nodes than the [`master`](Self::master).
    ///
    /// # Panics
    ///
    /// When all sentinels are down.
    #[track_caller]
    pub fn replicas(&self) -> Vec<usize> {
        let master = self.master();
        (0..self.nodes.len()).filter(|&at| at != master).collect()
    }

    /// Ends a node as a crash does.
    pub fn kill(&mut self, at: usize) {
        self.nodes[at].server.kill();
    }

    /// Starts a node again: empty, and as a master. If it is not the sentinels' master, they make it a replica, which
    /// [`wait_ok`](Self::wait_ok) waits for; if it still is, its replicas lose their data, too.
    ///
    /// # Panics
    ///
    /// As [`RedisServer::restart`].
    #[track_caller]
    pub fn restart(&mut self, at: usize) {
        self.nodes[at].server.restart();
    }

    /// Makes a node silent until [`resume`](Self::resume).
    ///
    /// # Panics
    ///
    /// When it is down.
    #[track_caller]
    pub fn pause(&self, at: usize) {
        self.node(at).pause();
    }

    /// Lets a node go on. A master that was replaced meanwhile takes writes, which will be lost, until the sentinels tell
    /// it.
    ///
    /// # Panics
    ///
    /// When it is down.
    #[track_caller]
    pub fn resume(&self, at: usize) {
        self.node(at).resume();
    }

    /// Ends a sentinel as a crash does.
    pub fn kill_sentinel(&mut self, at: usize) {
        self.sentinels[at].kill();
    }

    /// Starts a sentinel again, with what it knew.
    ///
    /// # Panics
    ///
    /// As [`RedisServer::restart`].
    #[track_caller]
    pub fn restart_sentinel(&mut self, at: usize) {
        self.sentinels[at].restart();
        quicken(&self.sentinels[at]);
    }

    /// Has the sentinels replace a master that is well, and returns the new one once all that are up are content.
    ///
    /// # Panics
    ///
    /// When there is no replica to take its place.
    #[track_caller]
    pub fn failover(&self) -> usize {
        let old = self.master();
        self.order_failover();
        self.wait_master_changes_from(old);
        self.wait_ok();
        self.master()
    }

    /// Has a sentinel replace a master that is well, and returns when it names another: the old one goes on as a master
    /// until it is told, seconds later.
    ///
    /// # Panics
    ///
    /// As [`failover`](Self::failover).
    #[track_caller]
    pub fn order_failover(&self) {
        let old = self.master();
        let sentinel = self.awake_sentinels().next().expect("no sentinel is up");
        until(|| {
            if self.master_by(sentinel) != old {
                return Ok(());
            }
            // It refuses while it is at it, and while it knows of no replica that is well. It gives up after two seconds.
            Err(sentinel.text(&["SENTINEL", "FAILOVER", NAME]))
        });
    }

    /// Waits until all sentinels that are up name another master than this one, and it is one. Its replicas may still be
    /// on their way.
    ///
    /// # Panics
    ///
    /// When it takes too long.
    #[track_caller]
    pub fn wait_master_changes_from(&self, old: usize) -> usize {
        until(|| {
            let master = self.agreed()?;
            ensure(master != old, || format!("node {old} is still the master"))?;
            let role = self.role(master)?;
            ensure(role.0 == "master", || format!("node {master} is no master yet: {role:?}"))?;
            Ok(master)
        })
    }

    /// Waits until all sentinels that are up name the same master, all other nodes that are up follow it and are in step,
    /// and the sentinels know them to be well, so that they could take its place.
    ///
    /// # Panics
    ///
    /// When it takes too long; the message says what is missing.
    #[track_caller]
    pub fn wait_ok(&self) {
        until(|| {
            let master = self.agreed()?;
            self.in_step(master)?;
            for sentinel in self.awake_sentinels() {
                let state = fields(sentinel.query(&["SENTINEL", "MASTER", NAME]));
                let is = |name: &str, value: &str| state.iter().any(|(field, is)| field == name && is == value);
                let content = is("flags", "master") && is("num-other-sentinels", &(SENTINELS - 1).to_string());
                ensure(content, || format!("a sentinel is not content: {state:?}"))?;

                let replicas: Vec<Vec<String>> = sentinel.query(&["SENTINEL", "REPLICAS", NAME]);
                let replicas: Vec<_> = replicas.into_iter().map(fields).collect();
                for at in self.awake().filter(|&at| at != master) {
                    let port = self.nodes[at].port().to_string();
                    let wanted = [("port", port.as_str()), ("flags", "slave"), ("master-link-status", "ok")];
                    let well = |replica: &Vec<(String, String)>| {
                        wanted.iter().all(|&(name, value)| replica.iter().any(|(f, v)| f == name && v == value))
                    };
                    ensure(replicas.iter().any(well), || format!("a sentinel misses node {at}: {replicas:?}"))?;
                }
            }
            Ok(())
        });
    }

    /// Waits until each replica that is up has all that the master has now.
    ///
    /// # Panics
    ///
    /// When it takes too long, for example because the master is down.
    #[track_caller]
    pub fn wait_in_step(&self) {
        let master = self.master();
        let wanted = self.node(master).written();
        for replica in self.awake().filter(|&at| at != master) {
            until(|| self.node(replica).followed(wanted));
        }
    }

    fn agreed(&self) -> Result<usize, String> {
        let mut named = self.awake_sentinels().map(|sentinel| self.master_by(sentinel));
        let master = named.next().ok_or("no sentinel is up")?;
        ensure(named.all(|other| other == master), || "the sentinels name different masters".to_owned())?;
        Ok(master)
    }

    fn in_step(&self, master: usize) -> Result<(), String> {
        ensure(self.node(master).is_awake(), || format!("node {master} is the master, and down"))?;
        for at in self.awake() {
            let port = Some(self.nodes[master].port());
            let wanted = if at == master { ("master", None) } else { ("slave", port) };
            let role = self.role(at)?;
            ensure((role.0.as_str(), role.1) == wanted, || format!("node {at} is {role:?}, and not {wanted:?} yet"))?;
        }
        Ok(())
    }

    /// What a node says it is, and whom it is connected to. It may fail: sentinels kill the connections of whom they
    /// give another role.
    fn role(&self, at: usize) -> Result<(String, Option<u16>), String> {
        ensure(self.node(at).is_awake(), || format!("node {at} is down"))?;
        let role = self.node(at).ask::<Vec<Value>>(&redis::cmd("ROLE")).map_err(|lost| lost.to_string())?;
        let parts: Vec<String> = role.iter().filter_map(|part| redis::from_redis_value_ref(part).ok()).collect();
        let connected = parts.get(3).is_some_and(|state| state == "connected");
        let port = parts.get(2).filter(|_| connected).and_then(|port| port.parse().ok());
        Ok((parts[0].clone(), port))
    }

    fn master_by(&self, sentinel: &RedisServer) -> usize {
        let (_, port): (String, u16) = sentinel.query(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
        self.nodes.iter().position(|node| node.port() == port).expect("the sentinels know our nodes only")
    }

    fn awake(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|&at| self.node(at).is_awake())
    }

    fn awake_sentinels(&self) -> impl Iterator<Item = &RedisServer> {
        self.sentinels.iter().filter(|sentinel| sentinel.is_awake())
    }
}

impl Node {
    #[track_caller]
    fn start(proxied: bool) -> Self {
        let mut proxy = None;
        let server = RedisServer::launch(|port, _| {
            proxy = proxied.then(|| Proxy::start(port));
            let told = proxy.as_ref().map_or(port, Proxy::port).to_string();
            [
                ["--replica-announce-ip", "127.0.0.1"],
                ["--replica-announce-port", &told],
                ["--repl-diskless-sync", "yes"],
                ["--repl-diskless-sync-delay", "0"],
                // A replication that a fault has silenced begins anew when the fault is over.
                ["--repl-ping-replica-period", "1"],
                ["--repl-timeout", "5"],
            ]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .chain(users::options())
            .collect()
        });
        Self { server, proxy }
    }

    /// The port that clients are told.
    fn port(&self) -> u16 {
        self.proxy.as_ref().map_or_else(|| self.server.port(), Proxy::port)
    }
}

/// A sentinel older than 7.0 refuses, and is slower.
#[track_caller]
fn quicken(sentinel: &RedisServer) {
    sentinel.text(&[&["SENTINEL", "DEBUG"][..], RHYTHM].concat());
}

/// Names and values, which alternate.
fn fields(flat: Vec<String>) -> Vec<(String, String)> {
    flat.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}
