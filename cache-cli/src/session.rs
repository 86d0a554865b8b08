//! The cache that is meant: by what was typed, else by the environment that a service would have.

use std::path::Path;
use std::time::Duration;

use cache_runtime::graph::Graph;
use cache_runtime::inspect::Inspect;
use cache_runtime::{Cache, CacheBuilder};
use redis::{ClientTlsConfig, TlsCertificates};

use crate::args::Shared;
use crate::exit::{Exit, Problem};
use crate::output::{Out, count};

/// How many names are looked at for namespaces.
const LOOKED_AT: u64 = 1_000_000;
/// Where the server is named, if not on the command line: the first that is set.
pub(crate) const URLS: [&str; 3] = ["CACHE_URL", "VALKEY_URL", "REDIS_URL"];
/// Nobody's request waits for it.
const BUDGET: Duration = Duration::from_secs(5);

pub(crate) struct Session {
    pub(crate) cache: Cache,
    pub(crate) inspect: Inspect,
    pub(crate) url: String,
    /// What was named for TLS.
    pub(crate) tls: TlsCertificates,
    pub(crate) out: Out,
}

impl Session {
    pub(crate) async fn open(shared: &Shared, out: Out) -> Result<Self, Problem> {
        let url = shared.url.clone().or_else(|| URLS.into_iter().find_map(set));
        let url = url.ok_or_else(|| {
            Problem::usage("no server is named", "set CACHE_URL, or give --url redis://127.0.0.1:6379")
        })?;
        let tls = certificates(shared)?;
        let builder = builder(&tls, &url);
        let Some(namespace) = shared.namespace.clone().or_else(|| set("CACHE_NAMESPACE")) else {
            return Err(which(&builder.namespace("cachectl").build()?).await?);
        };
        let cache = builder.namespace(namespace).build()?;
        Ok(Self { inspect: cache.inspect(), cache, url, tls, out })
    }

    pub(crate) fn namespace(&self) -> &str {
        self.cache.namespace()
    }
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn certificates(shared: &Shared) -> Result<TlsCertificates, Problem> {
    let client_tls = match (&shared.cert, &shared.cert_key) {
        (Some(certificate), Some(key)) => {
            Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
        }
        _ => None,
    };
    Ok(TlsCertificates { client_tls, root_cert: shared.ca.as_deref().map(read).transpose()? })
}

fn builder(tls: &TlsCertificates, url: &str) -> CacheBuilder {
    // Nothing is kept in this process: what is shown is what the server has.
    let mut builder = Cache::builder().redis(url).local_tier(false).budget(BUDGET).policy_from_env(false);
    if let Some(root) = &tls.root_cert {
        builder = builder.tls_root(root.clone());
    }
    if let Some(client) = &tls.client_tls {
        builder = builder.tls_client(client.client_cert.clone(), client.client_key.clone());
    }
    builder
}

/// Which namespaces there are, for somebody who has named none.
async fn which(cache: &Cache) -> Result<Problem, Problem> {
    let found = cache.inspect().namespaces(LOOKED_AT).await?;
    if found.is_empty() {
        return Ok(Problem::usage(
            "no namespace is named, and the server has none",
            "set CACHE_NAMESPACE, or give --namespace NAME",
        ));
    }
    let each = found.iter().map(|namespace| format!("{} ({} entries)", namespace.name, count(namespace.entries)));
    let message = format!("no namespace is named; the server has {}", each.collect::<Vec<_>>().join(", "));
    Ok(Problem::usage(message, format!("give --namespace {}", found[0].name)))
}

/// The graph that a program has written.
pub(crate) fn graph(path: &Path) -> Result<Graph, Problem> {
    let text = match path.as_os_str() == "-" {
        true => std::io::read_to_string(std::io::stdin())?.into_bytes(),
        false => read(path)?,
    };
    serde_json::from_slice(&text).map_err(|error| {
        Problem::usage(
            format!("{} holds no graph: {error}", path.display()),
            "write it with `cache_runtime::graph().to_json()` (feature `json`)",
        )
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    std::fs::read(path).map_err(|error| Problem::new(Exit::Usage, format!("{}: {error}", path.display())))
}
