//! How a call was answered.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where the answer of a cached call came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Source {
    /// From this process's memory.
    Local,
    /// From Redis.
    Redis,
    /// From a load that another caller was already running.
    Joined,
    /// The function's body ran, and its value was offered to the cache.
    Loaded,
    /// The function's body ran, and the cache was left alone.
    #[default]
    Bypassed,
}

impl Source {
    /// Its name: `local`, `redis`, `joined`, `loaded` or `bypassed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Redis => "redis",
            Self::Joined => "joined",
            Self::Loaded => "loaded",
            Self::Bypassed => "bypassed",
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the outermost cached call inside [`observe`](crate::observe()) was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observation {
    /// Where the value came from; [`Source::Bypassed`] also when no cached call was made.
    pub source: Source,
    /// How long ago the value was loaded, by the wall clocks of the machines involved. `None` unless it was a hit.
    pub age: Option<Duration>,
    /// Whether the cache was in trouble and the function ran because of it.
    pub fail_open: bool,
    /// Whether it was a hit whose value is a cached `None`.
    pub negative: bool,
    /// How many bytes the entry takes: on the server with its envelope, in this process the encoded value. `None` unless it
    /// was a hit.
    pub bytes: Option<u64>,
}

impl Observation {
    pub(crate) fn hit(source: Source, age: Duration, negative: bool, bytes: u64) -> Self {
        Self { source, age: Some(age), fail_open: false, negative, bytes: Some(bytes) }
    }

    /// How the call ended, in one word, as metrics and spans have it: `local_hit`, `redis_hit`, `negative_hit`, `joined`,
    /// `loaded`, `bypassed` or `fail_open`.
    pub const fn outcome(&self) -> &'static str {
        match self.source {
            _ if self.negative => "negative_hit",
            _ if self.fail_open => "fail_open",
            Source::Local => "local_hit",
            Source::Redis => "redis_hit",
            Source::Joined => "joined",
            Source::Loaded => "loaded",
            Source::Bypassed => "bypassed",
        }
    }
}

#[derive(Default)]
pub(crate) struct Observer(Mutex<(Observation, bool)>);

impl Observer {
    pub(crate) fn get(&self) -> Observation {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Whether the call was answered with an error.
    pub(crate) fn failed(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    pub(crate) fn set(&self, observation: Observation, failed: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (observation, failed);
    }
}
