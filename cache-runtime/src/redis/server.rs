//! The operations of the protocol, each one round trip. That before a load is in `ensure`, that behind it in `fill`, those
//! that void in `void`; to whom all of them are sent is in `scatter` and `topology`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::address::Address;
use super::answers::Answers;
use super::command::Command;
use super::keyspace::Name;
use super::script;
use super::told::Answer;
use super::topology::{Map, Topology};
use super::{Failure, Names};
use crate::budget::Budget;
use crate::config::Config;
use crate::entry::History;
use crate::local::LocalStore;
use crate::mutant::{Mutant, Rules};
use crate::{Error, Key, clock};

/// How many keys one command names at most.
pub(super) const CHUNK: usize = 500;

pub(crate) struct Server {
    pub(crate) topology: Arc<Topology>,
    pub(crate) names: Names,
    /// The in-process tier, which hears what is invalidated.
    pub(crate) local: Option<Arc<LocalStore>>,
    /// For how long an answered heartbeat vouches for the in-process tier.
    pub(super) lease: Duration,
    pub(super) token_ttl_ms: u64,
    /// Whether a server was too old for the command that does for ENSURE.
    pub(super) only_scripts: AtomicBool,
    /// Whether a server was met that takes scripts about one name, and none about several.
    pub(super) only_apart: AtomicBool,
    pub(super) fence_ttl_ms: u64,
    tag_ttl_ms: AtomicU64,
    rules: Rules,
}

/// A step of a walk.
pub(crate) struct Step {
    /// 0: there are no more.
    pub(crate) cursor: u64,
    pub(crate) names: Vec<String>,
    /// Which connection answered.
    pub(crate) connection: u64,
    /// The history of its server.
    #[cfg(feature = "inspect")]
    pub(crate) history: History,
}

impl Server {
    /// How many keys a step of a walk asks for.
    pub(crate) const SCANNED: u32 = CHUNK as u32;

    pub(crate) fn new(address: Address, config: &Config, local: Option<Arc<LocalStore>>) -> Result<Self, Error> {
        Ok(Self {
            topology: Arc::new(Topology::new(address, config, local.clone())?),
            names: Names::new(&config.namespace),
            local,
            lease: config.lease,
            token_ttl_ms: clock::millis(config.token_ttl),
            only_scripts: AtomicBool::new(false),
            only_apart: AtomicBool::new(false),
            fence_ttl_ms: clock::millis(config.fence_ttl),
            tag_ttl_ms: AtomicU64::new(clock::millis(config.tag_ttl)),
            rules: config.rules,
        })
    }

    pub(crate) fn breaks(&self, mutant: Mutant) -> bool {
        self.rules.are_without(mutant)
    }

    /// Stamps outlive the entries that carry them.
    pub(crate) fn entries_live(&self, ttl: Duration) {
        self.tag_ttl_ms.fetch_max(clock::millis(ttl).saturating_mul(2), Ordering::Relaxed);
    }

    pub(super) fn tag_ttl_ms(&self) -> u64 {
        self.tag_ttl_ms.load(Ordering::Relaxed)
    }

    /// READ: what each name holds.
    pub(crate) async fn read<'a>(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: impl Iterator<Item = Name<'a>> + Clone + Send + Sync,
    ) -> Result<Answers, Failure> {
        let Some(node) = self.topology.fixed().and_then(Map::only) else {
            // Boxed, as what it seldom needs: the future of each call would have room for it.
            return Box::pin(self.read_by_map(budget, names)).await;
        };
        self.attend(node);
        self.told(node.read(budget, names).await)
    }

    async fn read_by_map<'a>(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: impl Iterator<Item = Name<'a>> + Clone + Send + Sync,
    ) -> Result<Answers, Failure> {
        let map = match self.known_map() {
            Some(map) => map,
            None => Box::pin(self.map(budget)).await?,
        };
        match map.only() {
            Some(node) => self.told(node.read(budget, names).await),
            None => {
                let names: Vec<String> = names.map(|name| name.to_string()).collect();
                Box::pin(self.read_at_several(&map, budget, &names)).await
            }
        }
    }

    /// What the only master has told.
    fn told(&self, answer: Answer) -> Result<Answers, Failure> {
        let told = answer.inspect_err(|failure| self.topology.suspect(failure))?;
        told.ok_or_else(|| Failure::refused("the server points elsewhere"))
    }

    /// What stands for the master of a key's entry, as far as it is known.
    pub(crate) fn master_of(&self, key: &Key) -> usize {
        let of_several = |map: Arc<Map>| Some(Arc::as_ptr(map.owner(&self.names.entry(key)).ok()?).addr());
        match self.topology.fixed().and_then(Map::only) {
            Some(_) => 0,
            None => self.topology.known().and_then(of_several).unwrap_or(0),
        }
    }

    /// RELEASE: takes a token back whose load ended without a value.
    pub(crate) async fn release(
        self: &Arc<Self>,
        budget: &mut Budget,
        key: &Key,
        expected: &[u8],
    ) -> Result<(), Failure> {
        let name = self.names.entry(key);
        let release = |_: History| (script::on(&name, script::RELEASE, &[expected]), ());
        self.at_owner(budget, &name, &release).await?.accepted().map(drop)
    }

    /// One step of a walk over the names at one master that match `pattern`. All steps of a walk take one lane.
    pub(crate) async fn scan(
        self: &Arc<Self>,
        budget: &mut Budget,
        node: &Arc<super::Node>,
        cursor: u64,
        pattern: &str,
    ) -> Result<Step, Failure> {
        self.scan_by(CHUNK, budget, node, cursor, pattern).await
    }

    /// The same, by steps of the caller's choice.
    pub(crate) async fn scan_by(
        self: &Arc<Self>,
        count: usize,
        budget: &mut Budget,
        node: &Arc<super::Node>,
        cursor: u64,
        pattern: &str,
    ) -> Result<Step, Failure> {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(count);
        let scan = &scan;
        let ((cursor, names), witness) = node
            .request_on(0, budget, |mut connection, _| async move {
                scan.query_async::<(u64, Vec<Vec<u8>>)>(&mut connection).await
            })
            .await?;
        // Ours are all UTF-8.
        let names = names.into_iter().filter_map(|name| String::from_utf8(name).ok()).collect();
        Ok(Step {
            cursor,
            names,
            connection: witness.connection,
            #[cfg(feature = "inspect")]
            history: witness.history(),
        })
    }

    /// How many milliseconds the entry has left; negative if it is not there.
    pub(crate) async fn expires_in(self: &Arc<Self>, budget: &mut Budget, key: &Key) -> Result<i64, Failure> {
        let name = self.names.entry(key);
        let ask = |_: History| (Command::new("PTTL", &[name.as_bytes()]), ());
        Ok(self.at_owner(budget, &name, &ask).await?.accepted()?.number())
    }

    /// What keeps a master from being used.
    pub(crate) fn trouble(&self) -> Option<String> {
        let of_a_node = || self.topology.nodes().iter().find_map(|node| node.last_trouble());
        self.topology.trouble().or_else(of_a_node)
    }

    pub(crate) async fn ping(self: &Arc<Self>, budget: &mut Budget) -> Result<(), Failure> {
        for node in &self.map(budget).await?.nodes {
            node.pipeline(budget, |_, commands| {
                commands.add(Command::new("PING", &[]));
            })
            .await?;
        }
        Ok(())
    }
}
