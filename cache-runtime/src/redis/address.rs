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
    let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(user, rest)| (&user[..], rest));
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
    let sentinels: Result<_, _> = hosts.iter().map(|host| one(&format!("{theirs}{host}"))).collect();
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
