//! Construction: settings in, a cache or an error that names the setting out.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::CacheCodec;
use crate::compression::Compression;
use crate::config::Config;
use crate::core::{Core, Remote, Store};
use crate::local::{Lease, LocalStore};
use crate::mutant::Mutant;
use crate::policy::{Steering, Watched};
use crate::recovery::{Journal, Recovery};
use crate::redis::{Address, Certificates, Server, redacted};
use crate::{Cache, Error};

/// Settings of a [`Cache`]; every one has a default. They are checked by [`build`](Self::build): a number or a duration
/// of zero is refused unless it says otherwise.
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
    certificates: Certificates,
    disabled: bool,
    policy: Option<PathBuf>,
    policy_from_env: bool,
}

impl CacheBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: Config::new(executable_name()),
            url: None,
            certificates: Certificates::default(),
            disabled: false,
            policy: None,
            policy_from_env: true,
        }
    }

    /// The settings that the environment names: `CACHE_URL`, `VALKEY_URL` or `REDIS_URL`, the first that is set
    /// and not empty, and `CACHE_NAMESPACE`. To be added to; [`Cache::from_env`](crate::Cache::from_env) takes them as they are.
    ///
    /// ```
    /// use cache_runtime::CacheBuilder;
    ///
    /// let cache = CacheBuilder::from_env().local_bytes(16 << 20).build()?;
    /// # drop(cache);
    /// # Ok::<(), cache_runtime::Error>(())
    /// ```
    pub fn from_env() -> Self {
        let mut builder = Self::new();
        builder.url = ["CACHE_URL", "VALKEY_URL", "REDIS_URL"].into_iter().find_map(set);
        if let Some(namespace) = set("CACHE_NAMESPACE") {
            builder.config.namespace = namespace;
        }
        builder
    }

    /// The prefix of every key on the server: 1 to 64 bytes, without white space, control characters and `:`. Default:
    /// the executable's name, so that two services never share keys by accident.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.config.namespace = namespace.into();
        self
    }

    /// The server, or the servers. Default: none, the cache lives in this process only.
    ///
    /// | URL | what it names |
    /// |---|---|
    /// | `redis://[user:password@]host[:port][/db]` | one server; `valkey://` is the same |
    /// | `rediss://..`, `valkeys://..` | the same over TLS (feature `tls`) |
    /// | `unix:///path/to.sock[?db=1&user=..&pass=..]` | one server on this machine; `redis+unix://` is the same |
    /// | `redis+cluster://[user:password@]host[:port],host[:port]` | a Cluster, by some of its nodes (feature `cluster`) |
    /// | `redis+sentinel://[user:password@]host[:port],host[:port]/name[/db]` | whom the Sentinels call the master `name` (feature `sentinel`); `?sentinel_username=..&sentinel_password=..` for Sentinels that ask for a user |
    ///
    /// `rediss+cluster://` and `rediss+sentinel://` speak TLS to all of them. The port is 6379 where none is given, that
    /// of a Sentinel 26379. In users and passwords, what is neither letter nor digit is percent-encoded: `@` is `%40`.
    ///
    /// Refused: another scheme, one whose feature is off, a Cluster with a database other than 0.
    pub fn redis(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// How values are written, where a function does not say otherwise. Default: [`CacheCodec::Bincode`].
    pub fn codec(mut self, codec: CacheCodec) -> Self {
        self.config.codec = codec;
        self
    }

    /// How large values are compressed on the server, with the feature `lz4` or `zstd`; not in this process, where they are
    /// kept decoded. Default: not at all.
    pub fn compress(mut self, compression: Compression) -> Self {
        self.config.compression = Some(compression);
        self
    }

    /// How long one call may wait for the cache, over all its requests together. Default: 100 ms.
    pub fn budget(mut self, budget: Duration) -> Self {
        self.config.budget = budget;
        self
    }

    /// Larger values are returned and not stored. Counted as they are encoded, before they are compressed, over Redis with
    /// what is stored in front of them. Nor is a compressed entry read that would become larger. Default: 1 MiB.
    pub fn max_entry_bytes(mut self, bytes: usize) -> Self {
        self.config.max_entry_bytes = bytes;
        self
    }

    /// The certificates, in PEM form, of those who may vouch for the server, instead of the system's. For `rediss://`;
    /// refused beside another scheme, and if they cannot be read.
    #[cfg(feature = "tls")]
    pub fn tls_root(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates.root = Some(pem.into());
        self
    }

    /// The certificate that this client shows and its key, in PEM form. Default: none. For `rediss://`; refused beside
    /// another scheme, and if they cannot be read.
    #[cfg(feature = "tls")]
    pub fn tls_client(mut self, certificate_pem: impl Into<Vec<u8>>, key_pem: impl Into<Vec<u8>>) -> Self {
        self.certificates.client = Some((certificate_pem.into(), key_pem.into()));
        self
    }

    /// Whether decoded values are kept in this process over Redis, coherent with it to within the
    /// [lease](Self::lease). Default: yes. `local = false` switches it off for one function.
    pub fn local_tier(mut self, on: bool) -> Self {
        self.config.local_tier = on;
        self
    }

    /// How long an entry is kept in process over Redis, where a function does not say otherwise with `local = ".."`;
    /// never longer than it lives there, as far as the clocks of two machines agree. Zero: not at all. Default: 60 s.
    ///
    /// It bounds what no message announces: an entry that was removed on the server by hand, for example.
    pub fn local_ttl(mut self, ttl: Duration) -> Self {
        self.config.local_ttl = ttl;
        self
    }

    /// The bound `H`: how long what is kept in process may be behind an invalidation by another process, in the worst
    /// case: when a connection fails without a sign. Otherwise it is behind by as long as a message takes.
    ///
    /// A heartbeat goes out four times as often, to each master. A network that is silent for longer voids what is in
    /// process. Between 20 ms and 60 s. Default: 1 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.config.lease = lease;
        self
    }

    /// How long a [`fence`](crate::invalidates) lasts if nobody lifts it, because its process died. Nothing is stored
    /// under its names meanwhile. Longer than any fenced mutation takes: what is left of one behind its fence is not
    /// covered. Default: 30 s.
    pub fn fence_ttl(mut self, ttl: Duration) -> Self {
        self.config.fence_ttl = ttl;
        self
    }

    /// How long a caller waits for a load that another caller runs, before he runs it as well: the other may be part
    /// of a future that nobody polls. One caller at a time. Default: 10 s.
    pub fn load_wait(mut self, wait: Duration) -> Self {
        self.config.load_wait = wait;
        self
    }

    /// A directory where invalidations that could not be delivered are written down, so that they survive a crash of
    /// this process: the next cache of this namespace that is built with the directory delivers them, at once if it is
    /// built inside of a tokio runtime, else from its first call on. A record that was cut off or damaged stands for the
    /// whole namespace.
    ///
    /// The directory is made if it is not there; several processes may share it. Not synced to the disk: a machine that
    /// goes down takes what is owed with it. Without a server it is not used. Default: none, what is owed is kept in
    /// memory.
    pub fn recovery_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config.recovery_dir = Some(directory.into());
        self
    }

    /// How many bytes the in-process tier may hold, bookkeeping included except for the table of
    /// [`generation_slots`](Self::generation_slots) and a table of 260 KiB in each thread that hits. What a value has allocated
    /// is estimated from its encoded size: one whose numbers are encoded in fewer bytes than they take is larger than it
    /// counts. Default: 64 MiB.
    pub fn local_bytes(mut self, bytes: u64) -> Self {
        self.config.local_bytes = bytes;
        self
    }

    /// How many counters void in-process entries; more of them mean fewer needless misses. 4 bytes each,
    /// rounded up to a power of two. Default: 262,144, which is 1 MiB.
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

    /// How many undelivered invalidations are kept one by one; more turn into one of the whole namespace, and this process
    /// runs all its functions until that is delivered. Default: 10,000.
    pub fn owed_limit(mut self, limit: usize) -> Self {
        self.config.owed_limit = limit;
        self
    }

    /// Whether spans and warnings show keys in clear. Default: no, since keys may carry what is nobody's business; they show
    /// the template, and a hash by which calls for one key are told from others, in this process.
    pub fn trace_keys(mut self, in_clear: bool) -> Self {
        self.config.trace_keys = in_clear;
        self
    }

    /// A file that says, while the program runs, which functions are cached, for how long, and for how many of their keys: see
    /// [`policy`](crate::policy). It is read by `build`, and again within about a second of each change. Default: what
    /// `CACHE_POLICY` names, if that is set and not empty, for every cache but that of [`Cache::local`].
    ///
    /// A file that is bad when the cache is built is refused; one that becomes bad later, or goes away, leaves the policy as
    /// it is, which is logged once and told by [`Cache::health`].
    ///
    /// ```
    /// # use cache_runtime::{Cache, policy::Rule};
    /// # fn main() -> Result<(), cache_runtime::Error> {
    /// # let path = std::env::temp_dir().join(format!("cache-doc-policy-{}.toml", std::process::id()));
    /// std::fs::write(&path, "[prefix.\"search:\"]\nttl = \"x0.5\"\n").unwrap();
    /// let cache = Cache::builder().policy(&path).build()?;
    /// assert_eq!(cache.policy().prefixes[0].rule, Rule::new().scaled(0.5));
    ///
    /// std::fs::write(&path, "[prefix.\"search:\"]\npercnt = 50\n").unwrap();
    /// let error = Cache::builder().policy(&path).build().unwrap_err();
    /// assert!(error.to_string().ends_with("line 2: there is no field `percnt`; did you mean `percent`?"));
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "policy")]
    pub fn policy(mut self, path: impl Into<PathBuf>) -> Self {
        self.policy = Some(path.into());
        self
    }

    /// Whether the cache is switched off from the start and for good: nothing is read or stored, and each call runs its
    /// function. Invalidations are delivered all the same, so that other processes, and this one when it is started again
    /// with the cache on, serve nothing that was invalidated meanwhile. Default: whether `CACHE_DISABLED` is set to anything
    /// but `0`, `false` or nothing.
    ///
    /// `true` here cannot be taken back by the environment, nor `CACHE_DISABLED=1` by `false` here;
    /// [`policy_from_env`](Self::policy_from_env) leaves the environment out.
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }

    /// Whether `CACHE_POLICY` and `CACHE_DISABLED` count. Default: yes. Without them, a tool finds what services have stored,
    /// whatever it is that they are told by the environment that it shares with them.
    ///
    /// ```
    /// let tool = cache_runtime::CacheBuilder::from_env().policy_from_env(false).build()?;
    /// assert!(!tool.health().disabled && tool.policy().file.is_none());
    /// # Ok::<(), cache_runtime::Error>(())
    /// ```
    pub fn policy_from_env(mut self, counts: bool) -> Self {
        self.policy_from_env = counts;
        self
    }

    #[cfg(feature = "mutants")]
    #[doc(hidden)]
    pub fn mutant(mut self, mutant: crate::mutant::Mutant) -> Self {
        self.config.rules.broken = Some(mutant);
        self
    }

    /// Checks the settings and makes the cache. Does not connect, except to deliver what was found in
    /// [`recovery_dir`](Self::recovery_dir).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), naming the setting and its value: one that is out of its limits, a
    /// URL or certificates that cannot be used, a directory that cannot be made, read or written. Never because a server
    /// is down.
    pub fn build(mut self) -> Result<Cache, Error> {
        let from_env = || set("CACHE_POLICY").filter(|_| self.policy_from_env).map(PathBuf::from);
        self.policy = self.policy.or_else(from_env);
        self.build_with_its_own()
    }

    /// Whatever the environment says of a policy.
    pub(crate) fn build_with_its_own(self) -> Result<Cache, Error> {
        self.config.check()?;
        let from_env = set("CACHE_DISABLED").filter(|_| self.policy_from_env);
        let mut steering = Steering::new(self.disabled || is_disabled(from_env));
        let watched = Watched::open(&mut steering, self.policy.as_deref())?;
        let store = self.store()?;
        let cache = Cache::from_core(Core::new(self.config, store, steering));
        watched.follow(&cache)?;
        Ok(cache)
    }

    fn store(&self) -> Result<Store, Error> {
        let Some(url) = &self.url else {
            let store = LocalStore::new(self.config.local_bytes, self.config.generation_slots, Lease::forever());
            return Ok(Store::Local(store));
        };
        let config = &self.config;
        let local = config.local_tier.then(|| {
            let lease = if config.rules.are_without(Mutant::NoLease) { Lease::forever() } else { Lease::none() };
            Arc::new(LocalStore::new(config.local_bytes, config.generation_slots, lease))
        });
        let server = Server::new(Address::parse(url, &self.certificates)?, config, local)?;
        let (journal, inherited) = match &config.recovery_dir {
            None => (None, Vec::new()),
            Some(directory) => {
                let opened = Journal::open(directory, &config.namespace);
                let (journal, inherited) = opened.map_err(|error| {
                    Error::config("recovery_dir", directory.display(), format_args!("cannot be used: {error}"))
                })?;
                (Some(journal), inherited)
            }
        };
        let server = Arc::new(server);
        let recovery = Arc::new(Recovery::new(config.owed_limit, journal, inherited));
        recovery.deliver_soon(&server);
        Ok(Store::Redis(Remote { server, recovery }))
    }

    /// A cache that keeps nothing, for an environment that cannot be read.
    pub(crate) fn off() -> Cache {
        Cache::from_core(Core::new(Config::new(executable_name()), Store::Off, Steering::default()))
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

/// What the environment sets a variable to, if to anything.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_disabled(variable: Option<String>) -> bool {
    variable.is_some_and(|value| !["0", "false"].contains(&value.trim().to_lowercase().as_str()))
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

    #[tokio::test]
    async fn what_stands_in_for_a_cache_says_where_to_look() {
        let error = CacheBuilder::off().ping().await.expect_err("there is none");
        assert_eq!(error.kind(), crate::ErrorKind::Config);
        assert!(error.to_string().contains("the log says which of `CACHE_URL`"), "{error}");
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
