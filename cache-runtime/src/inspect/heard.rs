//! Invalidations as they happen, by whomever.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Inspect, failed};
use crate::redis::{Ear, Said, Server};
use crate::{Error, clock};

/// A listener pauses for so long before it dials again.
const PAUSE: Duration = Duration::from_millis(500);

/// Invalidations as they happen; see [`Inspect::heard`].
pub struct Heard {
    inspect: Inspect,
    server: Arc<Server>,
    ear: Option<Ear>,
}

/// What became void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Invalidation {
    /// These keys and tags.
    #[non_exhaustive]
    Names {
        /// When this process heard of it, in milliseconds since 1970.
        at_ms: u64,
        /// What it was called.
        names: Vec<Name>,
    },
    /// Everything that is kept in process, by somebody who purged by pattern or cleared the namespace.
    #[non_exhaustive]
    Everything {
        /// When this process heard of it, in milliseconds since 1970.
        at_ms: u64,
    },
    /// Nothing was heard for a while: the connection was lost, or messages came faster than they were taken.
    #[non_exhaustive]
    Gap {
        /// When it was noticed, in milliseconds since 1970.
        at_ms: u64,
        /// What happened.
        cause: String,
    },
}

/// What an invalidation names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Name {
    /// A key.
    Key(String),
    /// A tag.
    Tag(String),
    /// A key or a tag that this process has not met: its hash, as 16 hex digits.
    Unknown(String),
}

/// `tag users`
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key {key}"),
            Self::Tag(tag) => write!(f, "tag {tag}"),
            Self::Unknown(hash) => write!(f, "unknown {hash}"),
        }
    }
}

impl Inspect {
    /// Listens to what all processes of this namespace invalidate, put, fence and purge, over a connection of its own.
    ///
    /// The bus carries hashes. A name is known here if this process has met it: in [`entries`](Self::entries),
    /// [`tags`](Self::tags) or [`explain`](Self::explain), or because it has invalidated it itself since somebody first
    /// looked. 250,000 names are remembered.
    ///
    /// ```no_run
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
    /// # let cache = cache_runtime::Cache::from_env()?;
    /// let mut heard = cache.inspect().heard().await?;
    /// loop {
    ///     println!("{:?}", heard.next().await);
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) without a server; [`ErrorKind::Refused`](crate::ErrorKind::Refused)
    /// if it lets nobody listen, or is older than Redis 6; [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) or
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) if it cannot be reached.
    pub async fn heard(&self) -> Result<Heard, Error> {
        let server = Arc::clone(&self.remote()?.server);
        let ear = server.overhear().await.map_err(failed)?;
        Ok(Heard { inspect: self.clone(), server, ear: Some(ear) })
    }
}

impl Heard {
    /// The next one. After a [`Gap`](Invalidation::Gap) it listens anew, for as long as it takes; it never ends.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing that was heard is lost.
    pub async fn next(&mut self) -> Invalidation {
        loop {
            if let Some(ear) = &mut self.ear {
                let said = ear.next().await;
                let at_ms = clock::unix_millis();
                match said {
                    Ok(Said::Void(hashes)) => {
                        let names = hashes.into_iter().map(|hash| self.inspect.known().name(hash)).collect();
                        return Invalidation::Names { at_ms, names };
                    }
                    Ok(Said::Everything) => return Invalidation::Everything { at_ms },
                    Err(failure) => {
                        self.ear = None;
                        return Invalidation::Gap { at_ms, cause: failure.message.into_owned() };
                    }
                }
            }
            match self.server.overhear().await {
                Ok(ear) => self.ear = Some(ear),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heard").field("inspect", &self.inspect).finish_non_exhaustive()
    }
}
