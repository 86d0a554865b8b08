//! What the servers say of themselves.

use serde::{Deserialize, Serialize};

use super::{Inspect, budget, failed};
use crate::Error;
use crate::core::Store;
use crate::redis::Told;

/// A master, in its own words. What it does not tell this user is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerInfo {
    /// `host:port`, or a path.
    pub name: String,
    /// `redis`, `valkey` or what else it calls itself.
    pub product: Option<String>,
    /// Its version: `7.4.1`.
    pub version: Option<String>,
    /// `standalone`, `cluster` or `sentinel`.
    pub mode: Option<String>,
    /// How long it has been running, in seconds.
    pub uptime_s: Option<u64>,
    /// The first digits of its replication history, if it tells: the guard against failovers that lose invalidations is on.
    pub history: Option<String>,
    /// How many keys it has in this database, whoever stored them.
    pub keys: Option<u64>,
    /// How many bytes of memory it uses.
    pub memory_used: Option<u64>,
    /// How many it may use; 0: as many as there are.
    pub memory_limit: Option<u64>,
    /// What it does when it has used them: `noeviction`, `allkeys-lru`, ..
    pub memory_policy: Option<String>,
    /// How many clients are connected.
    pub clients: Option<u64>,
    /// How many may be.
    pub clients_limit: Option<u64>,
    /// How many commands it executes in a second, of late.
    pub commands_per_s: Option<u64>,
    /// How many lookups of keys found one since it started, whoever looked.
    pub hits: Option<u64>,
    /// How many did not.
    pub misses: Option<u64>,
    /// How many keys it has evicted since it started, because memory was used up.
    pub evicted: Option<u64>,
    /// How many have expired.
    pub expired: Option<u64>,
    /// The quickest of three answers to `PING`, in microseconds.
    pub latency_us: u64,
}

impl Inspect {
    /// What each master says of itself; none for a cache without a server.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable), [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) or
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) when one of them cannot be asked.
    pub async fn server(&self) -> Result<Vec<ServerInfo>, Error> {
        let Store::Redis(remote) = &self.core().store else { return Ok(Vec::new()) };
        let mut servers = Vec::new();
        for node in remote.server.masters(&mut budget()).await.map_err(failed)? {
            servers.push(read(node.name.clone(), &node.about(&mut budget()).await.map_err(failed)?));
        }
        Ok(servers)
    }
}

fn read(name: String, told: &Told) -> ServerInfo {
    let info = told.info.as_deref().unwrap_or_default();
    let field = |name: &str| {
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let number = |name: &str| field(name)?.parse().ok();
    let valkey = field("valkey_version");
    let product = field("server_name").or_else(|| valkey.as_ref().map(|_| "valkey".to_owned()));
    ServerInfo {
        name,
        product: product.or_else(|| field("redis_version").map(|_| "redis".to_owned())),
        version: valkey.or_else(|| field("redis_version")),
        mode: field("redis_mode").or_else(|| field("server_mode")),
        uptime_s: number("uptime_in_seconds"),
        history: told.history.map(|history| history.iter().map(|byte| format!("{byte:02x}")).collect()),
        keys: told.keys,
        memory_used: number("used_memory"),
        memory_limit: number("maxmemory"),
        memory_policy: field("maxmemory_policy"),
        clients: number("connected_clients"),
        clients_limit: number("maxclients"),
        commands_per_s: number("instantaneous_ops_per_sec"),
        hits: number("keyspace_hits"),
        misses: number("keyspace_misses"),
        evicted: number("evicted_keys"),
        expired: number("expired_keys"),
        latency_us: u64::try_from(told.took.as_micros()).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn told(info: Option<&str>) -> ServerInfo {
        let told = Told { info: info.map(str::to_owned), history: None, keys: None, took: Duration::from_micros(7) };
        read("a:1".to_owned(), &told)
    }

    #[test]
    fn servers_call_themselves_what_they_are() {
        let redis = told(Some("redis_version:7.0.15\r\nredis_mode:standalone\r\nmaxmemory:0\r\n"));
        assert_eq!(
            (redis.product.as_deref(), redis.version.as_deref(), redis.memory_limit),
            (Some("redis"), Some("7.0.15"), Some(0))
        );
        let valkey = told(Some("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n"));
        assert_eq!((valkey.product.as_deref(), valkey.version.as_deref()), (Some("valkey"), Some("8.0.1")));
    }

    #[test]
    fn what_is_not_told_is_not_made_up() {
        let silent = told(None);
        assert_eq!((silent.version, silent.memory_used, silent.latency_us), (None, None, 7));
    }
}
