//! One master: its connections, what is known of its health, and its channel.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::ConnectionInfo;

use super::Failure;
use super::channel::Channel;
use super::gather::Gather;
use super::history::Standing;
use super::lanes::Lanes;
use super::look::Look;
use super::probe::Probe;
use crate::Error;
use crate::breaker::Breaker;
use crate::local::LocalStore;
use crate::mutant::Rules;
use crate::sync::atomic::AtomicU64;

/// What all masters of a cache have in common.
pub(super) struct Common {
    /// Where maps come from, unless there is only one.
    pub(super) source: Option<Arc<dyn Look>>,
    pub(super) lanes: usize,
    pub(super) breaker_failures: u32,
    /// How often a breaker opened, also of masters that are in no map any more.
    pub(super) breaker_opened: Arc<AtomicU64>,
    pub(super) local: Option<Arc<LocalStore>>,
    /// How long a request for several callers may take.
    pub(super) budget: Duration,
    pub(super) rules: Rules,
}

pub(crate) struct Node {
    /// `host:port` or a path; never a secret.
    pub(crate) name: String,
    pub(super) info: ConnectionInfo,
    /// Whether it is one of several, and may send a caller to another.
    pub(super) clustered: bool,
    pub(super) lanes: Arc<Lanes>,
    pub(super) gather: Gather,
    pub(super) budget: Duration,
    pub(crate) breaker: Breaker,
    pub(super) probe: Probe,
    pub(crate) channel: Arc<Channel>,
    /// 0: not known yet, 1: the server tells its history, 2: it does not.
    guard: AtomicU8,
    last_trouble: Mutex<Option<String>>,
}

impl Node {
    pub(super) fn new(info: ConnectionInfo, clustered: bool, common: &Common) -> Result<Self, Error> {
        let channel = Arc::new(Channel::new(common.local.clone(), common.rules));
        let lanes = Lanes::new(info.clone(), common.source.clone(), common.lanes, Arc::clone(&channel))?;
        Ok(Self {
            name: info.addr().to_string(),
            clustered,
            lanes: Arc::new(lanes),
            gather: Gather::new(common.lanes),
            budget: common.budget,
            info,
            breaker: Breaker::new(common.breaker_failures, Arc::clone(&common.breaker_opened)),
            probe: Probe::default(),
            channel,
            guard: AtomicU8::new(0),
            last_trouble: Mutex::new(None),
        })
    }

    /// How many data connections there are.
    #[cfg(feature = "metrics")]
    pub(crate) fn pool(&self) -> deadpool::Status {
        self.lanes.pool()
    }

    pub(super) fn answered_as(&self, standing: Standing) {
        self.guard.store(if matches!(standing, Standing::Hidden) { 2 } else { 1 }, Ordering::Relaxed);
    }

    pub(super) fn note_trouble(&self, failure: &Failure) {
        *self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.message.to_string());
    }

    pub(super) fn note_recovery(&self) {
        *self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
        tracing::info!(server = %self.name, "the cache server answers again");
    }

    pub(crate) fn last_trouble(&self) -> Option<String> {
        self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn history_guard(&self) -> Option<bool> {
        match self.guard.load(Ordering::Relaxed) {
            0 => None,
            known => Some(known == 1),
        }
    }
}
