//! A real cluster: nodes that elect, move slots and lose touch, all of it on this machine and when a test says so.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use redis::Cmd;

use crate::bus::{Bus, Gate};
use crate::port;
use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::users;
use crate::wait::{ensure, until};

const SLOTS: u16 = 16_384;
const OPTIONS: &[&str] = &[
    "--cluster-enabled",
    "yes",
    // A node that is silent for that long is voted out; a failover takes two to three times as long.
    "--cluster-node-timeout",
    "1000",
    "--cluster-require-full-coverage",
    "no",
    "--cluster-allow-replica-migration",
    "no",
    // However long a replica had no master, it may become one.
    "--cluster-replica-validity-factor",
    "0",
    "--cluster-announce-ip",
    "127.0.0.1",
    "--repl-diskless-sync",
    "yes",
    "--repl-diskless-sync-delay",
    "0",
    // A replication that a fault has silenced begins anew when the fault is over.
    "--repl-ping-replica-period",
    "1",
    "--repl-timeout",
    "5",
];

/// A Redis Cluster which nobody else uses. Its nodes are numbered: first the masters that it starts with, then the
/// replicas of the first of them, of the second, and so on.
///
/// ```no_run
/// let mut cluster = tests::RedisCluster::start(3, 1);
/// let owner = cluster.owner("user:1");
/// cluster.kill(owner);
/// let successor = cluster.wait_owner_changes("user:1", owner);
/// cluster.restart(owner);
/// cluster.wait_ok();
/// assert_eq!((cluster.owner("user:1"), successor), (3 + owner, 3 + owner));
/// ```
///
/// A master is replaced only while most masters are up: take three of them for that.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Node>,
    bus: Bus,
}

/// Dropped in this order: the server, then what leads to it.
#[derive(Debug)]
struct Node {
    server: RedisServer,
    id: String,
    proxy: Option<Proxy>,
    gate: Gate,
}

impl RedisCluster {
    /// A cluster whose slots are spread evenly over the masters, with all its replicas in step.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server` 7.0 or later, and when the cluster does not form.
    #[track_caller]
    pub fn start(masters: usize, replicas_each: usize) -> Self {
        Self::form(masters, replicas_each, 0, false)
    }

    /// As [`start`](Self::start), with a [`Proxy`] before each node, which is what the cluster tells clients of. What is
    /// done to a node's proxy meets its clients, and the replicas that follow it. The bus and [`node`](Self::node) do
    /// not pass through it.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[track_caller]
    pub fn behind_proxies(masters: usize, replicas_each: usize) -> Self {
        Self::form(masters, replicas_each, 0, true)
    }

    /// As [`behind_proxies`](Self::behind_proxies), without replicas and with one more master, the last node, to which no
    /// slot was given yet.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[track_caller]
    pub fn with_an_empty_master(masters: usize) -> Self {
        Self::form(masters, 0, 1, true)
    }

    #[track_caller]
    fn form(masters: usize, replicas_each: usize, empty: usize, proxied: bool) -> Self {
        assert!(masters > 0, "a cluster has a master");
        let bus = Bus::new();
        let nodes: Vec<_> = (0..masters * (1 + replicas_each) + empty).map(|_| Node::start(&bus, proxied)).collect();
        let cluster = Self { nodes, bus };

        for (at, node) in cluster.nodes.iter().enumerate() {
            if at < masters {
                let first = usize::from(SLOTS) * at / masters;
                let last = usize::from(SLOTS) * (at + 1) / masters - 1;
                node.server.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
            }
            // Else all begin with the same, and quarrel about it.
            node.server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
        }
        until(|| {
            // Each time, and by whoever does not know the other: a machine under load may be too slow for an introduction, on
            // either side. The rest they hear from the first.
            let first = &cluster.nodes[0];
            for (at, node) in cluster.nodes.iter().enumerate().skip(1) {
                for (which, other) in [(0, node), (at, first)] {
                    if !cluster.view(which).iter().any(|seen| seen.id == other.id) {
                        let (port, bus) = (other.port().to_string(), other.gate.port().to_string());
                        cluster.node(which).command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
                    }
                }
            }
            for at in 0..cluster.nodes.len() {
                let known = cluster.view(at);
                ensure(
                    cluster.nodes.iter().all(|node| known.iter().any(|seen| seen.id == node.id && !seen.fails)),
                    || format!("node {at} has not met all others: {known:?}"),
                )?;
            }
            Ok(())
        });
        for (at, node) in cluster.nodes.iter().enumerate().skip(masters).take(masters * replicas_each) {
            let master = (at - masters) / replicas_each;
            node.server.command(&["CLUSTER", "REPLICATE", &cluster.nodes[master].id]);
        }
        cluster.wait_ok();
        cluster
    }

    /// Where clients find each node, those that are down included.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Node::url).collect()
    }

    /// Where clients find one of the nodes that are up.
    ///
    /// # Panics
    ///
    /// When all are down.
    #[track_caller]
    pub fn url(&self) -> String {
        self.nodes[self.anyone()].url()
    }

    /// What a cache is given as its server: `redis+cluster://127.0.0.1:<port>,..`, all nodes, those that are down included.
    pub fn cache_url(&self) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }

    /// A node, for what is said to it alone: past its proxy, and with no `MOVED` followed.
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
        self.nodes[at].proxy.as_ref().expect("the cluster is not `behind_proxies`")
    }

    /// The nodes that say now that they are masters. One that is down or paused says nothing; one that was replaced and
    /// has not heard of it still says so.
    pub fn masters(&self) -> Vec<usize> {
        self.awake().filter(|&at| self.itself(at).follows.is_none()).collect()
    }

    /// The nodes that say now that they are replicas.
    pub fn replicas(&self) -> Vec<usize> {
        self.awake().filter(|&at| self.itself(at).follows.is_some()).collect()
    }

    /// The replicas, of those that are up, which follow this node.
    pub fn replicas_of(&self, master: usize) -> Vec<usize> {
        let id = Some(&self.nodes[master].id);
        self.awake().filter(|&at| self.itself(at).follows.as_ref() == id).collect()
    }

    /// The slot of a key.
    pub fn slot(&self, key: &str) -> u16 {
        self.node(self.anyone()).query(&["CLUSTER", "KEYSLOT", key])
    }

    /// The master of a key: the one with the latest claim that any node knows of, whether it is up or not.
    ///
    /// # Panics
    ///
    /// When nobody owns its slot.
    #[track_caller]
    pub fn owner(&self, key: &str) -> usize {
        self.owner_of(self.slot(key))
    }

    /// The master of a slot, as [`owner`](Self::owner).
    ///
    /// # Panics
    ///
    /// When nobody owns it.
    #[track_caller]
    pub fn owner_of(&self, slot: u16) -> usize {
        self.awake()
            .flat_map(|at| self.view(at))
            .filter(|seen| seen.has(slot))
            .max_by_key(|seen| seen.epoch)
            .and_then(|seen| self.find(&seen.id))
            .unwrap_or_else(|| panic!("nobody owns slot {slot}"))
    }

    /// Ends a node as a crash does.
    pub fn kill(&mut self, at: usize) {
        self.nodes[at].server.kill();
    }

    /// Starts a node again: with no data, and as what it remembers to be. A master that was not replaced yet stays it,
    /// and its replicas lose their data, too.
    ///
    /// # Panics
    ///
    /// As [`RedisServer::restart`].
    #[track_caller]
    pub fn restart(&mut self, at: usize) {
        self.nodes[at].server.restart();
    }

    /// Makes a node silent, for clients and for the other nodes, until [`resume`](Self::resume).
    ///
    /// # Panics
    ///
    /// When it is down.
    #[track_caller]
    pub fn pause(&self, at: usize) {
        self.node(at).pause();
    }

    /// Lets a node go on. A master that was replaced meanwhile believes in itself until it hears of it.
    ///
    /// # Panics
    ///
    /// When it is down.
    #[track_caller]
    pub fn resume(&self, at: usize) {
        self.node(at).resume();
    }

    /// Cuts a node off from the other nodes until [`mend_bus`](Self::mend_bus), while clients reach it and its
    /// replication goes on. A master takes writes until it has noticed; if it has a replica it is replaced, and what it
    /// took after the other's election is lost.
    pub fn cut_bus(&self, at: usize) {
        self.bus.cut(self.nodes[at].port());
    }

    /// Puts a node in touch with the others again.
    pub fn mend_bus(&self, at: usize) {
        self.bus.mend(self.nodes[at].port());
    }

    /// Makes a replica the master, in agreement with it, so that no write is lost; waits until all are content.
    ///
    /// # Panics
    ///
    /// When it is no replica, and when its master or most masters are down.
    #[track_caller]
    pub fn failover(&self, replica: usize) {
        // Votes for replicas of the same master need some time between them, and an attempt ends after five seconds.
        until(|| {
            self.node(replica).command(&["CLUSTER", "FAILOVER"]);
            for _ in 0..250 {
                if self.itself(replica).follows.is_none() {
                    return Ok(());
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Err(format!("node {replica} is not elected"))
        });
        self.wait_ok();
    }

    /// Makes a replica the master, whatever the others say to it, and returns when it believes so: writes that its master
    /// has acknowledged may be lost. [`wait_ok`](Self::wait_ok) waits until those in touch with it believe it, too.
    ///
    /// # Panics
    ///
    /// When it is no replica.
    #[track_caller]
    pub fn takeover(&self, replica: usize) {
        self.node(replica).command(&["CLUSTER", "FAILOVER", "TAKEOVER"]);
        until(|| ensure(self.itself(replica).follows.is_none(), || format!("node {replica} does not take over")));
    }

    /// Waits until the nodes that are up and in touch agree on all slots and roles, serve them, and have their replicas
    /// in step. While a replica's master is down or cut off that is after the replica has replaced it.
    ///
    /// # Panics
    ///
    /// When it takes too long; the message says what is missing.
    #[track_caller]
    pub fn wait_ok(&self) {
        until(|| self.complaint());
    }

    /// Waits until each replica that is up and in touch has all that its master has now.
    ///
    /// # Panics
    ///
    /// When it takes too long, for example because a master is down.
    #[track_caller]
    pub fn wait_in_step(&self) {
        for master in self.masters() {
            let wanted = self.node(master).written();
            for replica in self.replicas_of(master) {
                until(|| self.node(replica).followed(wanted));
            }
        }
    }

    /// Waits until another node than this one is the master of a key, and all nodes that are up and in touch say so.
    ///
    /// # Panics
    ///
    /// When it takes too long.
    #[track_caller]
    pub fn wait_owner_changes(&self, key: &str, from: usize) -> usize {
        let slot = self.slot(key);
        until(|| {
            let owner = self.owner_of(slot);
            ensure(owner != from, || format!("node {from} still owns slot {slot}"))?;
            self.agree_on(slot, owner)?;
            Ok(owner)
        })
    }

    /// Moves a slot with all its keys to another master, as resharding does.
    ///
    /// # Panics
    ///
    /// When it has the slot already, when it is no master, and when one of the two is down.
    #[track_caller]
    pub fn move_slot(&self, slot: u16, to: usize) {
        self.begin_move(slot, to);
        self.finish_move(slot, to);
    }

    /// Opens a slot for its move, and moves no key of it: for keys that it has, its master answers as before, for others
    /// with `ASK`. [`move_keys`](Self::move_keys) moves what it has.
    ///
    /// # Panics
    ///
    /// As [`move_slot`](Self::move_slot).
    #[track_caller]
    pub fn begin_move(&self, slot: u16, to: usize) {
        let from = self.owner_of(slot);
        assert_ne!(from, to, "node {to} has slot {slot} already");
        let text = slot.to_string();
        self.node(to).command(&["CLUSTER", "SETSLOT", &text, "IMPORTING", &self.nodes[from].id]);
        self.node(from).command(&["CLUSTER", "SETSLOT", &text, "MIGRATING", &self.nodes[to].id]);
    }

    /// Moves the keys that a slot has now; their master then answers `ASK` for each.
    ///
    /// # Panics
    ///
    /// When the move was not begun.
    #[track_caller]
    pub fn move_keys(&self, slot: u16, to: usize) {
        let from = self.node(self.owner_of(slot));
        loop {
            let keys: Vec<Vec<u8>> = from.query(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "100"]);
            if keys.is_empty() {
                return;
            }
            let mut migrate = Cmd::new();
            migrate.arg("MIGRATE").arg("127.0.0.1").arg(self.node(to).port()).arg("").arg(0).arg(10_000);
            migrate.arg("REPLACE").arg("KEYS").arg(&keys);
            from.ask::<()>(&migrate).unwrap_or_else(|error| panic!("slot {slot} cannot be moved: {error}"));
        }
    }

    /// Ends a move: the keys that are left, then the slot itself. All nodes that are up and in touch know of it on return.
    ///
    /// # Panics
    ///
    /// When the move was not begun.
    #[track_caller]
    pub fn finish_move(&self, slot: u16, to: usize) {
        let from = self.owner_of(slot);
        self.move_keys(slot, to);
        // In this order: while both say that it is theirs, the new one's claim is the later.
        let others = self.masters().into_iter().filter(|&at| at != to && at != from);
        for at in [to, from].into_iter().chain(others) {
            self.node(at).command(&["CLUSTER", "SETSLOT", &slot.to_string(), "NODE", &self.nodes[to].id]);
        }
        until(|| self.agree_on(slot, to));
    }

    fn complaint(&self) -> Result<(), String> {
        let mut agreed = None;
        for at in self.in_touch() {
            let info: String = self.node(at).query(&["CLUSTER", "INFO"]);
            ensure(info.contains("cluster_state:ok"), || format!("node {at} does not serve: {info}"))?;

            let view = self.view(at);
            for other in self.in_touch() {
                let id = &self.nodes[other].id;
                ensure(view.iter().any(|seen| seen.id == *id && !seen.fails), || {
                    format!("node {at} misses node {other}: {view:?}")
                })?;
            }
            let roles = Roles::of(&view);
            if let Some(agreed) = &agreed {
                ensure(roles == *agreed, || format!("node {at} says {roles:?}, another {agreed:?}"))?;
            }
            agreed = Some(roles);
            self.in_step(at)?;
        }
        Ok(())
    }

    fn in_step(&self, at: usize) -> Result<(), String> {
        let info: String = self.node(at).query(&["INFO", "replication"]);
        if let Some(master) = self.itself(at).follows {
            let up = self.find(&master).is_some_and(|master| self.in_touch().any(|at| at == master));
            ensure(up, || format!("node {at} follows a node that is not there"))?;
            ensure(info.contains("master_link_status:up"), || format!("node {at} is out of step: {info}"))
        } else {
            let followers = self.replicas_of(at).len();
            ensure(info.matches("state=online").count() >= followers, || {
                format!("node {at} has not brought {followers} replicas in step: {info}")
            })
        }
    }

    fn agree_on(&self, slot: u16, owner: usize) -> Result<(), String> {
        for at in self.in_touch() {
            let view = self.view(at);
            let known = view.iter().any(|seen| seen.has(slot) && seen.id == self.nodes[owner].id);
            ensure(known, || format!("node {at} does not know that node {owner} owns slot {slot}: {view:?}"))?;
        }
        self.agree_on_epochs()
    }

    /// A node that has not heard how late another's claims are may think its own the later, at the next move.
    fn agree_on_epochs(&self) -> Result<(), String> {
        let mut agreed = None;
        for at in self.in_touch() {
            let mut epochs: Vec<_> = self.view(at).into_iter().map(|seen| (seen.id, seen.epoch)).collect();
            epochs.sort();
            let first = agreed.get_or_insert_with(|| epochs.clone());
            ensure(*first == epochs, || format!("node {at} knows the epochs {epochs:?}, another {first:?}"))?;
        }
        Ok(())
    }

    fn awake(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|&at| self.node(at).is_awake())
    }

    fn in_touch(&self) -> impl Iterator<Item = usize> {
        self.awake().filter(|&at| !self.bus.is_cut(self.nodes[at].port()))
    }

    #[track_caller]
    fn anyone(&self) -> usize {
        self.awake().next().expect("no node is up")
    }

    fn find(&self, id: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == id)
    }

    fn view(&self, at: usize) -> Vec<Seen> {
        let nodes: String = self.node(at).query(&["CLUSTER", "NODES"]);
        nodes.lines().filter_map(Seen::parse).collect()
    }

    fn itself(&self, at: usize) -> Seen {
        self.view(at).into_iter().find(|seen| seen.myself).expect("a node knows itself")
    }
}

impl Node {
    #[track_caller]
    fn start(bus: &Bus, proxied: bool) -> Self {
        let mut leads = None;
        let server = RedisServer::launch(|port, _| {
            let proxy = proxied.then(|| Proxy::start(port));
            let told = proxy.as_ref().map_or(port, Proxy::port);
            let inner = port::free();
            let gate = bus.gate(told, inner);
            let ports = [
                ("--cluster-port", inner),
                ("--cluster-announce-port", told),
                ("--cluster-announce-bus-port", gate.port()),
            ];
            leads = Some((proxy, gate));
            let options = OPTIONS.iter().map(|&option| option.to_owned()).chain(users::options());
            options.chain(ports.into_iter().flat_map(|(name, port)| [name.to_owned(), port.to_string()])).collect()
        });
        let (proxy, gate) = leads.expect("a server was started with its options");
        let id = server.query(&["CLUSTER", "MYID"]);
        Self { server, id, proxy, gate }
    }

    fn url(&self) -> String {
        self.proxy.as_ref().map_or_else(|| self.server.url(), Proxy::url)
    }

    /// The port that clients and the other nodes are told.
    fn port(&self) -> u16 {
        self.proxy.as_ref().map_or_else(|| self.server.port(), Proxy::port)
    }
}

/// A node as a node sees it, which is a line of `CLUSTER NODES`:
///
/// ```text
/// 07c37df.. 127.0.0.1:30004@31004 myself,slave e7d1eec.. 0 1426238317239 4 connected
/// e7d1eec.. 127.0.0.1:30001@31001 master - 0 1426238316232 1 connected 0-5460 [93-<-292f8b3..]
/// ```
#[derive(Debug)]
struct Seen {
    id: String,
    myself: bool,
    /// Said to be down, or not known well enough to be spoken to.
    fails: bool,
    follows: Option<String>,
    epoch: u64,
    slots: Vec<RangeInclusive<u16>>,
}

impl Seen {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let id = words.next()?.to_owned();
        let flags: Vec<_> = words.nth(1)?.split(',').collect();
        let follows = words.next().filter(|&master| master != "-").map(str::to_owned);
        let epoch = words.nth(2)?.parse().ok()?;
        let slots = words.skip(1).filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(first.parse().ok()?..=last.parse().ok()?)
        });
        Some(Self {
            myself: flags.contains(&"myself"),
            fails: flags.iter().any(|flag| ["fail", "fail?", "handshake", "noaddr"].contains(flag)),
            slots: slots.collect(),
            id,
            follows,
            epoch,
        })
    }

    fn has(&self, slot: u16) -> bool {
        self.slots.iter().any(|range| range.contains(&slot))
    }
}

/// Who follows whom and who has which slots: the same in all views once news has spread.
#[derive(Debug, PartialEq, Eq)]
struct Roles(BTreeMap<String, (Option<String>, Vec<RangeInclusive<u16>>)>);

impl Roles {
    fn of(view: &[Seen]) -> Self {
        Self(view.iter().map(|seen| (seen.id.clone(), (seen.follows.clone(), seen.slots.clone()))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_view_is_read() {
        let seen = Seen::parse("a1 127.0.0.1:1@2,host myself,master - 0 0 7 connected 3 5-8 [93-<-b2] [94->-b2]")
            .expect("it is whole");
        assert_eq!((seen.id.as_str(), seen.myself, seen.fails, seen.epoch), ("a1", true, false, 7));
        assert_eq!((seen.follows, seen.slots), (None, vec![3..=3, 5..=8]));

        let seen = Seen::parse("b2 127.0.0.1:1@2 slave,fail? a1 0 0 7 disconnected").expect("it is whole");
        assert_eq!((seen.myself, seen.fails, seen.follows.as_deref()), (false, true, Some("a1")));
        assert!(seen.slots.is_empty());
    }
}
