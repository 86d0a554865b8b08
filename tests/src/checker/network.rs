//! What happens to the network.

use std::thread::sleep;
use std::time::Duration;

use fastrand::Rng;

use super::fault::{Fault, kill_clients, millis};
use super::system::{NODES, System};
use crate::{Mode, Proxy};

/// Short ones, on one way.
pub(super) const BRIEF: [Fault; 7] = [
    Fault { name: "delay", happen: |system, rng| brief(system, Mode::Delay(millis(rng, 1..60)), rng) },
    Fault { name: "black hole", happen: |system, rng| brief(system, Mode::BlackHole, rng) },
    Fault { name: "black hole, requests", happen: |system, rng| brief(system, Mode::BlackHoleRequests, rng) },
    Fault { name: "black hole, replies", happen: |system, rng| brief(system, Mode::BlackHoleReplies, rng) },
    Fault { name: "reset", happen: |system, rng| brief(system, Mode::Reset, rng) },
    Fault { name: "stall", happen: |system, rng| brief(system, Mode::Stall, rng) },
    Fault { name: "split", happen: |system, rng| brief(system, Mode::Split, rng) },
];

pub(super) const DRIP: Fault = Fault {
    name: "drip",
    happen: |system, rng| {
        let proxy = one_of(&system.proxies(), rng);
        proxy.set_data(Mode::Drip(Duration::from_micros(rng.u64(200..1000))));
        sleep(millis(rng, 300..800));
        proxy.set(Mode::Pass);
        Some(())
    },
};

pub(super) const LATE_MESSAGES: Fault = Fault {
    name: "late messages",
    happen: |system, rng| {
        held(&system.proxies(), rng, |proxy, rng| {
            proxy.set_subscribers(Mode::Delay(millis(rng, 60..150)));
            sleep(millis(rng, 500..1000));
        })
    },
};

pub(super) const DEAF: Fault = Fault {
    name: "deaf subscribers",
    happen: |system, rng| {
        held(&system.proxies(), rng, |proxy, rng| {
            proxy.set_subscribers(Mode::BlackHoleReplies);
            sleep(millis(rng, 600..1200));
        })
    },
};

pub(super) const LATE_THEN_DEAF: Fault = Fault {
    name: "late, then deaf subscribers",
    happen: |system, rng| {
        held(&system.proxies(), rng, |proxy, rng| {
            proxy.set_subscribers(Mode::Delay(millis(rng, 140..190)));
            sleep(millis(rng, 500..800));
            proxy.set_subscribers(Mode::BlackHoleReplies);
            sleep(millis(rng, 600..1200));
        })
    },
};

pub(super) const SUBSCRIBERS: Fault = Fault {
    name: "subscribers killed",
    happen: |system, _| {
        system.masters().iter().for_each(|server| kill_clients(server, "pubsub"));
        Some(())
    },
};

pub(super) const SUBSCRIBERS_AND_LATE_REPLIES: Fault = Fault {
    name: "subscribers killed while replies are late",
    happen: |system, rng| {
        system.proxies().iter().for_each(|proxy| proxy.set_data(Mode::Delay(millis(rng, 5..20))));
        for _ in 0..8 {
            system.masters().iter().for_each(|server| kill_clients(server, "pubsub"));
            sleep(millis(rng, 40..120));
        }
        system.proxies().iter().for_each(|proxy| proxy.set(Mode::Pass));
        Some(())
    },
};

/// Longer than a lease, without anybody noticing by a closed connection.
pub(super) const SILENCE_OF_A_SERVER: Fault = Fault {
    name: "silence of a server",
    happen: |system, rng| {
        // Sentinels would vote a master out.
        let longest = if matches!(system, System::Sentinel(_)) { 900 } else { 1800 };
        let proxy = one_of(&system.proxies(), rng);
        proxy.set(silent(rng));
        sleep(millis(rng, 500..longest));
        proxy.set(Mode::Pass);
        sleep(millis(rng, 0..300));
        proxy.kill_connections();
        Some(())
    },
};

/// The others go on mutating meanwhile. Afterwards nobody closes what is silent: the node has to notice by itself.
pub(super) const SILENCE_OF_A_NODE: Fault = Fault {
    name: "silence of a node",
    happen: |system, rng| {
        let (node, mode) = (rng.usize(..NODES), silent(rng));
        // Half the time it reads and writes as ever, and only hears nothing.
        system.set_node(node, if rng.bool() { mode } else { Mode::Pass }, mode);
        sleep(millis(rng, 500..1800));
        system.calm();
        Some(())
    },
};

fn one_of<'a>(proxies: &[&'a Proxy], rng: &mut Rng) -> &'a Proxy {
    proxies[rng.usize(..proxies.len())]
}

fn silent(rng: &mut Rng) -> Mode {
    [Mode::BlackHole, Mode::BlackHoleReplies, Mode::Stall][rng.usize(..3)]
}

fn brief(system: &System, mode: Mode, rng: &mut Rng) -> Option<()> {
    let proxy = one_of(&system.proxies(), rng);
    proxy.set(mode);
    sleep(millis(rng, 20..300));
    proxy.set(Mode::Pass);
    if rng.bool() || matches!(mode, Mode::BlackHole | Mode::BlackHoleRequests | Mode::BlackHoleReplies) {
        proxy.kill_connections();
    }
    Some(())
}

/// A fault on every way to the servers; afterwards all pass again, and what was silenced is closed.
fn held(proxies: &[&Proxy], rng: &mut Rng, fault: impl Fn(&Proxy, &mut Rng) + Sync) -> Option<()> {
    std::thread::scope(|scope| {
        for proxy in proxies {
            let (fault, mut rng) = (&fault, rng.fork());
            scope.spawn(move || fault(proxy, &mut rng));
        }
    });
    for proxy in proxies {
        proxy.set(Mode::Pass);
        proxy.kill_connections();
    }
    Some(())
}
