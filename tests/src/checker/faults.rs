//! What happens to the servers and the network while a run is on. Each fault ends before the next begins.

use std::thread::sleep;
use std::time::Duration;

use fastrand::Rng;

use super::system::System;
use crate::{Mode, Pair, Predecessor, Proxy, RedisCluster, RedisServer, Sentinels};

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
    /// Long silences, one way or both.
    Silence,
    /// Everything that this system can suffer.
    Everything,
}

fn millis(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}

/// Lets one fault happen, and returns when it is over.
pub(super) fn inject(system: &mut System, faults: Faults, rng: &mut Rng) -> &'static str {
    match faults {
        Faults::None => "none",
        Faults::Network => network(proxies(system), rng),
        Faults::Silence => silence(system, rng),
        Faults::Drip => {
            let proxies = proxies(system);
            let proxy = proxies[rng.usize(..proxies.len())];
            proxy.set_data(Mode::Drip(Duration::from_micros(rng.u64(200..1000))));
            sleep(millis(rng, 300..800));
            proxy.set(Mode::Pass);
            "drip"
        }
        Faults::LateMessages => {
            held(proxies(system), rng, |proxy, rng| {
                proxy.set_subscribers(Mode::Delay(millis(rng, 60..150)));
                sleep(millis(rng, 500..1000));
            });
            "late messages"
        }
        Faults::Deaf => {
            held(proxies(system), rng, |proxy, rng| {
                proxy.set_subscribers(Mode::BlackHoleReplies);
                sleep(millis(rng, 600..1200));
            });
            "deaf subscribers"
        }
        Faults::LateThenDeaf => {
            held(proxies(system), rng, |proxy, rng| {
                proxy.set_subscribers(Mode::Delay(millis(rng, 140..190)));
                sleep(millis(rng, 500..800));
                proxy.set_subscribers(Mode::BlackHoleReplies);
                sleep(millis(rng, 600..1200));
            });
            "late, then deaf subscribers"
        }
        Faults::SubscribersAndLateReplies => {
            proxies(system).iter().for_each(|proxy| proxy.set_data(Mode::Delay(millis(rng, 5..20))));
            for _ in 0..8 {
                masters(system).iter().for_each(|server| kill_clients(server, "pubsub"));
                sleep(millis(rng, 40..120));
            }
            proxies(system).iter().for_each(|proxy| proxy.set(Mode::Pass));
            "subscribers killed while replies are late"
        }
        Faults::Subscribers => {
            masters(system).iter().for_each(|server| kill_clients(server, "pubsub"));
            "subscribers killed"
        }
        Faults::Eviction => {
            masters(system).iter().for_each(|server| evict(server, rng));
            "keys evicted"
        }
        Faults::Everything => match rng.u32(..16) {
            0..5 => network(proxies(system), rng),
            5 => silence(system, rng),
            6 => inject(system, Faults::SubscribersAndLateReplies, rng),
            7 => inject(system, Faults::LateMessages, rng),
            8 => inject(system, Faults::Deaf, rng),
            9 => inject(system, Faults::LateThenDeaf, rng),
            10 => inject(system, Faults::Drip, rng),
            _ => match system {
                System::Standalone(server, _) => server_fault(server, rng),
                System::Pair(pair) => pair_fault(pair, rng),
                System::Sentinel(sentinels) => sentinel_fault(sentinels, rng),
                System::Cluster(cluster) => cluster_fault(cluster, rng),
            },
        },
    }
}

fn masters(system: &System) -> Vec<&RedisServer> {
    match system {
        System::Standalone(server, _) => vec![server],
        System::Pair(pair) => vec![pair.master()],
        System::Sentinel(sentinels) => vec![sentinels.node(sentinels.master())],
        System::Cluster(cluster) => cluster.masters().into_iter().map(|at| cluster.node(at)).collect(),
    }
}

/// What clients go through.
fn proxies(system: &System) -> Vec<&Proxy> {
    match system {
        System::Standalone(_, proxies) => proxies.iter().collect(),
        System::Pair(pair) => vec![pair.front()],
        System::Sentinel(sentinels) => vec![sentinels.proxy(sentinels.master())],
        System::Cluster(cluster) => cluster.masters().into_iter().map(|at| cluster.proxy(at)).collect(),
    }
}

fn network(proxies: Vec<&Proxy>, rng: &mut Rng) -> &'static str {
    let proxy = proxies[rng.usize(..proxies.len())];
    let (mode, name) = match rng.u32(..7) {
        0 => (Mode::Delay(millis(rng, 1..60)), "delay"),
        1 => (Mode::BlackHole, "black hole"),
        2 => (Mode::BlackHoleRequests, "black hole, requests"),
        3 => (Mode::BlackHoleReplies, "black hole, replies"),
        4 => (Mode::Reset, "reset"),
        5 => (Mode::Stall, "stall"),
        _ => (Mode::Split, "split"),
    };
    proxy.set(mode);
    sleep(millis(rng, 20..300));
    proxy.set(Mode::Pass);
    if rng.bool() || matches!(mode, Mode::BlackHole | Mode::BlackHoleRequests | Mode::BlackHoleReplies) {
        proxy.kill_connections();
    }
    name
}

/// Longer than a lease, without anybody noticing by a closed connection.
fn silence(system: &System, rng: &mut Rng) -> &'static str {
    // Sentinels would vote a master out.
    let longest = if matches!(system, System::Sentinel(_)) { 900 } else { 1800 };
    let proxies = proxies(system);
    let proxy = proxies[rng.usize(..proxies.len())];
    proxy.set(match rng.u32(..3) {
        0 => Mode::BlackHole,
        1 => Mode::BlackHoleReplies,
        _ => Mode::Stall,
    });
    sleep(millis(rng, 500..longest));
    proxy.set(Mode::Pass);
    sleep(millis(rng, 0..300));
    proxy.kill_connections();
    "silence"
}

/// A fault on every way to the servers; afterwards all pass again, and what was silenced is closed.
fn held(proxies: Vec<&Proxy>, rng: &mut Rng, fault: impl Fn(&Proxy, &mut Rng) + Sync) {
    std::thread::scope(|scope| {
        for proxy in &proxies {
            let (fault, mut rng) = (&fault, rng.fork());
            scope.spawn(move || fault(proxy, &mut rng));
        }
    });
    for proxy in proxies {
        proxy.set(Mode::Pass);
        proxy.kill_connections();
    }
}

fn kill_clients(server: &RedisServer, kind: &str) {
    // Our own connection is left out by the server.
    server.command(&["CLIENT", "KILL", "TYPE", kind]);
}

/// Some keys vanish.
fn evict(server: &RedisServer, rng: &mut Rng) {
    for key in server.keys() {
        if rng.u32(..4) == 0 {
            server.command(&["DEL", &key]);
        }
    }
    sleep(millis(rng, 5..40));
}

fn server_fault(server: &mut RedisServer, rng: &mut Rng) -> &'static str {
    match rng.u32(..10) {
        0 => {
            server.kill();
            sleep(millis(rng, 20..400));
            server.restart();
            "kill -9 and empty restart"
        }
        1 => {
            server.command(&["SAVE"]);
            sleep(millis(rng, 100..600));
            server.kill();
            sleep(millis(rng, 0..200));
            server.restart();
            // The next restart is an empty one again.
            server.remove_dump();
            "kill -9 and restart from an old snapshot"
        }
        2 => {
            server.command(&["CLIENT", "PAUSE", &rng.u32(30..300).to_string(), "WRITE"]);
            sleep(millis(rng, 50..350));
            "writes paused"
        }
        3 => {
            server.command(&["CLIENT", "PAUSE", &rng.u32(30..300).to_string(), "ALL"]);
            sleep(millis(rng, 50..350));
            "clients paused"
        }
        4 => {
            kill_clients(server, ["normal", "pubsub"][rng.usize(..2)]);
            "clients killed"
        }
        5 => {
            server.pause();
            sleep(millis(rng, 50..900));
            server.resume();
            "stopped"
        }
        6 => {
            server.command(&["FLUSHALL"]);
            "FLUSHALL"
        }
        7 => {
            server.command(&["SCRIPT", "FLUSH"]);
            "SCRIPT FLUSH"
        }
        8 => {
            server.command(&["CONFIG", "SET", "maxmemory", "1"]);
            sleep(millis(rng, 20..200));
            server.command(&["CONFIG", "SET", "maxmemory", "0"]);
            "out of memory"
        }
        _ => {
            evict(server, rng);
            "keys evicted"
        }
    }
}

fn pair_fault(pair: &mut Pair, rng: &mut Rng) -> &'static str {
    match rng.u32(..3) {
        0 => {
            kill_clients(pair.master(), ["normal", "pubsub"][rng.usize(..2)]);
            "clients killed"
        }
        1 => {
            // What is acknowledged from here on is lost.
            pair.cut_replication();
            sleep(millis(rng, 50..400));
            pair.promote(Predecessor::Killed);
            pair.demote();
            "failover that loses writes, the master was killed"
        }
        _ => {
            pair.cut_replication();
            sleep(millis(rng, 50..400));
            // Nobody may write to the old one while both are masters: that is nobody's promise.
            pair.front().set(Mode::Stall);
            pair.promote(Predecessor::Demoted);
            pair.front().kill_connections();
            pair.front().set(Mode::Pass);
            "failover that loses writes, the master was demoted"
        }
    }
}

fn sentinel_fault(sentinels: &mut Sentinels, rng: &mut Rng) -> &'static str {
    let master = sentinels.master();
    match rng.u32(..4) {
        0 => {
            kill_clients(sentinels.node(master), ["normal", "pubsub"][rng.usize(..2)]);
            "clients killed"
        }
        1 => {
            sentinels.node(master).command(&["FLUSHALL"]);
            "FLUSHALL"
        }
        _ => {
            sentinels.kill(master);
            sentinels.wait_master_changes_from(master);
            sleep(millis(rng, 0..500));
            sentinels.restart(master);
            sentinels.wait_ok();
            "failover by the Sentinels"
        }
    }
}

fn cluster_fault(cluster: &mut RedisCluster, rng: &mut Rng) -> &'static str {
    let masters = cluster.masters();
    let master = masters[rng.usize(..masters.len())];
    match rng.u32(..8) {
        0 => {
            kill_clients(cluster.node(master), ["normal", "pubsub"][rng.usize(..2)]);
            "clients killed"
        }
        1 => {
            cluster.node(master).command(&["FLUSHALL"]);
            "FLUSHALL"
        }
        2 => {
            cluster.node(master).command(&["SCRIPT", "FLUSH"]);
            "SCRIPT FLUSH"
        }
        3 => {
            evict(cluster.node(master), rng);
            "keys evicted"
        }
        4 => {
            cluster.kill(master);
            sleep(millis(rng, 1500..3500));
            cluster.restart(master);
            cluster.wait_ok();
            "a master killed"
        }
        5 => {
            if let Some(replica) = cluster.replicas_of(master).first() {
                cluster.failover(*replica);
            }
            "failover by hand"
        }
        6 => {
            // Short enough that nobody is voted out.
            cluster.cut_bus(master);
            sleep(millis(rng, 100..600));
            cluster.mend_bus(master);
            cluster.wait_ok();
            "bus cut"
        }
        _ => {
            let slot = cluster.slot(&format!("check:e:row:{}", rng.u32(..12)));
            let from = cluster.owner_of(slot);
            let to = masters[rng.usize(..masters.len())];
            if from != to {
                cluster.begin_move(slot, to);
                sleep(millis(rng, 0..200));
                cluster.move_keys(slot, to);
                sleep(millis(rng, 0..200));
                cluster.finish_move(slot, to);
                cluster.wait_ok();
            }
            "a slot moved"
        }
    }
}
