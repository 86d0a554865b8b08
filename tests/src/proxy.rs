//! A network that can be broken: a TCP proxy in front of a server, with a fault that is chosen while it runs.
//!
//! Rules that keep its faults possible ones:
//!
//! 1. Bytes arrive in order, unchanged, or not at all: a connection that lost bytes in one direction never carries any
//!    in that direction again, as no TCP connection would. It stays silent until somebody closes it.
//! 2. [`Proxy::set`], [`Proxy::point_at`] and [`Proxy::kill_connections`] have taken effect when they return.
//! 3. It has a thread and a runtime of its own, so a test that blocks its runtime does not stop its network.

mod connection;
mod weather;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc as blocking;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use self::connection::Connection;
use self::weather::{Modes, Outlook, Weather};
use crate::background::Background;
use crate::port::{self, Listener};

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Forwards everything at once.
    Pass,
    /// Forwards everything that much later, in each direction: a round trip takes twice as long. What is on its way when
    /// the mode changes is late no longer.
    Delay(Duration),
    /// Holds everything back and forwards it once the mode changes: a short interruption, which TCP mends.
    Stall,
    /// Accepts connections and swallows all bytes, in both directions.
    BlackHole,
    /// Swallows what clients send.
    BlackHoleRequests,
    /// Swallows what the server sends: commands are executed, and nobody hears of it.
    BlackHoleReplies,
    /// Refuses new connections, as a host without the server does. Connections that exist go on:
    /// [`Proxy::kill_connections`] ends them.
    Refuse,
    /// Resets connections: all that exist, and new ones as soon as they are accepted.
    Reset,
    /// Forwards that many more bytes of replies on each connection, then closes it.
    CloseMidReply(usize),
    /// Forwards in pieces, the first 128 bytes of every message singly.
    Split,
    /// Forwards requests in pieces of 64 bytes, with a pause behind each.
    Drip(Duration),
}

/// A proxy on a free port of 127.0.0.1. Dropping it resets its connections.
///
/// ```no_run
/// use std::time::Duration;
/// use tests::{Mode, Proxy, RedisServer};
///
/// let server = RedisServer::start();
/// let proxy = Proxy::start(server.port());
/// // .. a cache on `proxy.url()` ..
/// proxy.set(Mode::Delay(Duration::from_millis(30)));
/// proxy.set(Mode::BlackHole);
/// proxy.set(Mode::Pass);
/// proxy.kill_connections();
/// ```
///
/// When the server is down, a connection to the proxy is accepted and then reset; only [`Mode::Refuse`] refuses it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    counters: Arc<Counters>,
    orders: mpsc::UnboundedSender<(Order, blocking::Sender<()>)>,
    _thread: Background,
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU64,
    open: AtomicU64,
    request_bytes: AtomicU64,
}

enum Order {
    Set(Mode),
    Data(Mode),
    Subscribers(Mode),
    User(String, Modes),
    Point(u16),
    Kill,
    KillSubscribers,
}

impl Proxy {
    /// A proxy in front of the server on this port of 127.0.0.1, which may as well be down. It begins with [`Mode::Pass`].
    #[track_caller]
    pub fn start(server: u16) -> Self {
        let listener = port::listen();
        let port = port::of(&listener);
        let counters = Arc::new(Counters::default());
        let (orders, received) = mpsc::unbounded_channel();
        let network = Network {
            door: Door::Unopened(listener),
            server: (Ipv4Addr::LOCALHOST, server).into(),
            weather: watch::Sender::new(Weather::same_for_all(Mode::Pass)),
            counters: Arc::clone(&counters),
            connections: JoinSet::new(),
            subscribed: Vec::new(),
        };
        let thread = Background::spawn("proxy", || network.run(received));
        Self { port, counters, orders, _thread: thread }
    }

    /// `redis://127.0.0.1:<port>`, without a password.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port it listens on, also while it refuses.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes what the network does, for connections that exist and for new ones.
    #[track_caller]
    pub fn set(&self, mode: Mode) {
        self.order(Order::Set(mode));
    }

    /// The same for the connections of subscribers only: those that began by asking for RESP3. Not for the modes that
    /// refuse or reset.
    #[track_caller]
    pub fn set_subscribers(&self, mode: Mode) {
        self.order(Order::Subscribers(mode));
    }

    /// The same for all other connections.
    #[track_caller]
    pub fn set_data(&self, mode: Mode) {
        self.order(Order::Data(mode));
    }

    /// The same for the connections of one user, who began by logging in: for those on which he subscribes, and for his
    /// others. Until [`set`](Self::set), whatever becomes of everybody else.
    #[track_caller]
    pub fn set_user(&self, user: &str, data: Mode, subscribers: Mode) {
        self.order(Order::User(user.to_owned(), Modes { data, subscribers }));
    }

    /// Leads new connections to the server on another port of 127.0.0.1, as an address that moves does. Those that exist
    /// stay where they are: [`Proxy::kill_connections`] ends them.
    #[track_caller]
    pub fn point_at(&self, server: u16) {
        self.order(Order::Point(server));
    }

    /// Resets all connections; new ones are treated as the mode says.
    #[track_caller]
    pub fn kill_connections(&self) {
        self.order(Order::Kill);
    }

    /// The same for the connections of subscribers only: see [`set_subscribers`](Self::set_subscribers).
    #[track_caller]
    pub fn kill_subscribers(&self) {
        self.order(Order::KillSubscribers);
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> u64 {
        self.counters.connections.load(Ordering::SeqCst)
    }

    /// How many connections there are.
    pub fn open_connections(&self) -> u64 {
        self.counters.open.load(Ordering::SeqCst)
    }

    /// How many bytes clients have sent so far, whatever became of them.
    pub fn request_bytes(&self) -> u64 {
        self.counters.request_bytes.load(Ordering::SeqCst)
    }

    #[track_caller]
    fn order(&self, order: Order) {
        let (done, wait) = blocking::channel();
        self.orders.send((order, done)).expect("the proxy runs for as long as it exists");
        wait.recv().expect("the proxy runs for as long as it exists");
    }
}

/// What runs on the proxy's thread.
struct Network {
    door: Door,
    server: SocketAddr,
    weather: watch::Sender<Weather>,
    counters: Arc<Counters>,
    connections: JoinSet<()>,
    /// Of each connection: whether it turned out to be a subscriber's, and its task.
    subscribed: Vec<(Arc<AtomicBool>, AbortHandle)>,
}

impl Network {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<(Order, blocking::Sender<()>)>) {
        self.door = self.door.turn(true);
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some((order, done)) = order else { return };
                    self = self.obey(order).await;
                    // Nobody waits if the thread that ordered it has panicked.
                    let _ = done.send(());
                }
                client = self.door.accept() => self.connect(client),
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    async fn obey(mut self, order: Order) -> Self {
        match order {
            Order::Set(mode) => {
                self.weather.send_replace(Weather::same_for_all(mode));
                self.door = self.door.turn(mode != Mode::Refuse);
            }
            Order::Data(mode) => self.weather.send_modify(|weather| weather.all.data = mode),
            Order::Subscribers(mode) => self.weather.send_modify(|weather| weather.all.subscribers = mode),
            Order::User(ref user, modes) => {
                self.weather.send_modify(|weather| _ = weather.users.insert(user.clone(), modes));
            }
            Order::Point(server) => self.server.set_port(server),
            Order::KillSubscribers => {
                let theirs = self.subscribed.iter().filter(|(subscribed, _)| subscribed.load(Ordering::SeqCst));
                for (_, connection) in theirs {
                    connection.abort();
                    while !connection.is_finished() {
                        tokio::task::yield_now().await;
                    }
                }
            }
            Order::Kill => {}
        }
        if matches!(order, Order::Kill | Order::Set(Mode::Reset)) {
            self.connections.shutdown().await;
        }
        self
    }

    fn connect(&mut self, client: TcpStream) {
        self.counters.connections.fetch_add(1, Ordering::SeqCst);
        let connection = Connection::new(client, Outlook::new(self.weather.subscribe()), Arc::clone(&self.counters));
        let subscribed = connection.subscribed();
        let task = self.connections.spawn(connection.run(self.server));
        self.subscribed.retain(|(_, connection)| !connection.is_finished());
        self.subscribed.push((subscribed, task));
    }
}

/// The port, listened on or not, and ours in either case.
enum Door {
    /// Bound by the thread that started the proxy, to be opened on the proxy's own.
    Unopened(TcpListener),
    Open(Listener),
    /// Bound and not listened on: connections are refused, and nobody else gets the port.
    Shut(TcpSocket),
}

impl Door {
    fn turn(self, open: bool) -> Self {
        let ours = "the port is ours";
        match (self, open) {
            (Self::Unopened(listener), _) => Self::Open(Listener::from_std(listener)),
            (Self::Shut(socket), true) => Self::Open(Listener(socket.listen(1024).expect(ours))),
            (Self::Open(listener), false) => {
                let address = listener.0.local_addr().expect("a listener has an address");
                drop(listener);
                let socket = TcpSocket::new_v4().expect("a socket can be had");
                socket.set_reuseaddr(true).expect("a new socket can be set up");
                socket.bind(address).expect(ours);
                Self::Shut(socket)
            }
            (same, _) => same,
        }
    }

    /// Cancel safe, as [`Listener::accept`] is.
    async fn accept(&self) -> TcpStream {
        if let Self::Open(listener) = self {
            return listener.accept().await;
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedisServer;

    fn connect(url: &str) -> redis::RedisResult<redis::Connection> {
        redis::Client::open(url)?.get_connection()
    }

    #[test]
    fn subscribers_are_killed_apart_and_new_ones_are_treated_as_the_mode_says() {
        let server = RedisServer::start();
        let proxy = Proxy::start(server.port());
        let resp3 = format!("{}?protocol=resp3", proxy.url());
        let mut data = connect(&proxy.url()).expect("it passes");
        let mut subscriber = connect(&resp3).expect("it passes");
        proxy.set_subscribers(Mode::Stall);
        proxy.kill_subscribers();
        assert!(redis::cmd("PING").query::<String>(&mut subscriber).is_err());
        assert_eq!(redis::cmd("PING").query::<String>(&mut data).expect("it was spared"), "PONG");
        std::thread::scope(|scope| {
            let before = proxy.connections();
            let connecting = scope.spawn(|| connect(&resp3).map(drop));
            while proxy.connections() == before {
                std::thread::yield_now();
            }
            std::thread::sleep(Duration::from_millis(50));
            assert!(!connecting.is_finished(), "it is held back");
            proxy.set_subscribers(Mode::Pass);
            connecting.join().expect("no panic").expect("it passes");
        });
    }

    #[test]
    fn what_is_late_follows_the_next_mode_at_once() {
        let server = RedisServer::start();
        let proxy = Proxy::start(server.port());
        let mut client =
            redis::Client::open(proxy.url()).and_then(|client| client.get_connection()).expect("it passes");
        client.set_read_timeout(Some(Duration::from_secs(20))).expect("it can be set");
        let sent = proxy.request_bytes();
        proxy.set(Mode::Delay(Duration::from_secs(3600)));
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| redis::cmd("PING").query::<String>(&mut client));
            while proxy.request_bytes() == sent {
                std::thread::yield_now();
            }
            proxy.set(Mode::Pass);
            assert_eq!(asked.join().expect("no panic").expect("it arrives"), "PONG");
        });
    }
}
