//! The bus of a cluster, which tells nodes of each other, with a gate before each node that can be shut.
//!
//! A proxy for each node would not do: a node that is out of touch must not be heard either, and it speaks to the
//! others through their proxies. So a gate reads who calls, which each message on the bus says.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::background::Background;
use crate::port::{self, Listener};
use crate::wait::{ensure, until};

/// How a message begins: "RCmb", its length in 4 bytes, the version in 2, and the port of the node that sends it, which
/// is the one that clients are told.
const HEAD: usize = 12;

/// Who is out of touch, each known by the port that clients are told.
#[derive(Debug)]
pub(crate) struct Bus {
    cut: watch::Sender<BTreeSet<u16>>,
    passing: Passing,
}

/// Who has a connection to whom that is carried at the moment.
type Passing = Arc<Mutex<Vec<(u16, u16)>>>;

impl Bus {
    pub(crate) fn new() -> Self {
        Self { cut: watch::Sender::new(BTreeSet::new()), passing: Passing::default() }
    }

    /// A gate to the node that clients know by `node` and that takes the bus on `inner`.
    pub(crate) fn gate(&self, node: u16, inner: u16) -> Gate {
        let listener = port::listen();
        let port = port::of(&listener);
        let passage = Passage { node, inner, cut: self.cut.subscribe(), passing: Arc::clone(&self.passing) };
        let thread = Background::spawn("bus", move || passage.run(Listener::from_std(listener)));
        Gate { port, _thread: thread }
    }

    /// Nothing passes to this node or from it when this returns; both ends see a connection that is silent.
    #[track_caller]
    pub(crate) fn cut(&self, node: u16) {
        self.cut.send_modify(|cut| {
            cut.insert(node);
        });
        until(|| {
            let passing = self.passing.lock().unwrap_or_else(PoisonError::into_inner);
            let concerned = passing.iter().find(|(from, to)| [*from, *to].contains(&node));
            ensure(concerned.is_none(), || format!("{concerned:?} is not cut"))
        });
    }

    /// Connections that were silent end, and new ones pass.
    pub(crate) fn mend(&self, node: u16) {
        self.cut.send_modify(|cut| {
            cut.remove(&node);
        });
    }

    pub(crate) fn is_cut(&self, node: u16) -> bool {
        self.cut.borrow().contains(&node)
    }
}

/// Where the other nodes find a node on the bus. Dropping it ends the connections it let in.
#[derive(Debug)]
pub(crate) struct Gate {
    port: u16,
    _thread: Background,
}

impl Gate {
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

#[derive(Clone)]
struct Passage {
    node: u16,
    inner: u16,
    cut: watch::Receiver<BTreeSet<u16>>,
    passing: Passing,
}

/// A connection that is carried, for as long as this lives.
struct Carried {
    passing: Passing,
    between: (u16, u16),
}

impl Carried {
    fn new(passing: &Passing, between: (u16, u16)) -> Self {
        passing.lock().unwrap_or_else(PoisonError::into_inner).push(between);
        Self { passing: Arc::clone(passing), between }
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        let mut passing = self.passing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = passing.iter().position(|between| *between == self.between) {
            passing.swap_remove(at);
        }
    }
}

impl Passage {
    async fn run(self, listener: Listener) {
        let mut calls = JoinSet::new();
        loop {
            tokio::select! {
                caller = listener.accept() => { calls.spawn(self.clone().carry(caller)); }
                Some(_) = calls.join_next() => {}
            }
        }
    }

    async fn carry(mut self, mut caller: TcpStream) {
        let mut head = [0; HEAD];
        if caller.read_exact(&mut head).await.is_err() {
            return;
        }
        let from = u16::from_be_bytes([head[HEAD - 2], head[HEAD - 1]]);
        let is_cut = |cut: &BTreeSet<u16>| cut.contains(&from) || cut.contains(&self.node);
        let mut held = None;
        // Before it looks whether it may pass: whoever cuts it waits for its end.
        let carried = Carried::new(&self.passing, (from, self.node));
        let passes = !is_cut(&self.cut.borrow());
        if passes {
            let Ok(mut callee) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.inner)).await else { return };
            if callee.write_all(&head).await.is_err() {
                return;
            }
            tokio::select! {
                _ = copy_bidirectional(&mut caller, &mut callee) => return,
                _ = self.cut.wait_for(is_cut) => held = Some(callee),
            }
        }
        drop(carried);
        // Nobody hears of an end meanwhile, as nobody would through a broken line.
        let _ = self.cut.wait_for(|cut| !is_cut(cut)).await;
        drop((caller, held));
    }
}
