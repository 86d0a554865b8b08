//! Construction: settings in, a cache or an error that names the setting out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{ConnectionInfo, IntoConnectionInfo};

use crate::codec::CacheCodec;
use crate::config::Config;
use crate::core::{Core, Remote, Store};
use crate::local::LocalStore;
use crate::recovery::Recovery;
use crate::redis::Server;
use crate::{Cache, Error};

/// Settings of a [`Cache`]; every one has a default.
///
/// ```
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
/// let cache = cache_runtime::Cache::builder()
///     .namespace("shop")
///     .redis("redis://127.0.0.1:6379")
///     .budget(Duration::from_millis(50))
///     .build()?; // connects at first use: a server that is down is a state, not an error
/// # Ok(()) }
/// ```
#[must_use]
pub struct CacheBuilder {
    config: Config,
    url: Option<String>,
}

impl CacheBuilder {
    pub(crate) fn new() -> Self {
        Self { config: Config::new(executable_name()), url: None }
    }

    /// The settings that the environment names: `CACHE_URL`, `VALKEY_URL` or `REDIS_URL`, the first that is set
    /// and not empty, and `CACHE_NAMESPACE`.
    pub(crate) fn from_env() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut builder = Self::new();
        builder.url = ["CACHE_URL", "VALKEY_URL", "REDIS_URL"].into_iter().find_map(set);
        if let Some(namespace) = set("CACHE_NAMESPACE") {
            builder.config.namespace = namespace;
        }
        builder
    }

    /// The prefix of every key on the server. Default: the executable's name, so that two services never share
    /// keys by accident.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.config.namespace = namespace.into();
        self
    }

    /// The server: `redis://[user:password@]host[:port][/db]`, `valkey://..`, or `unix:///path/to.sock`.
    /// Default: none, the cache lives in this process only.
    pub fn redis(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// How values are written, where a function does not say otherwise. Default: [`CacheCodec::Bincode`].
    pub fn codec(mut self, codec: CacheCodec) -> Self {
        self.config.codec = codec;
        self
    }

    /// How long one call may wait for the cache, over all its requests together. Default: 100 ms.
    pub fn budget(mut self, budget: Duration) -> Self {
        self.config.budget = budget;
        self
    }

    /// Larger values are returned and not stored. Default: 1 MiB.
    pub fn max_entry_bytes(mut self, bytes: usize) -> Self {
        self.config.max_entry_bytes = bytes;
        self
    }

    /// How many bytes the in-process tier may hold, estimated from encoded sizes. Default: 64 MiB.
    pub fn local_bytes(mut self, bytes: u64) -> Self {
        self.config.local_bytes = bytes;
        self
    }

    /// How many counters void in-process entries; more of them mean fewer needless misses. 4 bytes each,
    /// rounded up to a power of two. Default: 262,144.
    pub fn generation_slots(mut self, slots: usize) -> Self {
        self.config.generation_slots = slots;
        self
    }

    /// How many connections all callers share, 1 to 256. Default: 1, which pipelines the requests of all of them;
    /// more help a program with many cores and a server that is not the bottleneck.
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.config.lanes = lanes;
        self
    }

    /// How long a load may take and still be stored. Default: 60 s.
    pub fn token_ttl(mut self, ttl: Duration) -> Self {
        self.config.token_ttl = ttl;
        self
    }

    /// How long the stamp of a tag lives, at least; never less than twice the longest ttl stored. Default: 24 h.
    pub fn tag_ttl(mut self, ttl: Duration) -> Self {
        self.config.tag_ttl = ttl;
        self
    }

    /// How long a caller waits for another process that is loading the same entry, before it loads itself.
    /// Zero: not at all. Default: 50 ms, and never more than half of what is left of the budget.
    pub fn fill_wait(mut self, wait: Duration) -> Self {
        self.config.fill_wait = wait;
        self
    }

    /// After how many error replies in a row the server is left alone for a while. An unreachable server is
    /// left alone at once. Default: 5.
    pub fn breaker_failures(mut self, failures: u32) -> Self {
        self.config.breaker_failures = failures;
        self
    }

    /// How many undelivered invalidations are kept one by one; more turn into one of the whole namespace.
    /// Default: 10,000.
    pub fn owed_limit(mut self, limit: usize) -> Self {
        self.config.owed_limit = limit;
        self
    }

    #[cfg(feature = "mutants")]
    #[doc(hidden)]
    pub fn mutant(mut self, mutant: crate::mutant::Mutant) -> Self {
        self.config.mutant = Some(mutant);
        self
    }

    /// Checks the settings and makes the cache. Does not connect.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), naming the setting and its value. Never because a server is down.
    pub fn build(self) -> Result<Cache, Error> {
        self.config.check()?;
        let store = match &self.url {
            None => Store::Local(LocalStore::new(self.config.local_bytes, self.config.generation_slots)),
            Some(url) => Store::Redis(Remote {
                server: Arc::new(Server::new(parse(url)?, &self.config)?),
                recovery: Arc::new(Recovery::new(self.config.owed_limit)),
            }),
        };
        Ok(Cache::from_core(Core::new(self.config, store)))
    }

    /// A cache that keeps nothing, for an environment that cannot be read.
    pub(crate) fn off() -> Cache {
        Cache::from_core(Core::new(Config::new(executable_name()), Store::Off))
    }
}

impl fmt::Debug for CacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("config", &self.config)
            .field("redis", &self.url.as_deref().map(redacted))
            .finish()
    }
}

fn executable_name() -> String {
    let path = std::env::current_exe().ok();
    let stem = path.as_deref().and_then(|path| path.file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    let mut name: String = stem
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_whitespace() || c.is_control() || c == ':' { '-' } else { c })
        .collect();
    while name.len() > 64 {
        name.pop();
    }
    if name.is_empty() { "cache".into() } else { name }
}

const SCHEMES: [&str; 5] = ["redis", "valkey", "unix", "redis+unix", "valkey+unix"];

fn parse(url: &str) -> Result<ConnectionInfo, Error> {
    let shown = redacted(url);
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(Error::config("redis", shown, "is not a URL; write `redis://host:6379`"));
    };
    if matches!(scheme, "rediss" | "valkeys") {
        return Err(Error::config("redis", shown, "asks for TLS, which this version does not speak; use `redis://`"));
    }
    if !SCHEMES.contains(&scheme) {
        return Err(Error::config(
            "redis",
            shown,
            format_args!("has the unknown scheme `{scheme}`; write `redis://host:6379`"),
        ));
    }
    // The library knows two schemes; Valkey speaks the same protocol.
    let known = if scheme.contains("unix") { format!("unix://{rest}") } else { format!("redis://{rest}") };
    known.as_str().into_connection_info().map_err(|error| {
        // The library's detail may quote the URL; its category does not.
        Error::config("redis", shown, format_args!("cannot be used: {}", error.category()))
    })
}

/// The URL without what may be secret: user information and query.
fn redacted(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let rest = match rest.rsplit_once('@') {
        Some((_, host)) => format!("***@{host}"),
        None => rest.to_owned(),
    };
    let rest = match rest.split_once('?') {
        Some((path, _)) => format!("{path}?***"),
        None => rest,
    };
    if scheme.is_empty() { rest } else { format!("{scheme}://{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_never_show() {
        for url in [
            "redis://:hunter2@host:6379/0",
            "redis://user:hunter2@host",
            "redis://user:hun@ter2@host",
            "http://user:hunter2@host",
            "user:hunter2@host",
            "redis://host?password=hunter2",
            "unix:///run/redis.sock?pass=hunter2",
            "redis://user:hunter2@host:notaport",
        ] {
            let builder = Cache::builder().redis(url);
            assert!(!format!("{builder:?}").contains("ter2"), "{url}");
            match builder.build() {
                Ok(cache) => assert!(!format!("{cache:?}").contains("ter2"), "{url}"),
                Err(error) => {
                    assert!(!format!("{error} {error:?}").contains("ter2"), "{url}: {error:?}");
                    assert!(error.to_string().contains("`redis`"), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_bad_setting_is_named_with_its_value() {
        let cases: [(CacheBuilder, &str); 9] = [
            (Cache::builder().namespace(""), "`namespace` = \"\""),
            (Cache::builder().namespace("a b"), "`namespace` = \"a b\""),
            (Cache::builder().budget(Duration::ZERO), "`budget` = 0ns"),
            (Cache::builder().max_entry_bytes(0), "`max_entry_bytes` = 0"),
            (Cache::builder().lanes(0), "`lanes` = 0"),
            (Cache::builder().token_ttl(Duration::ZERO), "`token_ttl` = 0ns"),
            (Cache::builder().redis("redis"), "`redis` = \"redis\""),
            (Cache::builder().redis("mysql://host"), "unknown scheme `mysql`"),
            (Cache::builder().redis("redis://host:99999"), "`redis` = \"redis://host:99999\""),
        ];
        for (builder, expected) in cases {
            let error = builder.build().expect_err(expected);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
