//! What a process knows of one master's channel: whether it is heard, in which history, and until when.
//!
//! It counts only while its server is a master of the history that the data lanes have. Who listens is in `listen`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::history::Standing;
use crate::entry::History;
use crate::local::LocalStore;
use crate::mutant::{Mutant, Rules};

/// Above any history.
const KNOWN: u64 = 1 << 32;

/// What a process knows of one master's channel.
#[derive(Default)]
pub(crate) struct Channel {
    /// What the channel vouches for; without it nobody listens.
    local: Option<Arc<LocalStore>>,
    /// The history in which messages arrive, with [`KNOWN`] set; 0 while none do.
    pub(super) history: AtomicU64,
    /// The history of the lane that was dialed last, likewise.
    pub(super) lanes: AtomicU64,
    /// Until when this channel vouches for what is in process, in the lease's own time; 0: it does not.
    pub(super) until: AtomicU64,
    /// How long the latest heartbeat took.
    pub(super) lag_micros: AtomicU64,
    pub(super) redial: Notify,
    pub(super) running: AtomicBool,
    pub(super) denied: AtomicBool,
    /// Whether the server refuses what this process would tell: then it hears no other process either.
    pub(super) mute: AtomicBool,
    trouble: Mutex<Option<String>>,
    pub(super) rules: Rules,
}

pub(super) fn known(history: History) -> u64 {
    KNOWN | u64::from(u32::from_be_bytes(history))
}

impl Channel {
    pub(super) fn new(local: Option<Arc<LocalStore>>, rules: Rules) -> Self {
        Self { local, rules, ..Self::default() }
    }

    /// Whether messages arrive in `history`: only then may what was read in it be kept in process.
    pub(super) fn is_in(&self, history: History) -> bool {
        self.history.load(SeqCst) == known(history)
    }

    pub(super) fn until(&self) -> u64 {
        self.until.load(SeqCst)
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.denied.load(SeqCst) || self.mute.load(SeqCst)
    }

    /// The server refused a PUBLISH. True the first time.
    pub(super) fn may_not_tell(&self) -> bool {
        let first = !self.mute.swap(true, SeqCst);
        self.revoke();
        first
    }

    /// The server took a PUBLISH.
    pub(super) fn may_tell(&self) {
        if self.mute.load(SeqCst) {
            self.mute.store(false, SeqCst);
        }
    }

    /// Why nothing is vouched for.
    pub(crate) fn trouble(&self) -> Option<String> {
        if self.mute.load(SeqCst) {
            return Some("the server takes no PUBLISH from this process".into());
        }
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub(crate) fn lag(&self) -> Option<Duration> {
        match self.lag_micros.load(SeqCst) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    /// A data lane was dialed. If its server is not in the channel's history, the channel hears a server that was
    /// deposed; where histories are hidden, nobody can tell.
    pub(super) fn lane_dialed(&self, standing: Standing) {
        let now = known(standing.history());
        let before = self.lanes.swap(now, SeqCst);
        if self.rules.are_without(Mutant::DeposedSubscriber) {
            return;
        }
        let heard = self.history.load(SeqCst);
        let hidden = standing == Standing::Hidden
            && (before != 0 || heard != 0)
            && !self.rules.are_without(Mutant::HiddenSubscriberStays);
        if hidden || !matches!(heard, 0 | KNOWN) && heard != now {
            self.revoke();
            self.redial.notify_one();
        }
    }

    /// The subscriber's connection was closed: sooner known than by the next heartbeat.
    pub(super) fn hung_up(&self) {
        if !self.rules.are_without(Mutant::DeposedSubscriber) {
            self.revoke();
            self.redial.notify_one();
        }
    }

    pub(super) fn revoke(&self) {
        self.until.store(0, SeqCst);
        if let Some(local) = &self.local {
            local.lease().revoke();
        }
    }
}
