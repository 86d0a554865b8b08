//! Which loopback ports servers of a test listen on: free ones, outside the range of outgoing connections.
//!
//! The kernel gives every outgoing connection a port from its own range. A server that gave up a port of that range
//! for a moment may find it taken when it comes back; worse, a client that dials the port meanwhile can be given that
//! very port as its own, is then connected to itself, and reads its own requests as replies.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::socket::{Shutdown, shutdown};
use tokio::net::TcpStream;

/// Below the range of outgoing connections of Linux (32,768) and of macOS and Windows (49,152).
const LOWEST: u16 = 10_000;
const HIGHEST: u16 = 32_000;

/// Begins elsewhere in every process, so that two of them rarely ask for the same port; within a process no port
/// is handed out twice before all others were, so a server that is down keeps its port to itself.
static NEXT: LazyLock<AtomicU64> =
    LazyLock::new(|| AtomicU64::new(RandomState::new().hash_one(std::process::id()) >> 1));

/// Listens on a free port.
pub(crate) fn listen() -> TcpListener {
    (LOWEST..HIGHEST)
        .find_map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, next())).ok())
        .unwrap_or_else(|| panic!("no port of 127.0.0.1 from {LOWEST} to {HIGHEST} can be listened on"))
}

/// A port that was free a moment ago.
pub(crate) fn free() -> u16 {
    of(&listen())
}

/// The port that `listener` has.
pub(crate) fn of(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("a listener has an address").port()
}

/// Listens until it is dropped, and no moment longer.
pub(crate) struct Listener(pub(crate) tokio::net::TcpListener);

impl Listener {
    /// Called inside the runtime that is to poll it.
    pub(crate) fn from_std(listener: TcpListener) -> Self {
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        Self(tokio::net::TcpListener::from_std(listener).expect("a listener can be polled"))
    }

    /// Cancel safe: a connection that was not returned is still waiting.
    pub(crate) async fn accept(&self) -> TcpStream {
        loop {
            // An error is that of a client which has gone again.
            if let Ok((client, _)) = self.0.accept().await {
                return client;
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Closing it would not do: while another test starts a process, that process holds a copy of every socket here
        // until it has become the other program, and a listening copy keeps the port. Where a listener cannot be shut
        // down, which is not on Linux, closing it has to do.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }
}

fn next() -> u16 {
    let ports = u64::from(HIGHEST - LOWEST);
    let offset = NEXT.fetch_add(1, Ordering::Relaxed) % ports;
    LOWEST + u16::try_from(offset).expect("the offset is below the number of ports")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ports_are_distinct_and_below_those_of_outgoing_connections() {
        let ports: HashSet<_> = (0..200).map(|_| free()).collect();
        assert_eq!(ports.len(), 200);
        assert!(ports.iter().all(|port| (LOWEST..HIGHEST).contains(port)));
    }

    #[test]
    fn a_port_that_is_taken_is_passed_over() {
        let held: Vec<_> = (0..20).map(|_| listen()).collect();
        let again = TcpListener::bind((Ipv4Addr::LOCALHOST, of(&held[0])));
        assert_eq!(again.expect_err("the port is taken").kind(), std::io::ErrorKind::AddrInUse);
    }
}
