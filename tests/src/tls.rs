//! A server that speaks TLS, with a certificate of an authority that nobody but the test knows.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::port;
use crate::server::{CONFIG, RedisServer};
use crate::wait::{ensure, until};

const AUTHORITY: &str = "ca";

/// A server that takes connections over TLS only. Its certificate, for `localhost` and 127.0.0.1, is made by the
/// `openssl` command.
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
    /// When there is no `redis-server` with TLS or no `openssl`; the message says how to get one.
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
                certify_all(directory);
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
        (read(&self.files.join(pem("client"))), read(&self.files.join(key("client"))))
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
        ["--tls-cert-file", &made(&pem("server"))],
        ["--tls-key-file", &made(&key("server"))],
        ["--tls-ca-cert-file", &made(&pem(AUTHORITY))],
        ["--tls-auth-clients", "no"],
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect()
}

/// Makes in this directory an authority, and by it a server's and a client's certificate.
#[track_caller]
fn certify_all(directory: &Path) {
    let authority = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"];
    certify(directory, AUTHORITY, &authority, false);
    certify(directory, "server", &["subjectAltName=DNS:localhost,IP:127.0.0.1", "extendedKeyUsage=serverAuth"], true);
    certify(directory, "client", &["subjectAltName=DNS:client", "extendedKeyUsage=clientAuth"], true);
}

#[track_caller]
fn certify(directory: &Path, name: &str, extensions: &[&str], by_authority: bool) {
    let mut openssl = Command::new("openssl");
    openssl
        .current_dir(directory)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"])
        .args(["-subj", &format!("/CN=cache tests {name}"), "-out", &pem(name), "-keyout", &key(name)])
        .args(extensions.iter().flat_map(|extension| ["-addext", extension]))
        .stdin(Stdio::null());
    if by_authority {
        openssl.args(["-CA", &pem(AUTHORITY), "-CAkey", &key(AUTHORITY)]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    }
    let made = openssl
        .output()
        .unwrap_or_else(|error| panic!("`openssl` cannot be run ({error}): run `apt-get install -y openssl`"));
    assert!(made.status.success(), "no certificate for {name}: {}", String::from_utf8_lossy(&made.stderr));
}

fn pem(name: &str) -> String {
    format!("{name}.pem")
}

fn key(name: &str) -> String {
    format!("{name}.key")
}

#[track_caller]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
