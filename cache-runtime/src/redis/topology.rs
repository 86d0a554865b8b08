//! Which master owns which key, and how that is found out.
//!
//! One server is a map that never changes. A Sentinel's answer is a map of one master, a Cluster's a map of several.
//! A new map begins a new epoch: what is in process was vouched for by the masters of the old one. A master that
//! is in no map any more is never asked again, even if it comes back under its address: it gets a new `Node`.

use std::pin::pin;
#[cfg(feature = "cluster")]
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use redis::ConnectionInfo;
use tokio::sync::{Notify, watch};

use super::address::Address;
use super::look::{Layout, Look};
use super::node::{Common, Node};
use super::{Cause, Failure, Server};
use crate::breaker::Severity;
use crate::budget::Budget;
use crate::config::Config;
use crate::local::LocalStore;
use crate::{Error, clock};

/// How often the Sentinels and the Cluster are asked unprompted.
const LOOK: Duration = Duration::from_secs(1);
/// The least pause between two looks.
const BREATH: Duration = Duration::from_millis(20);

/// The masters, and what they own.
pub(crate) struct Map {
    pub(crate) nodes: Vec<Arc<Node>>,
    pub(super) owners: Owners,
    /// In a Cluster: of who owns what.
    pub(super) fingerprint: Option<u64>,
}

pub(super) enum Owners {
    /// The only node owns everything.
    One,
    /// First slot, last slot, index of the node.
    #[cfg(feature = "cluster")]
    Slots(Vec<(u16, u16, usize)>),
}

impl Map {
    #[cfg_attr(not(feature = "cluster"), expect(unused_variables, reason = "one node owns every name"))]
    pub(super) fn owner(&self, name: &str) -> Result<&Arc<Node>, Failure> {
        match &self.owners {
            Owners::One => Ok(&self.nodes[0]),
            #[cfg(feature = "cluster")]
            Owners::Slots(ranges) => {
                let slot = super::cluster::slot(name);
                ranges
                    .iter()
                    .find(|(first, last, _)| (*first..=*last).contains(&slot))
                    .map(|(_, _, node)| &self.nodes[*node])
                    .ok_or_else(|| Failure::refused(format!("no node of the Cluster owns slot {slot}")))
            }
        }
    }

    /// The node that owns everything.
    pub(crate) fn only(&self) -> Option<&Arc<Node>> {
        match &self.owners {
            Owners::One => self.nodes.first(),
            #[cfg(feature = "cluster")]
            Owners::Slots(_) => None,
        }
    }
}

#[derive(Clone)]
enum State {
    /// Nobody has looked yet.
    Unknown,
    Known(Arc<Map>),
    /// Nobody who was asked knew.
    Lost(Arc<str>),
}

pub(crate) struct Topology {
    /// Without a source the map never changes.
    common: Common,
    state: RwLock<State>,
    /// The map, where it never changes.
    fixed: Option<Arc<Map>>,
    /// How many looks have ended.
    looks: watch::Sender<u64>,
    again: Notify,
    looking: AtomicBool,
    /// Nodes that were named by others and are in no map; see [`by_address`](Self::by_address).
    #[cfg(feature = "cluster")]
    strays: Mutex<Vec<Arc<Node>>>,
}

/// Lets somebody else look if this task ends with its runtime.
struct Attending(Arc<Topology>);

impl Drop for Attending {
    fn drop(&mut self) {
        self.0.looking.store(false, SeqCst);
    }
}

impl Topology {
    pub(super) fn new(address: Address, config: &Config, local: Option<Arc<LocalStore>>) -> Result<Self, Error> {
        let topology = |source: Option<Arc<dyn Look>>| Self {
            common: Common {
                source,
                lanes: config.lanes,
                breaker_failures: config.breaker_failures,
                breaker_opened: Arc::default(),
                local: local.clone(),
                budget: config.budget,
                rules: config.rules,
            },
            state: RwLock::new(State::Unknown),
            fixed: None,
            looks: watch::Sender::new(0),
            again: Notify::new(),
            looking: AtomicBool::new(false),
            #[cfg(feature = "cluster")]
            strays: Mutex::default(),
        };
        match address {
            Address::One(info) => {
                let topology = topology(None);
                let nodes = vec![Arc::new(topology.node(info, false)?)];
                let map = Arc::new(Map { nodes, owners: Owners::One, fingerprint: None });
                Ok(Self { state: RwLock::new(State::Known(Arc::clone(&map))), fixed: Some(map), ..topology })
            }
            #[cfg(feature = "cluster")]
            Address::Cluster(seeds) => Ok(topology(Some(Arc::new(super::cluster::Scouts::new(seeds))))),
            #[cfg(feature = "sentinel")]
            Address::Sentinel { sentinels, service, master } => {
                let watch = super::sentinel::Watch::new(sentinels, service, master);
                Ok(topology(Some(Arc::new(watch))))
            }
        }
    }

    fn node(&self, info: ConnectionInfo, clustered: bool) -> Result<Node, Error> {
        Node::new(info, clustered, &self.common)
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The map as far as it is known.
    pub(crate) fn known(&self) -> Option<Arc<Map>> {
        match self.state() {
            State::Known(map) => Some(map),
            State::Unknown | State::Lost(_) => None,
        }
    }

    pub(crate) fn nodes(&self) -> Vec<Arc<Node>> {
        self.known().map(|map| map.nodes.clone()).unwrap_or_default()
    }

    /// How often a breaker opened, also of masters that are in no map any more.
    pub(crate) fn breaker_opened(&self) -> u64 {
        self.common.breaker_opened.load(Relaxed)
    }

    /// Why there is no map.
    pub(crate) fn trouble(&self) -> Option<String> {
        match self.state() {
            State::Lost(why) => Some(why.to_string()),
            State::Unknown | State::Known(_) => None,
        }
    }

    pub(super) fn has(&self, node: &Arc<Node>) -> bool {
        self.known().is_some_and(|map| map.nodes.iter().any(|known| Arc::ptr_eq(known, node)))
    }

    /// Whether a master's own view of who owns what is the one in use.
    pub(super) fn agrees(&self, fingerprint: Option<u64>) -> bool {
        self.known().is_some_and(|map| map.fingerprint == fingerprint)
    }

    pub(super) fn ask_again(&self) {
        self.again.notify_one();
    }

    /// A master failed somebody: it may have been replaced. What an open breaker answers is no news.
    pub(super) fn suspect(&self, failure: &Failure) {
        if failure.cause != Cause::Open && failure.severity == Severity::Fatal {
            self.ask_again();
        }
    }

    /// The node at an address that another node named, though no map may know it yet: one to which slots are on their
    /// way. No host: the one who named it.
    #[cfg(feature = "cluster")]
    pub(super) fn by_address(&self, named_by: &Node, host: Option<&str>, port: u16) -> Option<Arc<Node>> {
        let own = super::cluster::host_of(&named_by.info);
        let info = super::address::moved(&named_by.info, host.unwrap_or(&own), port);
        let name = info.addr().to_string();
        if let Some(node) = self.nodes().into_iter().find(|node| node.name == name) {
            return Some(node);
        }
        let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = strays.iter().find(|node| node.name == name) {
            return Some(Arc::clone(node));
        }
        let node = Arc::new(self.node(info, true).ok()?);
        strays.push(Arc::clone(&node));
        Some(node)
    }

    /// The map of a single server, which is at hand without a lock.
    pub(super) fn fixed(&self) -> Option<&Map> {
        self.fixed.as_deref()
    }
}

impl Server {
    /// The map, if it is known. Also sees to it that all who watch are at work, which takes a runtime.
    pub(super) fn known_map(self: &Arc<Self>) -> Option<Arc<Map>> {
        self.look();
        let map = self.topology.known()?;
        map.nodes.iter().for_each(|node| self.attend(node));
        Some(map)
    }

    /// The map, found within the budget if need be. Also sees to it that all who watch are at work.
    pub(crate) async fn map(self: &Arc<Self>, budget: &mut Budget) -> Result<Arc<Map>, Failure> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Failure::outside());
        }
        if let Some(map) = self.known_map() {
            return Ok(map);
        }
        let map = match self.topology.state() {
            State::Known(map) => map,
            State::Lost(_) => return Err(Failure::open()),
            State::Unknown => {
                let mut looks = self.topology.looks.subscribe();
                let waited = budget.spend(pin!(looks.wait_for(|looks| *looks > 0))).await;
                if waited.is_err() {
                    // The callers behind shall not wait as well; the look goes on.
                    self.topology.lost("nobody answered within the budget");
                    return Err(Failure::timeout());
                }
                match self.topology.state() {
                    State::Known(map) => map,
                    State::Lost(why) => return Err(Failure::disconnected(String::from(&*why))),
                    State::Unknown => return Err(Failure::open()),
                }
            }
        };
        map.nodes.iter().for_each(|node| self.attend(node));
        Ok(map)
    }

    /// Waits for a look to end: a server has pointed elsewhere.
    #[cfg(feature = "cluster")]
    pub(super) async fn look_again(self: &Arc<Self>, budget: &mut Budget) -> Result<(), Failure> {
        let mut looks = self.topology.looks.subscribe();
        let now = *looks.borrow_and_update();
        self.topology.ask_again();
        // The look under way may have begun earlier.
        let waited = budget.spend(pin!(looks.wait_for(|looks| *looks > now))).await;
        waited.map(drop).map_err(|_| Failure::timeout())
    }

    /// Starts the task that looks, unless it runs or there is nothing to look for.
    fn look(self: &Arc<Self>) {
        let topology = &self.topology;
        if topology.fixed.is_some() || topology.looking.load(SeqCst) || topology.looking.swap(true, SeqCst) {
            return;
        }
        let attending = Attending(Arc::clone(topology));
        let server = Arc::downgrade(self);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { attending.0.keep_looking(&server).await });
        }
    }
}

impl Topology {
    async fn keep_looking(&self, server: &Weak<Server>) {
        let Some(source) = &self.common.source else { return };
        loop {
            let known = self.nodes().iter().map(|node| node.info.clone()).collect();
            let found = source.look(known).await;
            let Some(server) = server.upgrade() else { return };
            match found.and_then(|found| self.install(found)) {
                Ok(()) => self.nodes().iter().for_each(|node| server.attend(node)),
                // A map that was right a moment ago is better than none.
                Err(failure) if self.known().is_none() => self.lost(&failure.message),
                Err(failure) => tracing::debug!(cause = %failure.message, "the topology could not be looked at"),
            }
            drop(server);
            self.looks.send_modify(|looks| *looks += 1);
            let began = clock::now();
            let _ = tokio::time::timeout(LOOK, self.again.notified()).await;
            tokio::time::sleep(BREATH.saturating_sub(began.elapsed())).await;
        }
    }

    fn lost(&self, why: &str) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*state, State::Known(_)) {
            *state = State::Lost(why.into());
        }
    }

    /// Takes a new map into use, with the nodes that it shares with the old one.
    fn install(&self, found: Layout) -> Result<(), Failure> {
        let old = self.known();
        let clustered = found.fingerprint.is_some();
        let mut nodes = Vec::with_capacity(found.masters.len());
        for info in found.masters {
            let name = info.addr().to_string();
            let kept = old.iter().flat_map(|map| &map.nodes).find(|node| node.name == name);
            nodes.push(match kept {
                Some(node) => Arc::clone(node),
                None => Arc::new(self.node(info, clustered).map_err(|error| Failure::refused(error.to_string()))?),
            });
        }
        if nodes.is_empty() {
            return Err(Failure::refused("no master was found"));
        }
        let same = old.as_ref().is_some_and(|old| {
            old.fingerprint == found.fingerprint
                && old.nodes.len() == nodes.len()
                && old.nodes.iter().zip(&nodes).all(|(old, new)| Arc::ptr_eq(old, new))
        });
        if same {
            return Ok(());
        }
        let names: Vec<_> = nodes.iter().map(|node| node.name.as_str()).collect();
        tracing::info!(masters = ?names, "the cache has new masters, or they own other keys");
        let owners = match clustered {
            #[cfg(feature = "cluster")]
            true => Owners::Slots(found.slots),
            _ => Owners::One,
        };
        #[cfg(feature = "cluster")]
        self.strays.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let map = Arc::new(Map { nodes, owners, fingerprint: found.fingerprint });
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = State::Known(map);
        if let Some(local) = &self.common.local {
            local.lease().revoke();
            local.new_epoch();
        }
        Ok(())
    }
}
