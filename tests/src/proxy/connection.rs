//! One connection through the proxy: two streams, and what the mode does to the bytes between them.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::weather::{Client, Outlook};
use super::{Counters, Mode};

/// How many reads may be on their way in one direction, before no more is read.
const IN_FLIGHT: usize = 1024;
/// How long the server has for its last replies when the client has closed.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Of a message that is split: how many bytes go singly, and how long the pieces after them are.
const SINGLY: usize = 128;

/// How long the pieces of a dripping message are.
const DRIP: usize = 64;

/// A client's connection, counted as open while it exists.
pub(super) struct Connection {
    client: Wire,
    /// What the network does to this connection; whose it is is known when the client has spoken.
    outlook: Outlook,
    subscribed: Arc<AtomicBool>,
    counters: Arc<Counters>,
}

/// A stream that is reset when it is dropped, unless it was released: however a connection's task ends, by an order to
/// kill it or with its runtime, the peer sees an abrupt end.
struct Wire(TcpStream);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Requests,
    Replies,
}

/// How a stream came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
}

enum Arrival {
    Bytes(Vec<u8>),
    End(End),
}

/// When bytes go on: at that time, or earlier once the mode is another than the one that holds them back.
struct Due {
    at: Instant,
    under: Mode,
}

impl Connection {
    pub(super) fn new(client: TcpStream, outlook: Outlook, counters: Arc<Counters>) -> Self {
        counters.open.fetch_add(1, Ordering::SeqCst);
        Self { client: Wire::new(client), outlook, subscribed: Arc::default(), counters }
    }

    /// Whether it is a subscriber's, known when the client has spoken.
    pub(super) fn subscribed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.subscribed)
    }

    pub(super) async fn run(mut self, server: SocketAddr) {
        match self.outlook.mode() {
            Mode::Reset => {}
            Mode::BlackHole => self.swallow().await,
            _ => self.forward(server).await,
        }
    }

    /// Nothing ever comes of this connection, even if the mode changes.
    async fn swallow(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = self.client.0.read(&mut buffer).await {
            self.counters.request_bytes.fetch_add(length as u64, Ordering::SeqCst);
        }
    }

    async fn forward(&mut self, server: SocketAddr) {
        let Ok(server) = TcpStream::connect(server).await else { return };
        let mut server = Wire::new(server);
        // Clients speak first.
        let mut first = [0; 256];
        let spoken = self.client.0.peek(&mut first).await.unwrap_or(0);
        let outlook = self.outlook.clone().of(Client::introduced_by(&first[..spoken]));
        self.subscribed.store(outlook.subscribes(), Ordering::SeqCst);
        let end = {
            let (from_client, to_client) = self.client.0.split();
            let (from_server, to_server) = server.0.split();
            let requests = pump(Direction::Requests, from_client, to_server, &outlook, &self.counters);
            let replies = pump(Direction::Replies, from_server, to_client, &outlook, &self.counters);
            tokio::select! {
                end = requests => end,
                end = replies => end,
            }
        };
        if end == End::Closed {
            self.client.release();
            server.release();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.counters.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        // Both fail only on a stream that is broken already, which shows soon enough.
        let _ = stream.set_nodelay(true);
        let _ = stream.set_zero_linger();
        Self(stream)
    }

    /// Lets the stream end in good order.
    fn release(&self) {
        #[expect(deprecated, reason = "unsetting it, which blocks nothing, has no other name")]
        let _ = self.0.set_linger(None);
    }
}

/// Carries bytes one way, and says how the connection is to end.
async fn pump(
    direction: Direction,
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    outlook: &Outlook,
    counters: &Counters,
) -> End {
    let (queue, arrivals) = mpsc::channel(IN_FLIGHT);
    let writer = Writer { direction, to, outlook: outlook.clone(), dead: false, toward_cut: 0 };
    tokio::select! {
        end = writer.run(arrivals) => end,
        never = read(direction, from, queue, outlook, counters) => match never {},
    }
}

/// Notes which delay each read is under, and when it is due at the other side. Apart from the writer, so that a delay holds up nothing else. The
/// writer says when both are done.
async fn read(
    direction: Direction,
    mut from: ReadHalf<'_>,
    queue: mpsc::Sender<(Option<Due>, Arrival)>,
    outlook: &Outlook,
    counters: &Counters,
) -> Infallible {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let arrival = match from.read(&mut buffer).await {
            Ok(0) => Arrival::End(End::Closed),
            Ok(length) => Arrival::Bytes(buffer[..length].to_vec()),
            Err(_) => Arrival::End(End::Reset),
        };
        if let (Direction::Requests, Arrival::Bytes(bytes)) = (direction, &arrival) {
            counters.request_bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        }
        let due = match outlook.mode() {
            delayed @ Mode::Delay(delay) => Some(Due { at: Instant::now() + delay, under: delayed }),
            _ => None,
        };
        let last = matches!(arrival, Arrival::End(_));
        if queue.send((due, arrival)).await.is_err() || last {
            return std::future::pending().await;
        }
    }
}

struct Writer<'a> {
    direction: Direction,
    to: WriteHalf<'a>,
    outlook: Outlook,
    /// Bytes were lost, so none may follow.
    dead: bool,
    /// How many bytes went through since `CloseMidReply` was set.
    toward_cut: usize,
}

impl Writer<'_> {
    async fn run(mut self, mut arrivals: mpsc::Receiver<(Option<Due>, Arrival)>) -> End {
        while let Some((due, arrival)) = arrivals.recv().await {
            if let Some(due) = due {
                let over = self.outlook.when(|mode| mode != due.under);
                let _ = tokio::time::timeout_at(due.at, over).await;
            }
            let mode = self.mode_after_stall().await;
            self.dead |= self.direction.is_swallowed(mode);
            match arrival {
                Arrival::Bytes(_) if self.dead => {}
                Arrival::Bytes(bytes) => match self.write(&bytes, mode).await {
                    Ok(true) => {}
                    Ok(false) => return End::Closed,
                    Err(_) => return End::Reset,
                },
                Arrival::End(end) => return self.finish(end).await,
            }
        }
        End::Reset
    }

    async fn mode_after_stall(&mut self) -> Mode {
        match self.outlook.when(|mode| mode != Mode::Stall).await {
            Some(mode) => mode,
            // The proxy is being dropped, and this task with it.
            None => std::future::pending().await,
        }
    }

    /// Whether the connection is to go on.
    async fn write(&mut self, bytes: &[u8], mode: Mode) -> io::Result<bool> {
        match (mode, self.direction) {
            (Mode::CloseMidReply(length), Direction::Replies) => {
                let left = length.saturating_sub(self.toward_cut);
                let before = &bytes[..left.min(bytes.len())];
                self.toward_cut += before.len();
                self.to.write_all(before).await?;
                return Ok(self.toward_cut < length);
            }
            (Mode::Split, _) => {
                for piece in pieces(bytes) {
                    self.to.write_all(piece).await?;
                    tokio::task::yield_now().await;
                }
            }
            (Mode::Drip(pause), Direction::Requests) => {
                for piece in bytes.chunks(DRIP) {
                    self.to.write_all(piece).await?;
                    let over = self.outlook.when(|mode| mode != Mode::Drip(pause));
                    let _ = tokio::time::timeout(pause, over).await;
                }
            }
            _ => self.to.write_all(bytes).await?,
        }
        self.toward_cut = 0;
        Ok(true)
    }

    /// The reading side is at its end, and this is to be passed on.
    async fn finish(&mut self, end: End) -> End {
        match self.direction {
            // Neither does the end of a server reach a client that hears nothing: only the client can end this.
            Direction::Replies if self.dead => std::future::pending().await,
            Direction::Requests if end == End::Closed && !self.dead => {
                if self.to.shutdown().await.is_ok() {
                    tokio::time::sleep(LAST_WORDS).await;
                }
                End::Closed
            }
            _ => end,
        }
    }
}

impl Direction {
    fn is_swallowed(self, mode: Mode) -> bool {
        match mode {
            Mode::BlackHole => true,
            Mode::BlackHoleRequests => self == Self::Requests,
            Mode::BlackHoleReplies => self == Self::Replies,
            _ => false,
        }
    }
}

fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (singly, rest) = bytes.split_at(bytes.len().min(SINGLY));
    singly.chunks(1).chain(rest.chunks(SINGLY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_single_bytes_at_first() {
        let bytes: Vec<u8> = (0..=255).cycle().take(400).collect();
        let lengths: Vec<_> = pieces(&bytes).map(<[u8]>::len).collect();
        assert_eq!(lengths[..SINGLY], [1; SINGLY]);
        assert_eq!(lengths[SINGLY..], [128, 128, 16]);
        assert_eq!(pieces(&bytes).collect::<Vec<_>>().concat(), bytes);
    }

    #[test]
    fn a_black_hole_swallows_the_directions_it_names() {
        use Direction::{Replies, Requests};
        let swallowed = |mode| [Requests, Replies].map(|direction: Direction| direction.is_swallowed(mode));
        assert_eq!(swallowed(Mode::BlackHole), [true, true]);
        assert_eq!(swallowed(Mode::BlackHoleRequests), [true, false]);
        assert_eq!(swallowed(Mode::BlackHoleReplies), [false, true]);
        assert_eq!(swallowed(Mode::Pass), [false, false]);
    }
}
