//! What happens to the servers.
//!
//! Where a master is replaced while it is well, what nodes say to the old one is held back until all who name the master
//! name the new one, and is then lost: that those who talk to a deposed master see what is new is nobody's promise. By
//! command, the old one goes on as a master for some seconds behind that; nodes ask the Sentinels about it when they dial.

use std::thread::sleep;

use fastrand::Rng;

use super::fault::{Fault, kill_clients, millis};
use super::system::{Kind, NODES, System};
use crate::{Mode, Predecessor, RedisCluster, RedisServer};

/// What any master suffers.
pub(super) const ANYWHERE: [Fault; 7] = [
    Fault {
        name: "clients killed",
        happen: |system, rng| {
            kill_clients(a_master(system, rng), ["normal", "pubsub"][rng.usize(..2)]);
            Some(())
        },
    },
    Fault {
        name: "FLUSHALL",
        happen: |system, rng| {
            a_master(system, rng).command(&["FLUSHALL"]);
            Some(())
        },
    },
    Fault {
        name: "SCRIPT FLUSH",
        happen: |system, rng| {
            a_master(system, rng).command(&["SCRIPT", "FLUSH"]);
            Some(())
        },
    },
    Fault {
        name: "out of memory",
        happen: |system, rng| {
            let server = a_master(system, rng);
            server.command(&["CONFIG", "SET", "maxmemory", "1"]);
            sleep(millis(rng, 20..200));
            server.command(&["CONFIG", "SET", "maxmemory", "0"]);
            Some(())
        },
    },
    Fault { name: "writes paused", happen: |system, rng| pause(a_master(system, rng), "WRITE", rng) },
    Fault { name: "clients paused", happen: |system, rng| pause(a_master(system, rng), "ALL", rng) },
    EVICTION,
];

pub(super) const EVICTION: Fault = Fault {
    name: "keys evicted",
    happen: |system, rng| {
        for server in system.masters() {
            for key in server.keys() {
                if rng.u32(..4) == 0 {
                    server.command(&["DEL", &key]);
                }
            }
        }
        sleep(millis(rng, 5..40));
        Some(())
    },
};

/// What only servers of this kind suffer.
pub(super) fn of(kind: Kind) -> &'static [Fault] {
    match kind {
        Kind::Standalone => &STANDALONE,
        Kind::Pair => &PAIR,
        Kind::Sentinel => &SENTINEL,
        Kind::Cluster => &CLUSTER,
    }
}

const STANDALONE: [Fault; 3] = [
    Fault {
        name: "kill -9 and empty restart",
        happen: |system, rng| {
            let System::Standalone(server, _) = system else { return None };
            server.kill();
            sleep(millis(rng, 20..400));
            server.restart();
            Some(())
        },
    },
    Fault {
        name: "kill -9 and restart from an old snapshot",
        happen: |system, rng| {
            let System::Standalone(server, _) = system else { return None };
            server.command(&["SAVE"]);
            sleep(millis(rng, 100..600));
            server.kill();
            sleep(millis(rng, 0..200));
            server.restart();
            // The next restart is an empty one again.
            server.remove_dump();
            Some(())
        },
    },
    STOP,
];

const STOP: Fault = Fault {
    name: "stopped",
    happen: |system, rng| {
        let server = a_master(system, rng);
        server.pause();
        sleep(millis(rng, 50..900));
        server.resume();
        Some(())
    },
};

const PAIR: [Fault; 3] = [
    Fault {
        name: "failover that loses writes, the master was killed",
        happen: |system, rng| {
            let System::Pair(pair) = system else { return None };
            // What is acknowledged from here on is lost.
            pair.cut_replication();
            sleep(millis(rng, 50..400));
            pair.promote(Predecessor::Killed);
            pair.demote();
            Some(())
        },
    },
    Fault {
        name: "failover that loses writes, the master was demoted",
        happen: |system, rng| {
            let System::Pair(pair) = system else { return None };
            pair.cut_replication();
            sleep(millis(rng, 50..400));
            pair.front().set(Mode::Stall);
            pair.promote(Predecessor::Demoted);
            pair.front().kill_connections();
            pair.front().set(Mode::Pass);
            Some(())
        },
    },
    STOP,
];

const SENTINEL: [Fault; 2] = [
    Fault {
        name: "failover by the Sentinels, the master was killed",
        happen: |system, rng| {
            let System::Sentinel(sentinels) = system else { return None };
            let master = sentinels.master();
            sentinels.kill(master);
            sentinels.wait_master_changes_from(master);
            sleep(millis(rng, 0..500));
            sentinels.restart(master);
            sentinels.wait_ok();
            Some(())
        },
    },
    Fault {
        name: "failover by the Sentinels, by command",
        happen: |system, _| {
            (0..NODES).for_each(|node| system.set_node(node, Mode::Stall, Mode::Stall));
            let System::Sentinel(sentinels) = &*system else { return None };
            let old = sentinels.master();
            sentinels.order_failover();
            sentinels.wait_master_changes_from(old);
            // What was held back is never executed.
            sentinels.proxy(old).kill_connections();
            system.calm();
            sentinels.wait_ok();
            Some(())
        },
    },
];

const CLUSTER: [Fault; 5] = [
    Fault {
        name: "a master killed",
        happen: |system, rng| {
            let System::Cluster(cluster) = system else { return None };
            let masters = cluster.masters();
            let master = masters[rng.usize(..masters.len())];
            cluster.kill(master);
            sleep(millis(rng, 1500..3500));
            cluster.restart(master);
            cluster.wait_ok();
            Some(())
        },
    },
    Fault {
        name: "failover by hand",
        happen: |system, rng| {
            let System::Cluster(cluster) = system else { return None };
            let replicas = cluster.replicas();
            cluster.failover(*replicas.get(rng.usize(..replicas.len().max(1)))?);
            Some(())
        },
    },
    Fault {
        name: "bus cut",
        happen: |system, rng| {
            let System::Cluster(cluster) = system else { return None };
            let masters = cluster.masters();
            let master = masters[rng.usize(..masters.len())];
            // Short enough that nobody is voted out.
            cluster.cut_bus(master);
            sleep(millis(rng, 100..600));
            cluster.mend_bus(master);
            cluster.wait_ok();
            Some(())
        },
    },
    Fault {
        name: "the slot of an entry moved",
        happen: |system, rng| {
            let System::Cluster(cluster) = system else { return None };
            move_slot(cluster, &format!("check:e:row:{}", rng.u32(..6)), rng)
        },
    },
    Fault {
        name: "the slot of a tag moved",
        happen: |system, rng| {
            let System::Cluster(cluster) = system else { return None };
            let tag = if rng.bool() { format!("row:{}", rng.u32(..6)) } else { format!("group:{}", rng.u32(..2)) };
            move_slot(cluster, &format!("check:t:{tag}"), rng)
        },
    },
];

fn a_master<'a>(system: &'a System, rng: &mut Rng) -> &'a RedisServer {
    let masters = system.masters();
    masters[rng.usize(..masters.len())]
}

fn pause(server: &RedisServer, what: &str, rng: &mut Rng) -> Option<()> {
    server.command(&["CLIENT", "PAUSE", &rng.u32(30..300).to_string(), what]);
    sleep(millis(rng, 50..350));
    Some(())
}

fn move_slot(cluster: &RedisCluster, key: &str, rng: &mut Rng) -> Option<()> {
    let slot = cluster.slot(key);
    let from = cluster.owner_of(slot);
    let others: Vec<_> = cluster.masters().into_iter().filter(|master| *master != from).collect();
    let to = *others.get(rng.usize(..others.len().max(1)))?;
    cluster.begin_move(slot, to);
    sleep(millis(rng, 0..200));
    cluster.move_keys(slot, to);
    sleep(millis(rng, 0..200));
    cluster.finish_move(slot, to);
    cluster.wait_ok();
    Some(())
}
