//! The settings of a cache, their defaults, and what is wrong with a set of them.

use std::path::PathBuf;
use std::time::Duration;

use crate::Error;
use crate::codec::CacheCodec;
use crate::compression::Compression;
use crate::mutant::Rules;

/// A heartbeat is sent four times as often.
const SHORTEST_LEASE: Duration = Duration::from_millis(20);
const LONGEST_LEASE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) namespace: String,
    pub(crate) codec: CacheCodec,
    pub(crate) compression: Option<Compression>,
    pub(crate) budget: Duration,
    pub(crate) max_entry_bytes: usize,
    pub(crate) local_bytes: u64,
    pub(crate) local_ttl: Duration,
    pub(crate) local_tier: bool,
    pub(crate) generation_slots: usize,
    pub(crate) lease: Duration,
    pub(crate) fence_ttl: Duration,
    pub(crate) load_wait: Duration,
    pub(crate) recovery_dir: Option<PathBuf>,
    pub(crate) lanes: usize,
    pub(crate) token_ttl: Duration,
    pub(crate) tag_ttl: Duration,
    pub(crate) fill_wait: Duration,
    pub(crate) breaker_failures: u32,
    pub(crate) owed_limit: usize,
    pub(crate) trace_keys: bool,
    pub(crate) rules: Rules,
}

impl Config {
    pub(crate) fn new(namespace: String) -> Self {
        Self {
            namespace,
            codec: CacheCodec::default(),
            compression: None,
            budget: Duration::from_millis(100),
            max_entry_bytes: 1 << 20,
            local_bytes: 64 << 20,
            local_ttl: Duration::from_secs(60),
            local_tier: true,
            generation_slots: 1 << 18,
            lease: Duration::from_secs(1),
            fence_ttl: Duration::from_secs(30),
            load_wait: Duration::from_secs(10),
            recovery_dir: None,
            lanes: 1,
            token_ttl: Duration::from_secs(60),
            tag_ttl: Duration::from_secs(24 * 60 * 60),
            fill_wait: Duration::from_millis(50),
            breaker_failures: 5,
            owed_limit: 10_000,
            trace_keys: false,
            rules: Rules::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let namespace = &self.namespace;
        if namespace.is_empty() {
            return Err(Error::config("namespace", namespace, "must not be empty; use the name of the service"));
        }
        if namespace.len() > 64 || namespace.chars().any(|c| c.is_whitespace() || c.is_control() || c == ':') {
            return Err(Error::config("namespace", namespace, "takes at most 64 bytes, without white space and `:`"));
        }
        for (setting, value) in [
            ("budget", self.budget),
            ("token_ttl", self.token_ttl),
            ("tag_ttl", self.tag_ttl),
            ("fence_ttl", self.fence_ttl),
            ("load_wait", self.load_wait),
        ] {
            if value.is_zero() {
                return Err(Error::config(setting, value, "must be more than zero"));
            }
        }
        for (setting, value) in [
            ("max_entry_bytes", self.max_entry_bytes as u64),
            ("local_bytes", self.local_bytes),
            ("generation_slots", self.generation_slots as u64),
            ("lanes", self.lanes as u64),
            ("breaker_failures", u64::from(self.breaker_failures)),
            ("owed_limit", self.owed_limit as u64),
        ] {
            if value == 0 {
                return Err(Error::config(setting, value, "must be more than zero"));
            }
        }
        self.compression.map_or(Ok(()), |compression| compression.check())?;
        if self.lease < SHORTEST_LEASE || self.lease > LONGEST_LEASE {
            return Err(Error::config("lease", self.lease, "must be between 20ms and 60s"));
        }
        if self.lanes > 256 {
            return Err(Error::config(
                "lanes",
                self.lanes,
                "must be at most 256; a lane is a connection shared by all callers",
            ));
        }
        Ok(())
    }
}
