//! A server that says what a test tells it to: errors no healthy server sends, half replies, nonsense.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::background::Background;
use crate::port::{self, Listener};
use crate::reply::{self, Reply};
use crate::request;

/// The version it claims to be: one that knows all commands of today's clients.
const VERSION: &str = "7.4.0";
const REPLICATION_ID: &str = "0123456789abcdef0123456789abcdef01234567";

/// A scripted server on a free port of 127.0.0.1, in RESP2 and RESP3. Dropping it closes its connections.
///
/// ```no_run
/// use tests::{FakeRedis, reply};
///
/// // Connects as to any server, then refuses to work.
/// let full = FakeRedis::start(|_| reply::error("OOM command not allowed when used memory > 'maxmemory'."));
/// // A closure that decides between more than bytes gives a `Reply`.
/// let fragile = FakeRedis::start(|command| match command[0].as_slice() {
///     b"GET" => tests::Reply::Close(b"$100\r\nhalf of i".to_vec()),
///     _ => reply::ok().into(),
/// });
/// ```
///
/// What [`Reply::Default`] stands for: `HELLO`, `AUTH`, `CLIENT`, `SELECT`, `PING`, `INFO` (a master with a replication
/// id), `SUBSCRIBE` and `QUIT` are answered as by a server without data; anything else is an unknown command.
#[derive(Debug)]
pub struct FakeRedis {
    port: u16,
    commands: Arc<Mutex<Vec<String>>>,
    _thread: Background,
}

type Script = dyn Fn(&[Vec<u8>]) -> Reply + Send + Sync;

impl FakeRedis {
    /// Answers all but the commands of [`Reply::Default`] by `script`, so that clients connect and find it alive. The
    /// script is given a command and its arguments, as the client spelled them.
    pub fn start<R: Into<Reply>>(script: impl Fn(&[Vec<u8>]) -> R + Send + Sync + 'static) -> Self {
        Self::with(Box::new(move |command| match Session::default().answer(command) {
            Some(_) => Reply::Default,
            None => script(command).into(),
        }))
    }

    /// Answers every command by `script`, those of connecting included.
    pub fn scripted<R: Into<Reply>>(script: impl Fn(&[Vec<u8>]) -> R + Send + Sync + 'static) -> Self {
        Self::with(Box::new(move |command| script(command).into()))
    }

    /// Answers every command with this error, such as `"OOM command not allowed"`, except for what it takes to connect and
    /// to look healthy. It knows no `HELLO`, so it is spoken to in RESP2.
    pub fn answering_errors(error: &str) -> Self {
        let error = reply::error(error);
        Self::scripted(move |command| match command[0].to_ascii_uppercase().as_slice() {
            b"HELLO" => unknown(command).into(),
            b"CLIENT" | b"PING" | b"INFO" => Reply::Default,
            _ => error.clone().into(),
        })
    }

    fn with(script: Box<Script>) -> Self {
        let listener = port::listen();
        let port = port::of(&listener);
        let commands = Arc::default();
        let received = Arc::clone(&commands);
        let thread = Background::spawn("fake redis", move || async move {
            serve(Listener::from_std(listener), script.into(), received).await;
        });
        Self { port, commands, _thread: thread }
    }

    /// `redis://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All commands received so far, each as one line: `"GET user:1"`.
    pub fn commands(&self) -> Vec<String> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(listener: Listener, script: Arc<Script>, commands: Arc<Mutex<Vec<String>>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            client = listener.accept() => {
                connections.spawn(converse(client, Arc::clone(&script), Arc::clone(&commands)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Ends when either side closes, or the client sends what is no command.
async fn converse(mut client: TcpStream, script: Arc<Script>, commands: Arc<Mutex<Vec<String>>>) {
    let mut session = Session::default();
    let mut received = Vec::new();
    while let Ok(1..) = client.read_buf(&mut received).await {
        while let Ok(Some(command)) = request::take(&mut received) {
            let line = command.iter().map(|part| String::from_utf8_lossy(part)).collect::<Vec<_>>().join(" ");
            commands.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            let (bytes, close) = match script(&command) {
                Reply::Bytes(bytes) => (bytes, false),
                Reply::Close(bytes) => (bytes, true),
                Reply::Silence => (Vec::new(), false),
                Reply::Default => (session.answer(&command).unwrap_or_else(|| unknown(&command)), false),
            };
            if client.write_all(&bytes).await.is_err() || close {
                return;
            }
        }
    }
}

/// What a server remembers of a connection.
#[derive(Default)]
struct Session {
    resp3: bool,
    subscriptions: i64,
}

impl Session {
    /// `None` for a command that has no default.
    fn answer(&mut self, command: &[Vec<u8>]) -> Option<Vec<u8>> {
        let [name, arguments @ ..] = command else { return None };
        let first = arguments.first().map(Vec::as_slice);
        Some(match name.to_ascii_uppercase().as_slice() {
            b"HELLO" => {
                self.resp3 = first.map_or(self.resp3, |version| version == b"3");
                self.hello()
            }
            b"CLIENT" if first.is_some_and(|what| what.eq_ignore_ascii_case(b"ID")) => reply::integer(1),
            b"AUTH" | b"CLIENT" | b"SELECT" | b"QUIT" => reply::ok(),
            b"PING" => first.map_or_else(|| reply::simple("PONG"), reply::bulk),
            b"INFO" => reply::bulk(format!(
                "# Server\r\nredis_version:{VERSION}\r\nredis_mode:standalone\r\n\
                 # Persistence\r\nloading:0\r\n\
                 # Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_replid:{REPLICATION_ID}\r\n\
                 # Cluster\r\ncluster_enabled:0\r\n"
            )),
            b"SUBSCRIBE" => arguments.iter().flat_map(|channel| self.subscribed(channel)).collect(),
            _ => return None,
        })
    }

    fn hello(&self) -> Vec<u8> {
        let about = [
            [reply::bulk("server"), reply::bulk("redis")],
            [reply::bulk("version"), reply::bulk(VERSION)],
            [reply::bulk("proto"), reply::integer(if self.resp3 { 3 } else { 2 })],
            [reply::bulk("id"), reply::integer(1)],
            [reply::bulk("mode"), reply::bulk("standalone")],
            [reply::bulk("role"), reply::bulk("master")],
            [reply::bulk("modules"), reply::array(&[])],
        ]
        .concat();
        if self.resp3 { reply::map(&about) } else { reply::array(&about) }
    }

    fn subscribed(&mut self, channel: &[u8]) -> Vec<u8> {
        self.subscriptions += 1;
        let parts = [reply::bulk("subscribe"), reply::bulk(channel), reply::integer(self.subscriptions)];
        if self.resp3 { reply::push(&parts) } else { reply::array(&parts) }
    }
}

fn unknown(command: &[Vec<u8>]) -> Vec<u8> {
    let name = command.first().map(|name| String::from_utf8_lossy(name)).unwrap_or_default();
    reply::error(&format!("ERR unknown command '{name}', with args beginning with: "))
}

#[cfg(test)]
mod tests {
    use redis::{Client, Cmd, Connection};

    use super::*;

    fn connect(url: &str) -> Connection {
        Client::open(format!("{url}?protocol=resp2")).and_then(|client| client.get_connection()).expect("it connects")
    }

    #[test]
    fn what_answers_errors_looks_healthy() {
        let fake = FakeRedis::answering_errors("OOM not now");
        let mut client = connect(&fake.url());
        let mut ask = |line: &[&str]| Cmd::new().arg(line).query::<String>(&mut client);
        assert_eq!(ask(&["PING"]).expect("it is up"), "PONG");
        assert_eq!(ask(&["CLIENT", "SETNAME", "me"]).expect("it is up"), "OK");
        let info = ask(&["INFO", "replication"]).expect("it is up");
        assert!(info.contains("role:master\r\n") && info.contains(REPLICATION_ID), "{info}");
        for (command, code) in [(&["HELLO", "3"][..], "ERR"), (&["GET", "key"], "OOM"), (&["AUTH", "secret"], "OOM")] {
            assert_eq!(ask(command).expect_err("an error").code(), Some(code), "{command:?}");
        }
    }

    #[test]
    fn an_empty_reply_closes_the_connection() {
        let fake = FakeRedis::start(|_| Vec::new());
        let closed = Cmd::new().arg("GET").arg("key").query::<String>(&mut connect(&fake.url()));
        assert!(closed.expect_err("no reply").is_connection_dropped());
    }
}
