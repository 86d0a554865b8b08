//! Where the server is: the URL of a builder, read into what is dialed.
//!
//! ```text
//! redis://[user:password@]host[:port][/db]                       one server; valkey:// is the same
//! rediss://..                                                    the same over TLS
//! unix:///path/to.sock[?db=1&user=..&pass=..]                    one server on this machine
//! redis+cluster://[user:password@]host:port,host:port            a Cluster, by some of its nodes
//! redis+sentinel://[user:password@]host:port,host:port/name[/db] whoever the Sentinels call the master `name`
//! ```

#[cfg(any(feature = "cluster", feature = "sentinel", feature = "tls"))]
use redis::ConnectionAddr;
use redis::{ConnectionInfo, IntoConnectionInfo};

use crate::Error;

/// What a URL describes.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    One(ConnectionInfo),
    /// Some nodes of a Cluster.
    #[cfg(feature = "cluster")]
    Cluster(Vec<ConnectionInfo>),
    /// Where the Sentinels are, and how the master is to be spoken to; its host is theirs to say.
    #[cfg(feature = "sentinel")]
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        service: String,
        master: ConnectionInfo,
    },
}

/// Certificates in PEM form.
#[derive(Clone, Default)]
pub(crate) struct Certificates {
    pub(crate) root: Option<Vec<u8>>,
    /// The certificate and the key that this client shows.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Certificates {
    fn is_empty(&self) -> bool {
        self.root.is_none() && self.client.is_none()
    }
}

/// The scheme of a URL, taken apart.
struct Scheme {
    tls: bool,
    unix: bool,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    One,
    Cluster,
    Sentinel,
}

impl Scheme {
    fn parse(scheme: &str) -> Option<Self> {
        let (protocol, kind) = match scheme.split_once('+') {
            None => (scheme, "one"),
            Some((protocol, kind)) => (protocol, kind),
        };
        let (tls, mut unix) = match protocol {
            "redis" | "valkey" => (false, false),
            "rediss" | "valkeys" => (true, false),
            "unix" => (false, true),
            _ => return None,
        };
        let kind = match kind {
            "one" => Kind::One,
            "cluster" if !unix => Kind::Cluster,
            "sentinel" if !unix => Kind::Sentinel,
            "unix" if !tls => {
                unix = true;
                Kind::One
            }
            _ => return None,
        };
        Some(Self { tls, unix, kind })
    }

    /// The scheme that the library knows.
    fn known(&self) -> &'static str {
        match (self.unix, self.tls) {
            (true, _) => "unix",
            (false, true) => "rediss",
            (false, false) => "redis",
        }
    }
}

impl Address {
    /// Reads a URL. Errors name the setting and show the URL without its secrets.
    pub(crate) fn parse(url: &str, certificates: &Certificates) -> Result<Self, Error> {
        let refused = |reason: &dyn std::fmt::Display| Error::config("redis", redacted(url), reason);
        let Some((scheme_text, rest)) = url.split_once("://") else {
            return Err(refused(&"is not a URL; write `redis://host:6379`"));
        };
        let Some(scheme) = Scheme::parse(scheme_text) else {
            return Err(refused(&format_args!("has the unknown scheme `{scheme_text}`; write `redis://host:6379`")));
        };
        if scheme.tls && cfg!(not(feature = "tls")) {
            return Err(refused(&"asks for TLS; switch on the feature `tls` of cache-runtime, or write `redis://`"));
        }
        if !scheme.tls && !certificates.is_empty() {
            return Err(refused(&"does not ask for TLS, but certificates are given; write `rediss://`"));
        }
        let one = |rest: &str| {
            let info = format!("{}://{rest}", scheme.known()).as_str().into_connection_info().map_err(|error| {
                // The library's detail may quote the URL; its category does not.
                refused(&format_args!("cannot be used: {}", error.category()))
            })?;
            with_certificates(info, certificates).map_err(|problem| Error::config("tls", "the certificates", problem))
        };
        match scheme.kind {
            Kind::One => Ok(Self::One(one(rest)?)),
            Kind::Cluster => cluster(rest, one, refused),
            Kind::Sentinel => sentinel(rest, one, refused),
        }
    }
}

/// `user:password@`, the hosts, and what follows them.
#[cfg(any(feature = "cluster", feature = "sentinel"))]
fn hosts(rest: &str) -> (&str, Vec<&str>, &str) {
    let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let hosts = rest[..end].split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    (user, hosts, &rest[end..])
}

#[cfg(any(feature = "cluster", feature = "sentinel"))]
fn at(user: &str) -> String {
    if user.is_empty() { String::new() } else { format!("{user}@") }
}

#[cfg(feature = "cluster")]
fn cluster(
    rest: &str,
    one: impl Fn(&str) -> Result<ConnectionInfo, Error>,
    refused: impl Fn(&dyn std::fmt::Display) -> Error,
) -> Result<Address, Error> {
    let (user, hosts, tail) = hosts(rest);
    if hosts.is_empty() {
        return Err(refused(&"names no node; write `redis+cluster://host:6379,host:6380`"));
    }
    if !matches!(tail, "" | "/" | "/0") {
        return Err(refused(&"names a database, and a Cluster has only number 0; leave it out"));
    }
    let nodes: Result<_, _> = hosts.iter().map(|host| one(&format!("{}{host}", at(user)))).collect();
    Ok(Address::Cluster(nodes?))
}

#[cfg(not(feature = "cluster"))]
fn cluster(
    _: &str,
    _: impl Fn(&str) -> Result<ConnectionInfo, Error>,
    refused: impl Fn(&dyn std::fmt::Display) -> Error,
) -> Result<Address, Error> {
    Err(refused(&"asks for a Cluster; switch on the feature `cluster` of cache-runtime"))
}

#[cfg(feature = "sentinel")]
fn sentinel(
    rest: &str,
    one: impl Fn(&str) -> Result<ConnectionInfo, Error>,
    refused: impl Fn(&dyn std::fmt::Display) -> Error,
) -> Result<Address, Error> {
    const FORM: &str = "write `redis+sentinel://host:26379,host:26380/name-of-the-master`";
    let (user, hosts, tail) = hosts(rest);
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let (service, db) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), "0"));
    if hosts.is_empty() || service.is_empty() {
        return Err(refused(&format_args!("must name the Sentinels and the master they watch; {FORM}")));
    }
    // The Sentinels have users of their own, or none.
    let (mut name, mut password) = ("", "");
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sentinel_username", value)) => name = value,
            Some(("sentinel_password", value)) => password = value,
            _ => {
                return Err(refused(
                    &"has an unknown option; `sentinel_username` and `sentinel_password` are the ones there are",
                ));
            }
        }
    }
    let theirs = if name.is_empty() && password.is_empty() { String::new() } else { format!("{name}:{password}@") };
    let has_port = |host: &str| host.rsplit_once(']').map_or(host, |(_, behind)| behind).contains(':');
    let sentinels = hosts.iter().map(|host| match has_port(host) {
        true => one(&format!("{theirs}{host}")),
        false => one(&format!("{theirs}{host}:26379")),
    });
    let sentinels: Result<_, _> = sentinels.collect();
    let master = one(&format!("{}{}/{db}", at(user), hosts[0]))?;
    Ok(Address::Sentinel { sentinels: sentinels?, service: service.to_owned(), master })
}

#[cfg(not(feature = "sentinel"))]
fn sentinel(
    _: &str,
    _: impl Fn(&str) -> Result<ConnectionInfo, Error>,
    refused: impl Fn(&dyn std::fmt::Display) -> Error,
) -> Result<Address, Error> {
    Err(refused(&"asks for Sentinel; switch on the feature `sentinel` of cache-runtime"))
}

#[cfg(feature = "tls")]
fn with_certificates(info: ConnectionInfo, certificates: &Certificates) -> Result<ConnectionInfo, &'static str> {
    if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        return Ok(info);
    }
    // The library takes a root without any, and then trusts nobody.
    let begins = b"-----BEGIN CERTIFICATE-----";
    if certificates.root.as_ref().is_some_and(|root| !root.windows(begins.len()).any(|part| part == begins)) {
        return Err("cannot be read; PEM files are expected");
    }
    install_crypto();
    let tls = redis::TlsCertificates {
        client_tls: certificates
            .client
            .clone()
            .map(|(client_cert, client_key)| redis::ClientTlsConfig { client_cert, client_key }),
        root_cert: certificates.root.clone(),
    };
    let client = redis::Client::build_with_tls(info, tls).map_err(|error| error.category().to_owned());
    client.map(|client| client.get_connection_info().clone()).map_err(|_| "cannot be read; PEM files are expected")
}

#[cfg(not(feature = "tls"))]
fn with_certificates(info: ConnectionInfo, _: &Certificates) -> Result<ConnectionInfo, &'static str> {
    Ok(info)
}

/// rustls asks the program to choose its cryptography; a program that has not is given `ring`.
#[cfg(feature = "tls")]
fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody may have been faster.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// The same settings for another host.
#[cfg(any(feature = "cluster", feature = "sentinel"))]
pub(crate) fn moved(info: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let addr = match info.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host.to_owned(), port),
    };
    info.clone().set_addr(addr)
}

/// The URL without what may be secret: user information and query.
pub(crate) fn redacted(url: &str) -> String {
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

    fn parse(url: &str) -> Result<Address, Error> {
        Address::parse(url, &Certificates::default())
    }

    #[track_caller]
    fn told(url: &str, certificates: &Certificates) -> String {
        let error = Address::parse(url, certificates).expect_err(url);
        assert_eq!(error.kind(), crate::ErrorKind::Config, "{url}");
        let told = format!("{error} {error:?}");
        assert!(!told.contains("hunter2"), "{told}");
        error.to_string()
    }

    #[track_caller]
    fn refused(url: &str, expected: &str) {
        let told = told(url, &Certificates::default());
        assert!(told.starts_with("`redis` = ") && told.contains(expected), "{url}: {told}");
    }

    #[test]
    fn what_is_no_url_of_ours_is_refused_by_name_and_without_secrets() {
        refused("", "is not a URL; write `redis://host:6379`");
        refused("user:hunter2@host:6379", "is not a URL");
        refused("http://:hunter2@host", "has the unknown scheme `http`");
        refused("redis+ring://:hunter2@host", "has the unknown scheme `redis+ring`");
        refused("unix+cluster://:hunter2@host", "has the unknown scheme `unix+cluster`");
        refused("redis://:hunter2@host:0x10", "cannot be used");
        refused("redis://:hunter2@host:6379/first", "cannot be used");
        refused("redis://:hunter2@", "cannot be used");
        refused("redis://user:hunter2@a:1,b:2", "cannot be used");
        refused("redis://host?password=hunter2&protocol=resp4", "`redis` = \"redis://host?***\"");
    }

    #[test]
    fn a_name_of_the_scheme_is_as_good_as_another() {
        for url in ["redis://host", "valkey://host", "redis://user:pass@host:6379/2", "redis://[::1]:6379"] {
            assert!(matches!(parse(url), Ok(Address::One(_))), "{url}");
        }
        for url in ["unix:///run/redis.sock?db=1&user=app&pass=hunter2", "redis+unix:///run/redis.sock"] {
            let Ok(Address::One(info)) = parse(url) else { panic!("{url}") };
            assert_eq!(info.addr().to_string(), "/run/redis.sock");
        }
    }

    #[cfg(feature = "cluster")]
    #[test]
    fn a_cluster_has_nodes_and_no_databases() {
        let Ok(Address::Cluster(nodes)) = parse("redis+cluster://app:hunter2@a:1, b:2 ,c,") else { panic!() };
        let names: Vec<_> = nodes.iter().map(|node| node.addr().to_string()).collect();
        assert_eq!(names, ["a:1", "b:2", "c:6379"]);
        assert!(nodes.iter().all(|node| node.redis_settings().username() == Some("app")));
        refused("redis+cluster://", "names no node; write `redis+cluster://host:6379,host:6380`");
        refused("redis+cluster://app:hunter2@,", "names no node");
        refused("redis+cluster://:hunter2@a:1,b:2/3", "a Cluster has only number 0; leave it out");
        refused("redis+cluster://:hunter2@a:1,b:port", "cannot be used");
    }

    #[cfg(feature = "sentinel")]
    #[test]
    fn sentinels_watch_a_master_that_has_a_name() {
        let url =
            "redis+sentinel://app:hunter2@a:1,b,[::1]/mymaster/4?sentinel_username=watch&sentinel_password=hunter3";
        let Ok(Address::Sentinel { sentinels, service, master }) = parse(url) else { panic!("{url}") };
        assert_eq!(service, "mymaster");
        assert_eq!((master.redis_settings().username(), master.redis_settings().db()), (Some("app"), 4));
        assert_eq!(
            sentinels.iter().map(|at| at.addr().to_string()).collect::<Vec<_>>(),
            ["a:1", "b:26379", "::1:26379"]
        );
        let theirs =
            |at: &ConnectionInfo| (at.redis_settings().username().map(str::to_owned), at.redis_settings().db());
        assert!(sentinels.iter().all(|at| theirs(at) == (Some("watch".to_owned()), 0)));

        refused("redis+sentinel://:hunter2@a:1,b:2", "must name the Sentinels and the master they watch");
        refused("redis+sentinel://:hunter2@/mymaster", "write `redis+sentinel://host:26379");
        refused("redis+sentinel://a:1/mymaster/first", "cannot be used");
        refused("redis+sentinel://a:1/mymaster?password=hunter2", "has an unknown option; `sentinel_username`");
    }

    #[cfg(feature = "tls")]
    #[test]
    fn certificates_belong_to_tls_and_are_pem() {
        let root = Certificates { root: Some(b"no certificate, hunter2".to_vec()), client: None };
        assert_eq!(
            told("redis://:hunter2@host", &root),
            "`redis` = \"redis://***@host\": does not ask for TLS, but certificates are given; write `rediss://`"
        );
        assert_eq!(
            told("rediss://:hunter2@host", &root),
            "`tls` = \"the certificates\": cannot be read; PEM files are expected"
        );
        let client = Certificates { root: None, client: Some((b"hunter2".to_vec(), b"hunter2".to_vec())) };
        assert!(told("rediss+cluster://a:1,b:2", &client).starts_with("`tls` = "));
        assert!(parse("rediss://host").is_ok());
    }

    #[test]
    fn what_is_not_compiled_in_is_named() {
        for (url, feature, there) in [
            ("rediss://:hunter2@host", "tls", cfg!(feature = "tls")),
            ("redis+cluster://:hunter2@host", "cluster", cfg!(feature = "cluster")),
            ("redis+sentinel://:hunter2@host/name", "sentinel", cfg!(feature = "sentinel")),
        ] {
            if there {
                assert!(parse(url).is_ok(), "{url}");
            } else {
                refused(url, &format!("switch on the feature `{feature}` of cache-runtime"));
            }
        }
    }
}
