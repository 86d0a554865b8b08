//! What the people on call may say at run time: which functions are cached, for how long, and for how many of their keys.
//!
//! A [`Rule`] is about a function or about the keys that begin with something. It comes from a file (feature `policy`), which
//! is read again when it changes, or from [`Cache::steer`]. All of it holds for one cache in one process.
//!
//! ```toml
//! # disabled = true                   # everything off
//!
//! [function."users::get_user"]        # as much of the path as it takes
//! enabled = false
//!
//! [prefix."search:"]                  # keys that begin with it
//! ttl = "x0.5"                        # half of what is declared; or "5m", or seconds
//! local = "1s"                        # in process over Redis; or false
//! percent = 25                        # a quarter of the keys
//! ```
//!
//! `docs/operations/policy.md` tells all of it: fields, order, errors, and what becomes of entries that are there already.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/operations/policy.md")]
mod operations {}

mod field;
#[cfg(feature = "policy")]
mod file;
mod rule;
mod rules;
mod steering;
#[cfg(feature = "policy")]
mod watch;

/// Lifetimes as text: as the macros read them.
#[allow(dead_code, reason = "the macros use more of it")]
mod duration {
    cache_macros::__duration!();
}

pub use rule::{Local, Rule, Ttl};
pub(crate) use steering::{Steer, Steering};
#[cfg(not(feature = "policy"))]
pub(crate) use unwatched::Watched;
#[cfg(feature = "policy")]
pub(crate) use watch::Watched;

use crate::core::Store;
use crate::local::LocalStore;
use crate::{Cache, Error};

/// What is in force in a cache, by [`Cache::policy`].
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Policy {
    /// Everything is off: by `CACHE_DISABLED`, by [`disabled`](crate::CacheBuilder::disabled), or by the file.
    pub disabled: bool,
    /// The path of the file, if there is one.
    pub file: Option<String>,
    /// What is wrong with the file as it is now. The rules are those that it had before.
    pub problem: Option<String>,
    /// The functions of which something is said, by path.
    pub functions: Vec<FunctionPolicy>,
    /// The prefixes of which something is said.
    pub prefixes: Vec<PrefixPolicy>,
}

/// What is in force for a function.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FunctionPolicy {
    /// Module path and name.
    pub function: &'static str,
    /// The key template, as written.
    pub key: &'static str,
    /// What is said of all its calls together: by hand, by the file for the function, by the file for its keys.
    pub rule: Rule,
    /// What of it is said by hand.
    pub by_hand: Rule,
    /// Whether more is said of some of its keys, by a longer prefix.
    pub apart: bool,
}

/// What the file says of the keys that begin with a text.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PrefixPolicy {
    /// The text, without the namespace.
    pub prefix: String,
    /// What is said of them.
    pub rule: Rule,
}

impl Policy {
    /// What is said of a function, by its path or the end of it, as [`Cache::steer`] takes it; nothing, if there is nothing, no
    /// such function, or several.
    pub fn of(&self, function: &str) -> Rule {
        let meant = rules::function(function).ok();
        let found = self.functions.iter().find(|policy| Some(policy.function) == meant);
        found.map(|policy| policy.rule).unwrap_or_default()
    }
}

/// Policy at run time.
impl Cache {
    /// What is in force: the file, what was said by hand, and what is wrong with the file.
    pub fn policy(&self) -> Policy {
        self.core().steering.policy()
    }

    /// Says something of a function by hand, from this moment on, in this cache and this process. It stands above the file,
    /// field by field, until something else is said. [`Rule::new`], which says nothing, leaves the function to the file again.
    ///
    /// `function` is its path, or the end of it: `get_user`, if no other cached function is called so.
    ///
    /// Switched off, a function runs at each call, and nothing of it is read or stored. Invalidations are delivered all
    /// the same, and `refresh` and `put` remove what is there: switched on again, the cache serves nothing that was
    /// invalidated meanwhile. What is kept in process under a lifetime that changes is dropped.
    ///
    /// ```rust,standalone_crate
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
    /// use cache_runtime::{Cache, Source, cached, observe, policy::Rule};
    ///
    /// #[cached(key = "price:{id}", ttl = "1h")]
    /// async fn price(id: u64) -> u64 { id * 100 }
    ///
    /// let cache = Cache::local();
    /// cache.scope(async {
    ///     price(1).await;
    ///     cache.steer("price", Rule::new().enabled(false))?;
    ///     assert_eq!(observe(price(1)).await.1.source, Source::Bypassed);
    ///     assert_eq!(cache.policy().of("price").enabled, Some(false));
    ///
    ///     cache.steer("price", Rule::new())?; // as declared again
    ///     assert_eq!(observe(price(1)).await.1.source, Source::Local);
    ///     Ok(())
    /// }).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Argument`](crate::ErrorKind::Argument): there is no such function, or there are several; or a value is out of its limits, as a
    /// lifetime of zero is. The message says what to give instead, and nothing has changed.
    pub fn steer(&self, function: &str, rule: Rule) -> Result<(), Error> {
        let function = rules::function(function).map_err(Error::mistaken)?;
        rule.check().map_err(Error::mistaken)?;
        let core = self.core();
        core.steering.take(function, rule, kept(&core.store));
        tracing::info!(function, %rule, "a cached function was steered");
        Ok(())
    }
}

/// Without the feature.
#[cfg(not(feature = "policy"))]
mod unwatched {
    use std::path::Path;

    use super::Steering;
    use crate::{Cache, Error};

    pub(crate) struct Watched;

    impl Watched {
        pub(crate) fn open(_: &mut Steering, path: Option<&Path>) -> Result<Self, Error> {
            path.map_or(Ok(Self), |path| {
                let problem =
                    "is named by `CACHE_POLICY`, and to read it takes the feature `policy` of `cache-runtime`";
                Err(Error::config("policy", path.display(), problem))
            })
        }

        pub(crate) fn follow(self, _: &Cache) -> Result<(), Error> {
            Ok(())
        }
    }
}

/// Where entries are kept in process.
fn kept(store: &Store) -> Option<&LocalStore> {
    match store {
        Store::Off => None,
        Store::Local(store) => Some(store),
        Store::Redis(remote) => remote.server.local.as_deref(),
    }
}
