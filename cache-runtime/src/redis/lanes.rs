//! Lanes: a few connections shared by all callers, made and bounded by the pool.
//!
//! Checking a connection out for each operation would cost more than most operations,
//! so a lane holds its pooled object for as long as it works and hands out clones of the connection.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolError};
use redis::ConnectionInfo;

use super::Failure;
use super::channel::Channel;
use super::connection::{Connection, Dialer};
use super::history::Standing;
use super::look::Look;
use crate::{Error, clock};

/// How long a dial may take where no caller waits for it.
pub(crate) const DIAL: Duration = Duration::from_millis(1000);
/// How often a lane in use asks the server for its standing.
const RECHECK: Duration = Duration::from_secs(1);
/// A lane that was idle for so long asks before it is used: a server may have lost writes and become a master again
/// meanwhile, without closing the connection.
const STALE: Duration = Duration::from_secs(2);

static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// One working connection.
pub(crate) struct Wire {
    /// Kept so that the pool counts it; taken out when the connection is no good any more.
    pooled: Mutex<Option<Pooled>>,
    connection: Connection,
    standing: Standing,
    number: u64,
    made: Instant,
    checked_ms: AtomicU64,
    checking: AtomicBool,
}

impl Wire {
    pub(crate) fn connection(&self) -> Connection {
        self.connection.clone()
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// How long ago the server was asked for its standing.
    fn unchecked(&self) -> Duration {
        self.made.elapsed().saturating_sub(Duration::from_millis(self.checked_ms.load(Ordering::Relaxed)))
    }

    /// Whether the server is still what it was when this connection was made.
    async fn still_stands(&self) -> bool {
        let mut connection = self.connection();
        let asked = tokio::time::timeout(DIAL, Standing::ask(&mut connection)).await;
        self.checked_ms.store(clock::millis(self.made.elapsed()), Ordering::Relaxed);
        matches!(asked, Ok(Ok(standing)) if standing == self.standing)
    }
}

/// A connection that the pool counts. It is not given back: it failed, or nobody wants it any more.
struct Pooled(Option<Object<Dialer>>);

impl Drop for Pooled {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

/// Lets a wire be checked again, also if the check ended with its runtime.
struct Checking(Arc<Wire>);

impl Drop for Checking {
    fn drop(&mut self) {
        self.0.checking.store(false, Ordering::Release);
    }
}

#[derive(Default)]
struct Lane {
    wire: RwLock<Option<Arc<Wire>>>,
    making: tokio::sync::Mutex<()>,
}

impl Lane {
    fn wire(&self) -> Option<Arc<Wire>> {
        self.wire.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes `wire` out of use, if it still is in use here.
    fn cut(&self, wire: &Arc<Wire>) {
        let mut current = self.wire.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|there| Arc::ptr_eq(there, wire)) {
            *current = None;
        }
        drop(current);
        drop(wire.pooled.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

pub(crate) struct Lanes {
    pool: Pool<Dialer>,
    server: ConnectionInfo,
    /// Who knows whether the server is still a master.
    source: Option<Arc<dyn Look>>,
    /// Told of each dial: the channel must hear the server that these lanes speak to.
    channel: Arc<Channel>,
    lanes: Box<[Lane]>,
    next: AtomicUsize,
}

impl Lanes {
    pub(super) fn new(
        server: ConnectionInfo,
        source: Option<Arc<dyn Look>>,
        count: usize,
        channel: Arc<Channel>,
    ) -> Result<Self, Error> {
        let dialer =
            Dialer::new(server.clone()).map_err(|error| Error::config("redis", "the URL", error.category()))?;
        let pool = Pool::builder(dialer)
            .max_size(count)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(DIAL))
            .wait_timeout(Some(DIAL))
            .recycle_timeout(Some(DIAL))
            .build()
            .map_err(|error| Error::config("lanes", count, error))?;
        let lanes = (0..count).map(|_| Lane::default()).collect();
        Ok(Self { pool, server, source, channel, lanes, next: AtomicUsize::new(0) })
    }

    #[cfg(feature = "metrics")]
    pub(super) fn pool(&self) -> deadpool::Status {
        self.pool.status()
    }

    /// The number of the lane whose turn it is.
    pub(crate) fn pick(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed) % self.lanes.len()
    }

    /// The working connection of a lane, if the server was asked for its standing lately. It is asked beside this, when it is
    /// time.
    pub(crate) fn ready(self: &Arc<Self>, lane: usize) -> Option<Arc<Wire>> {
        let wire = self.lanes[lane].wire()?;
        let unchecked = wire.unchecked();
        if unchecked > RECHECK && unchecked <= STALE && !wire.checking.swap(true, Ordering::AcqRel) {
            let (lanes, checking) = (Arc::clone(self), Checking(Arc::clone(&wire)));
            tokio::spawn(async move {
                if !checking.0.still_stands().await {
                    lanes.cut(&checking.0);
                }
            });
        }
        (unchecked <= STALE).then_some(wire)
    }

    /// The working connection of a lane, checked or dialed if need be.
    ///
    /// In a task of its own: a caller who is not polled must not hold up the others.
    pub(crate) async fn wire(self: &Arc<Self>, lane: usize) -> Result<Arc<Wire>, Failure> {
        if let Some(wire) = self.ready(lane) {
            return Ok(wire);
        }
        let lanes = Arc::clone(self);
        let made = tokio::spawn(async move { lanes.make(lane).await });
        made.await.unwrap_or_else(|_| Err(Failure::disconnected("the dial was given up")))
    }

    /// Checks what was idle, or dials: one caller does, those who came meanwhile find what he made.
    async fn make(&self, lane: usize) -> Result<Arc<Wire>, Failure> {
        let lane = &self.lanes[lane];
        let _one_at_a_time = lane.making.lock().await;
        if let Some(wire) = lane.wire() {
            if wire.unchecked() <= STALE || wire.still_stands().await {
                return Ok(wire);
            }
            lane.cut(&wire);
        }
        self.dial(lane).await
    }

    async fn dial(&self, lane: &Lane) -> Result<Arc<Wire>, Failure> {
        // All of it: nobody waits, and the lane is locked until it ends.
        tokio::time::timeout(DIAL, self.dialed(lane)).await.unwrap_or_else(|_| Err(Failure::timeout()))
    }

    async fn dialed(&self, lane: &Lane) -> Result<Arc<Wire>, Failure> {
        let pooled = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => Failure::from(error),
            other => Failure::disconnected(other.to_string()),
        })?;
        let mut connection = Connection::clone(&pooled);
        let pooled = Pooled(Some(pooled));
        let standing = match Standing::ask(&mut connection).await {
            Ok(Standing::Replica) => Err(Failure::refused("the server is a replica; only masters are read from")),
            Ok(_) if !self.is_confirmed().await => {
                Err(Failure::disconnected("the server was replaced by another master"))
            }
            other => other,
        };
        let standing = standing?;
        self.channel.lane_dialed(standing);
        let wire = Arc::new(Wire {
            pooled: Mutex::new(Some(pooled)),
            connection,
            standing,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            made: clock::now(),
            checked_ms: AtomicU64::new(0),
            checking: AtomicBool::new(false),
        });
        *lane.wire.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&wire));
        Ok(wire)
    }

    async fn is_confirmed(&self) -> bool {
        match &self.source {
            Some(source) => source.confirms(&self.server).await,
            None => true,
        }
    }

    /// Takes a connection that failed out of use.
    pub(crate) fn cut(&self, wire: &Arc<Wire>) {
        self.lanes.iter().for_each(|lane| lane.cut(wire));
    }

    /// Replaces every connection; for the probe, which has more time than a caller.
    pub(crate) async fn redial(&self) -> Result<Standing, Failure> {
        let began = clock::now();
        let mut standing = None;
        for lane in &self.lanes {
            let _one_at_a_time = lane.making.lock().await;
            let wire = match lane.wire() {
                Some(wire) if wire.made >= began => wire,
                old => {
                    old.iter().for_each(|wire| lane.cut(wire));
                    self.dial(lane).await?
                }
            };
            standing = Some(wire.standing());
        }
        Ok(standing.expect("build() refuses zero lanes"))
    }
}
