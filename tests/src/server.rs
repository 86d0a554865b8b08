//! A real `redis-server` for one test: its own process, port and directory, gone when the test is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisResult, Value};

use crate::port;
use crate::wait::{PATIENCE, ensure, polls};

/// How often a start is tried again when somebody else has the port.
const ATTEMPTS: usize = 50;
/// The file in a server's directory that it reads before its options, and may rewrite.
pub(crate) const CONFIG: &str = "redis.conf";

/// A Redis server which nobody else uses. Nothing is written to disk unless asked for in
/// [`with_args`](Self::with_args).
///
/// The binary is the one that `REDIS_SERVER` names, else `redis-server` on the `PATH`.
///
/// ```no_run
/// let server = tests::RedisServer::start();
/// server.command(&["SET", "greeting", "hello"]);
/// assert_eq!(server.query::<String>(&["GET", "greeting"]), "hello");
/// ```
///
/// Its methods block for some milliseconds, which a test may do on its runtime.
#[derive(Debug)]
pub struct RedisServer {
    /// `None` while it is killed. Dropped before the directory, which the process uses.
    process: Option<Process>,
    directory: Directory,
    args: Vec<String>,
    port: u16,
}

impl RedisServer {
    /// An empty server on a free port of 127.0.0.1, ready for commands.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`; the message says how to get one.
    #[track_caller]
    pub fn start() -> Self {
        Self::with_args(&[])
    }

    /// As [`start`](Self::start), with options of `redis-server`, which win over our own.
    ///
    /// ```no_run
    /// use tests::RedisServer;
    ///
    /// let guarded = RedisServer::with_args(&["--requirepass", "secret"]);
    /// let small = RedisServer::with_args(&["--maxmemory", "2mb", "--maxmemory-policy", "noeviction"]);
    /// let durable = RedisServer::with_args(&["--appendonly", "yes"]); // its data survive `restart`
    /// let replica = RedisServer::with_args(&["--replicaof", "127.0.0.1", &small.port().to_string()]);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start), and when the server refuses the options; the message ends in its log.
    #[track_caller]
    pub fn with_args(args: &[&str]) -> Self {
        Self::launch(|_, _| args.iter().map(|&arg| arg.to_owned()).collect())
    }

    /// A server whose options depend on its port, or on files in its directory. They are asked for again when somebody
    /// else has taken a port meanwhile. If there is a [`CONFIG`] in the directory then, it is the server's own.
    #[track_caller]
    pub(crate) fn launch(mut options: impl FnMut(u16, &Path) -> Vec<String>) -> Self {
        let directory = Directory::create();
        for _ in 0..ATTEMPTS {
            let port = port::free();
            let args = options(port, &directory.0);
            match Process::start(port, &directory, &args) {
                Ok(process) => return Self { process: Some(process), directory, args, port },
                Err(StartError::PortTaken) => {}
                Err(StartError::Other(why)) => panic!("{why}"),
            }
        }
        panic!("each of {ATTEMPTS} free ports was taken before redis-server could listen on it");
    }

    /// `redis://127.0.0.1:<port>`, with the password that `--requirepass` set.
    pub fn url(&self) -> String {
        let password = self.password().map_or(String::new(), |password| format!(":{password}@"));
        format!("redis://{password}127.0.0.1:{}", self.port)
    }

    /// `unix://<path>`: the same server over a socket in its directory, with the password that `--requirepass` set.
    pub fn unix_url(&self) -> String {
        let password = self.password().map_or(String::new(), |password| format!("?pass={password}"));
        format!("unix://{}{password}", self.directory.socket().display())
    }

    /// The port, the same for all its life, restarts included.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it at once, as a crash does: `SIGKILL`. Does nothing when it is down.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Ends it in good order: `SIGTERM`, upon which it saves if it is told to and closes its connections. Does nothing
    /// when it is down.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate();
        }
    }

    /// Starts it again on the same port, after [`kill`](Self::kill)ing it if it runs: empty, and with a new
    /// replication history.
    ///
    /// # Panics
    ///
    /// When it does not start, for example because the port is taken.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        for _ in 0..ATTEMPTS {
            match Process::start(self.port, &self.directory, &self.args) {
                Ok(process) => {
                    self.process = Some(process);
                    return;
                }
                Err(StartError::PortTaken) => sleep(Duration::from_millis(100)),
                Err(StartError::Other(why)) => panic!("{why}"),
            }
        }
        panic!("port {} was taken while its server was down, and stays so", self.port);
    }

    /// Removes what `SAVE` wrote: the next [`restart`](Self::restart) is an empty one.
    pub fn remove_dump(&self) {
        // There may be none.
        let _ = std::fs::remove_file(self.directory.0.join("dump.rdb"));
    }

    /// Makes it a black hole until [`resume`](Self::resume): connections are accepted and requests taken by the kernel,
    /// and nothing is answered (`SIGSTOP`). On return no further command is being executed.
    ///
    /// # Panics
    ///
    /// When it is down.
    #[track_caller]
    pub fn pause(&self) {
        self.running().pause();
    }

    /// Lets it go on where [`pause`](Self::pause) stopped it, with all that was sent meanwhile.
    ///
    /// # Panics
    ///
    /// When it is down.
    #[track_caller]
    pub fn resume(&self) {
        self.running().resume();
    }

    /// A plain connection, with no cache around it.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub async fn client(&self) -> MultiplexedConnection {
        let patient =
            AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE));
        self.dial()
            .get_multiplexed_async_connection_with_config(&patient)
            .await
            .unwrap_or_else(|error| panic!("no connection to {}: {error}", self.url()))
    }

    /// Runs one command over a connection of its own, to [`unix_url`](Self::unix_url), and gives the reply.
    ///
    /// # Panics
    ///
    /// When the server answers with an error, or not at all.
    #[track_caller]
    pub fn command(&self, command: &[&str]) -> Value {
        self.query(command)
    }

    /// As [`command`](Self::command), with the reply as a `T`.
    ///
    /// # Panics
    ///
    /// As [`command`](Self::command), and when the reply is no `T`.
    #[track_caller]
    pub fn query<T: FromRedisValue>(&self, command: &[&str]) -> T {
        self.ask(redis::Cmd::new().arg(command))
            .unwrap_or_else(|error| panic!("`{}` at {}: {error}", command.join(" "), self.url()))
    }

    /// As [`command`](Self::command), with the reply as text: no value is `(nil)`, the parts of an array are lines, and an
    /// error is its own text, `"ERR unknown command .."`.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    #[track_caller]
    pub fn text(&self, command: &[&str]) -> String {
        match self.ask(redis::Cmd::new().arg(command)) {
            Ok(reply) => readable(&reply),
            Err(error) => match error.code() {
                Some(code) => [code, error.detail().unwrap_or_default()].join(" "),
                None => panic!("`{}` at {}: {error}", command.join(" "), self.url()),
            },
        }
    }

    /// Stores these bytes, for ever.
    ///
    /// # Panics
    ///
    /// As [`command`](Self::command).
    #[track_caller]
    pub fn set_raw(&self, key: &str, value: &[u8]) {
        self.ask::<()>(redis::Cmd::new().arg("SET").arg(key).arg(value))
            .unwrap_or_else(|error| panic!("`SET {key}` at {}: {error}", self.url()));
    }

    /// The bytes stored there.
    ///
    /// # Panics
    ///
    /// As [`command`](Self::command), and when there is something else than a string.
    #[track_caller]
    pub fn get_raw(&self, key: &str) -> Option<Vec<u8>> {
        self.query(&["GET", key])
    }

    /// All keys, in order; what is no UTF-8 in them is replaced.
    ///
    /// # Panics
    ///
    /// As [`command`](Self::command).
    #[track_caller]
    pub fn keys(&self) -> Vec<String> {
        let keys: Vec<Vec<u8>> = self.query(&["KEYS", "*"]);
        let mut keys: Vec<_> = keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect();
        keys.sort();
        keys
    }

    /// How often it has executed each command since it started: `mget`, `client|list`. Our own questions count as well.
    ///
    /// # Panics
    ///
    /// As [`command`](Self::command).
    #[track_caller]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        let stats: String = self.query(&["INFO", "commandstats"]);
        let calls = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
        };
        stats.lines().filter_map(calls).collect()
    }

    /// How often it has executed one of these commands since it started.
    ///
    /// # Panics
    ///
    /// As [`command`](Self::command).
    #[track_caller]
    pub fn calls_of(&self, commands: &[&str]) -> u64 {
        self.calls().iter().filter(|(name, _)| commands.contains(&name.as_str())).map(|(_, calls)| calls).sum()
    }

    /// How often it has answered with an error that begins with `code`, since it started.
    ///
    /// # Panics
    ///
    /// As [`command`](Self::command), and before Redis 6.2.
    #[track_caller]
    pub fn refusals(&self, code: &str) -> u64 {
        let stats: String = self.query(&["INFO", "errorstats"]);
        assert!(stats.starts_with("# Errorstats"), "it counts none: {stats}");
        let count = |line: &str| line.strip_prefix(&format!("errorstat_{code}:count="))?.trim().parse().ok();
        stats.lines().find_map(count).unwrap_or(0)
    }

    /// Whether it would answer now.
    pub(crate) fn is_awake(&self) -> bool {
        self.process.as_ref().is_some_and(|process| !process.paused.load(Ordering::SeqCst))
    }

    /// How far its replication has come, as a master.
    #[track_caller]
    pub(crate) fn written(&self) -> u64 {
        self.offset(&self.query::<String>(&["INFO", "replication"]), "master_repl_offset:")
    }

    /// Complains while it has not followed its master that far.
    #[track_caller]
    pub(crate) fn followed(&self, wanted: u64) -> Result<(), String> {
        // Sentinels kill the connections of whom they make a replica.
        let info: String =
            self.ask(redis::Cmd::new().arg("INFO").arg("replication")).map_err(|lost| lost.to_string())?;
        let followed = info.contains("master_link_status:up") && self.offset(&info, "slave_repl_offset:") >= wanted;
        ensure(followed, || format!("{} has not followed to {wanted}: {info}", self.url()))
    }

    #[track_caller]
    fn offset(&self, info: &str, field: &str) -> u64 {
        let offset = info.lines().find_map(|line| line.strip_prefix(field)?.parse().ok());
        offset.unwrap_or_else(|| panic!("there is no `{field}` at {}: {info}", self.url()))
    }

    pub(crate) fn ask<T: FromRedisValue>(&self, command: &redis::Cmd) -> RedisResult<T> {
        let mut connection = self.dial().get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        command.query(&mut connection)
    }

    /// To the socket in our directory, which speaks no TLS, costs no port of the machine and is nobody else's.
    fn dial(&self) -> Client {
        Client::open(self.unix_url()).expect("our own url is well-formed")
    }

    fn password(&self) -> Option<&String> {
        self.args.iter().skip_while(|arg| *arg != "--requirepass").nth(1)
    }

    #[track_caller]
    fn running(&self) -> &Process {
        self.process.as_ref().expect("the server is down: `restart` it first")
    }
}

/// A running server; dropping it is a crash.
#[derive(Debug)]
struct Process {
    child: Child,
    paused: AtomicBool,
}

enum StartError {
    PortTaken,
    Other(String),
}

impl Process {
    fn start(port: u16, directory: &Directory, args: &[String]) -> Result<Self, StartError> {
        let log = File::create(directory.log()).expect("the directory is ours");
        let binary = std::env::var_os("REDIS_SERVER").unwrap_or_else(|| "redis-server".into());
        let mut command = Command::new(&binary);
        command
            .args(directory.config())
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(&directory.0)
            .arg("--unixsocket")
            .arg(directory.socket())
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file handle can be doubled"))
            .stderr(log);
        let child = command.spawn().map_err(|error| {
            StartError::Other(format!(
                "`{}` cannot be run ({error}): run `apt-get install -y redis-server` (or name a binary in REDIS_SERVER)",
                binary.display()
            ))
        })?;
        let mut process = Self { child, paused: AtomicBool::new(false) };
        for _ in polls() {
            if answers(&directory.socket()) {
                return Ok(process);
            }
            if let Ok(Some(status)) = process.child.try_wait() {
                let log = directory.read_log();
                return Err(if log.contains("Address already in use") {
                    StartError::PortTaken
                } else {
                    StartError::Other(format!("redis-server ended with {status}:\n{log}"))
                });
            }
        }
        Err(StartError::Other(format!("redis-server does not answer:\n{}", directory.read_log())))
    }

    fn pause(&self) {
        if self.paused.swap(true, Ordering::SeqCst) {
            return;
        }
        self.send(Signal::SIGSTOP);
        let status = waitpid(self.pid(), Some(WaitPidFlag::WUNTRACED));
        assert!(matches!(status, Ok(WaitStatus::Stopped(..))), "the server ended by itself: {status:?}");
    }

    fn resume(&self) {
        if self.paused.swap(false, Ordering::SeqCst) {
            self.send(Signal::SIGCONT);
        }
    }

    fn terminate(&mut self) {
        self.resume();
        self.send(Signal::SIGTERM);
        for _ in polls() {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
        }
        panic!("redis-server does not end on SIGTERM");
    }

    fn send(&self, signal: Signal) {
        signal::kill(self.pid(), signal).expect("the child was not waited for, so its id is still its own");
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("process ids are small"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is what they are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn readable(reply: &Value) -> String {
    match reply {
        Value::Nil => "(nil)".to_owned(),
        Value::Okay => "OK".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::SimpleString(text) => text.clone(),
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Array(parts) => parts.iter().map(readable).collect::<Vec<_>>().join("\n"),
        other => format!("{other:?}"),
    }
}

/// Whether the server behind this socket has come so far that it answers commands. Over the socket in our directory
/// rather than over the port, which some other server may have taken. A server listens there after it did on the port.
fn answers(socket: &Path) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"*1\r\n$4\r\nPING\r\n")?;
        let mut reply = [0; 5];
        stream.read_exact(&mut reply)?;
        // `-NOAUTH` is an answer, too.
        Ok(&reply != b"-LOAD")
    };
    ask().unwrap_or(false)
}

/// A new directory under the system's temporary one, removed with all it holds.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let name = format!("cache-tests-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // Left behind by a test program that was killed and had the same process id.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{} cannot be created: {error}", path.display()),
            }
        }
    }

    fn socket(&self) -> PathBuf {
        self.0.join("redis.sock")
    }

    fn config(&self) -> Option<PathBuf> {
        Some(self.0.join(CONFIG)).filter(|path| path.exists())
    }

    fn log(&self) -> PathBuf {
        self.0.join("redis.log")
    }

    fn read_log(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Nothing depends on it, and a panic in a drop would end the whole test program.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_as_they_are_and_keys_are_in_order() {
        let server = RedisServer::start();
        let value = [0, 255, b'\r', b'\n', b'$'];
        server.set_raw("b", &value);
        server.set_raw("a", b"");
        assert_eq!(server.get_raw("b").as_deref(), Some(value.as_slice()));
        assert_eq!(server.get_raw("a").as_deref(), Some(b"".as_slice()));
        assert_eq!(server.get_raw("c"), None);
        assert_eq!(server.keys(), ["a", "b"]);
    }

    #[test]
    fn commands_are_counted_each_by_its_name() {
        let server = RedisServer::start();
        let before = server.calls_of(&["mget", "client|list"]);
        for command in [&["MGET", "a", "b"][..], &["CLIENT", "LIST"], &["MGET", "a"]] {
            server.command(command);
        }
        assert_eq!((server.calls_of(&["mget", "client|list"]) - before, server.calls()["mget"]), (3, 2));
    }

    #[test]
    fn replies_are_readable_those_that_are_errors_too() {
        let server = RedisServer::start();
        for (command, reply) in [
            (&["PING"][..], "PONG"),
            (&["RPUSH", "list", "a", "b"], "2"),
            (&["LRANGE", "list", "0", "-1"], "a\nb"),
            (&["GET", "nothing"], "(nil)"),
            (&["SET", "key", "value"], "OK"),
            (&["GET", "key"], "value"),
            (&["GET", "list"], "WRONGTYPE Operation against a key holding the wrong kind of value"),
            (&["INCR", "key"], "ERR value is not an integer or out of range"),
        ] {
            assert_eq!(server.text(command), reply, "{command:?}");
        }
    }
}
