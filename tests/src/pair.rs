//! A master and a replica between which the network can fail: a failover that loses acknowledged writes, and those only
//! which a test wants to be lost.

use crate::proxy::{Mode, Proxy};
use crate::server::RedisServer;
use crate::users;
use crate::wait::until;

/// What becomes of the old master when its replica is [promoted](Pair::promote).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predecessor {
    /// It is down, as after a crash.
    Killed,
    /// It follows the new master and forgets what that does not have. Who is connected stays so, and may only read.
    Demoted,
    /// It goes on as a master, and who is connected goes on to write there: a split brain.
    Unaware,
}

/// A master and a replica, and one address which leads to the master, as a managed service has it.
///
/// ```no_run
/// use tests::{Pair, Predecessor};
///
/// let mut pair = Pair::start();
/// pair.cut_replication();
/// pair.master().command(&["SET", "key", "acknowledged"]);
/// pair.promote(Predecessor::Demoted);
/// assert_eq!(pair.master().get_raw("key"), None);
/// ```
#[derive(Debug)]
pub struct Pair {
    master: RedisServer,
    replica: RedisServer,
    /// Between the replica and its master.
    link: Proxy,
    /// Between clients and the master.
    front: Proxy,
}

impl Pair {
    /// Two empty servers, in step.
    ///
    /// # Panics
    ///
    /// As [`RedisServer::start`].
    #[track_caller]
    pub fn start() -> Self {
        let start = || {
            let options = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"].map(str::to_owned);
            RedisServer::launch(|_, _| options.iter().cloned().chain(users::options()).collect())
        };
        let (master, replica) = (start(), start());
        let (link, front) = (Proxy::start(master.port()), Proxy::start(master.port()));
        let pair = Self { master, replica, link, front };
        pair.follow(&pair.replica);
        pair.wait_in_step();
        pair
    }

    /// The address that leads to the master, whichever it is when a connection is made.
    pub fn url(&self) -> String {
        self.front.url()
    }

    /// The network between clients of [`url`](Self::url) and the master.
    pub fn front(&self) -> &Proxy {
        &self.front
    }

    /// The master, asked directly.
    pub fn master(&self) -> &RedisServer {
        &self.master
    }

    /// The other one: a replica, or after [`promote`](Self::promote) the old master.
    pub fn replica(&self) -> &RedisServer {
        &self.replica
    }

    /// From now on the replica hears of no write, and neither side notices.
    pub fn cut_replication(&self) {
        self.link.set(Mode::BlackHole);
    }

    /// Lets the replica hear again, and returns when it is in step.
    ///
    /// # Panics
    ///
    /// When it follows nobody.
    #[track_caller]
    pub fn mend_replication(&self) {
        self.link.set(Mode::Pass);
        // What went through the black hole stays silent for ever.
        self.link.kill_connections();
        self.wait_in_step();
    }

    /// Waits until the replica has all that the master has now.
    ///
    /// # Panics
    ///
    /// When it takes too long.
    #[track_caller]
    pub fn wait_in_step(&self) {
        let wanted = self.master.written();
        until(|| self.replica.followed(wanted));
    }

    /// Makes the replica the master, with what it has heard of, and leads new connections there. Existing ones stay where
    /// they are; `front().kill_connections()` ends them. The two have swapped their places on return, and a demoted
    /// master is in step.
    ///
    /// # Panics
    ///
    /// When the replica is down.
    #[track_caller]
    pub fn promote(&mut self, predecessor: Predecessor) {
        if predecessor == Predecessor::Killed {
            self.master.kill();
        }
        self.replica.command(&["REPLICAOF", "NO", "ONE"]);
        std::mem::swap(&mut self.master, &mut self.replica);
        self.front.point_at(self.master.port());
        self.link.point_at(self.master.port());
        if predecessor == Predecessor::Demoted {
            self.demote();
        }
    }

    /// Makes the old master a replica after all: one that was [unaware](Predecessor::Unaware), or, once more started, one
    /// that was killed.
    ///
    /// # Panics
    ///
    /// When it does not start or does not follow.
    #[track_caller]
    pub fn demote(&mut self) {
        if !self.replica.is_awake() {
            self.replica.restart();
        }
        self.follow(&self.replica);
        self.mend_replication();
    }

    #[track_caller]
    fn follow(&self, follower: &RedisServer) {
        follower.command(&["REPLICAOF", "127.0.0.1", &self.link.port().to_string()]);
    }
}
