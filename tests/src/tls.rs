//! A server that speaks TLS, with a certificate of an authority that nobody but the test knows.

use std::fs::File;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::port;
use crate::server::{CONFIG, RedisServer};
use crate::wait::{ensure, until};

const AUTHORITY: &str = "ca";
const SERVER: &str = "server";
const CLIENT: &str = "client";

/// A server that takes connections over TLS only. Its certificate, for `localhost` and 127.0.0.1, is its own: no two
/// servers have the same authority.
///
/// ```no_run
/// let server = tests::TlsServer::start();
/// assert!(server.url().starts_with("rediss://localhost:"));
/// assert!(server.ca_pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// server.server().command(&["SET", "key", "value"]); // over its socket, in plain
/// ```
#[derive(Debug)]
pub struct TlsServer {
    server: RedisServer,
    files: PathBuf,
    ca_pem: String,
}

impl TlsServer {
    /// An empty server that asks clients for no certificate.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server` with TLS; the message says how to get one.
    #[track_caller]
    pub fn start() -> Self {
        Self::with_args(&[])
    }

    /// An empty server that refuses clients without a certificate of its authority, such as
    /// [`client_pem`](Self::client_pem).
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[track_caller]
    pub fn demanding_certificates() -> Self {
        Self::with_args(&["--tls-auth-clients", "yes"])
    }

    /// As [`start`](Self::start), with options of `redis-server`, which win over our own.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start), and when the server refuses the options.
    #[track_caller]
    pub fn with_args(args: &[&str]) -> Self {
        Self::launch(|| args.iter().map(|&arg| arg.to_owned()).collect())
    }

    /// A Cluster of one node, which has all slots and tells clients of its port for TLS.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[track_caller]
    pub fn cluster() -> Self {
        let node = Self::launch(|| {
            let options = ["--cluster-enabled", "yes", "--tls-cluster", "yes", "--cluster-announce-ip", "127.0.0.1"];
            let bus = ["--cluster-port".to_owned(), port::free().to_string()];
            options.iter().map(|&option| option.to_owned()).chain(bus).collect()
        });
        node.server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        until(|| {
            let info: String = node.server.query(&["CLUSTER", "INFO"]);
            ensure(info.contains("cluster_state:ok"), || format!("it does not serve: {info}"))
        });
        node
    }

    /// A Sentinel that speaks TLS with the certificates of this server, and says that it is the master of this name.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[track_caller]
    pub fn sentinel(&self, name: &str) -> RedisServer {
        let sentinel = RedisServer::launch(|port, directory| {
            // They write down there what they learn.
            File::create(directory.join(CONFIG)).expect("the directory is ours");
            let options = ["--tls-replication", "yes", "--sentinel"].map(str::to_owned);
            speaks_tls(port, &self.files).into_iter().chain(options).collect()
        });
        sentinel.command(&["SENTINEL", "MONITOR", name, "127.0.0.1", &self.server.port().to_string(), "1"]);
        sentinel
    }

    #[track_caller]
    fn launch(mut more: impl FnMut() -> Vec<String>) -> Self {
        let mut files = PathBuf::new();
        let server = RedisServer::launch(|port, directory| {
            directory.clone_into(&mut files);
            if !directory.join(pem(AUTHORITY)).exists() {
                certify_all(directory).expect("what is asked for is in order");
            }
            speaks_tls(port, directory).into_iter().chain(more()).collect()
        });
        let ca_pem = read(&files.join(pem(AUTHORITY)));
        Self { server, files, ca_pem }
    }

    /// `rediss://localhost:<port>`, with the password that `--requirepass` set.
    pub fn url(&self) -> String {
        self.server.url().replacen("redis://", "rediss://", 1).replace("127.0.0.1", "localhost")
    }

    /// The port, which speaks TLS only.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The authority's certificate, by which a client knows the server.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The file with [`ca_pem`](Self::ca_pem), there as long as the server is.
    pub fn ca_path(&self) -> PathBuf {
        self.files.join(pem(AUTHORITY))
    }

    /// A client's certificate by the same authority, and its key.
    pub fn client_pem(&self) -> (String, String) {
        (read(&self.files.join(pem(CLIENT))), read(&self.files.join(key(CLIENT))))
    }

    /// The same server over its socket, in plain: for its state, and for [`pause`](RedisServer::pause). Its
    /// [`url`](RedisServer::url) leads to the port that speaks TLS.
    pub fn server(&self) -> &RedisServer {
        &self.server
    }

    /// The same, to [`kill`](RedisServer::kill) and [`restart`](RedisServer::restart) it.
    pub fn server_mut(&mut self) -> &mut RedisServer {
        &mut self.server
    }
}

/// The options by which a server speaks TLS, on this port, with the certificates in this directory.
fn speaks_tls(port: u16, files: &Path) -> Vec<String> {
    let made = |name: &str| files.join(name).display().to_string();
    [
        ["--port", "0"],
        ["--tls-port", &port.to_string()],
        ["--tls-cert-file", &made(&pem(SERVER))],
        ["--tls-key-file", &made(&key(SERVER))],
        ["--tls-ca-cert-file", &made(&pem(AUTHORITY))],
        ["--tls-auth-clients", "no"],
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect()
}

/// Makes in this directory an authority, and by it a server's and a client's certificate.
fn certify_all(directory: &Path) -> Result<(), rcgen::Error> {
    let mut authority = named(AUTHORITY, &[])?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    write(directory, &pem(AUTHORITY), &authority.pem());
    let server = (SERVER, &["localhost", "127.0.0.1"][..], ExtendedKeyUsagePurpose::ServerAuth);
    let client = (CLIENT, &[CLIENT][..], ExtendedKeyUsagePurpose::ClientAuth);
    for (name, hosts, usage) in [server, client] {
        let mut certificate = named(name, hosts)?;
        certificate.extended_key_usages = vec![usage];
        let own = KeyPair::generate()?;
        write(directory, &pem(name), &certificate.signed_by(&own, &authority)?.pem());
        write(directory, &key(name), &own.serialize_pem());
    }
    Ok(())
}

fn named(name: &str, hosts: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let hosts: Vec<_> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut certificate = CertificateParams::new(hosts)?;
    certificate.distinguished_name.push(DnType::CommonName, format!("cache tests {name}"));
    Ok(certificate)
}

fn pem(name: &str) -> String {
    format!("{name}.pem")
}

fn key(name: &str) -> String {
    format!("{name}.key")
}

#[track_caller]
fn write(directory: &Path, name: &str, text: &str) {
    std::fs::write(directory.join(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
}

#[track_caller]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
