//! Lanes: a few connections shared by all callers, made and bounded by the pool.
//!
//! Checking a connection out for each operation would cost a second round trip (the pool verifies on checkout),
//! so a lane holds its pooled object for as long as it works and hands out clones of the multiplexed connection.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::{Connection, Manager, Pool, PoolError, Runtime};
use redis::{AsyncConnectionConfig, ConnectionInfo};

use super::Failure;
use super::history::Standing;
use crate::{Error, clock};

/// How long a dial may take where no caller waits for it.
pub(crate) const DIAL: Duration = Duration::from_millis(1000);
/// How often a lane in use asks the server for its standing.
const RECHECK: Duration = Duration::from_secs(1);

/// One working connection.
pub(crate) struct Wire {
    /// Kept so that the pool counts it; taken out when the connection is no good any more.
    pooled: Mutex<Option<Connection>>,
    connection: MultiplexedConnection,
    standing: Standing,
    made: Instant,
    checked_ms: AtomicU64,
    checking: AtomicBool,
}

impl Wire {
    pub(crate) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }

    fn due(&self) -> bool {
        let age = clock::millis(self.made.elapsed());
        age.saturating_sub(self.checked_ms.load(Ordering::Relaxed)) > clock::millis(RECHECK)
            && !self.checking.swap(true, Ordering::AcqRel)
    }

    /// Whether the server is still what it was when this connection was made.
    async fn still_stands(&self) -> bool {
        let mut connection = self.connection();
        let asked = tokio::time::timeout(DIAL, Standing::ask(&mut connection)).await;
        self.checked_ms.store(clock::millis(self.made.elapsed()), Ordering::Relaxed);
        self.checking.store(false, Ordering::Release);
        matches!(asked, Ok(Ok(standing)) if standing == self.standing)
    }
}

#[derive(Default)]
struct Lane {
    wire: RwLock<Option<Arc<Wire>>>,
    dialing: tokio::sync::Mutex<()>,
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
        if let Some(pooled) = wire.pooled.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Detached: giving it back would have the pool verify and reuse it.
            drop(Connection::take(pooled));
        }
    }
}

pub(crate) struct Lanes {
    pool: Pool,
    lanes: Box<[Lane]>,
    next: AtomicUsize,
}

impl Lanes {
    pub(crate) fn new(server: ConnectionInfo, count: usize) -> Result<Self, Error> {
        // The budget bounds each request; a second timer per request would only cost.
        let settings = AsyncConnectionConfig::new().set_connection_timeout(Some(DIAL)).set_response_timeout(None);
        let manager = Manager::new_with_config(server, settings)
            .map_err(|error| Error::config("redis", "the URL", error.category()))?;
        let pool = Pool::builder(manager)
            .max_size(count)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(DIAL))
            .wait_timeout(Some(DIAL))
            .recycle_timeout(Some(DIAL))
            .build()
            .map_err(|error| Error::config("lanes", count, error))?;
        Ok(Self { pool, lanes: (0..count).map(|_| Lane::default()).collect(), next: AtomicUsize::new(0) })
    }

    fn pick(&self) -> &Lane {
        &self.lanes[self.next.fetch_add(1, Ordering::Relaxed) % self.lanes.len()]
    }

    /// A working connection, dialed if need be.
    pub(crate) async fn wire(self: &Arc<Self>) -> Result<Arc<Wire>, Failure> {
        let lane = self.pick();
        let wire = match lane.wire() {
            Some(wire) => wire,
            None => {
                let _one_dial_at_a_time = lane.dialing.lock().await;
                match lane.wire() {
                    Some(wire) => wire,
                    None => self.dial(lane).await?,
                }
            }
        };
        if wire.due() {
            let (lanes, wire) = (Arc::clone(self), Arc::clone(&wire));
            tokio::spawn(async move {
                if !wire.still_stands().await {
                    lanes.cut(&wire);
                }
            });
        }
        Ok(wire)
    }

    async fn dial(&self, lane: &Lane) -> Result<Arc<Wire>, Failure> {
        let pooled = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => Failure::from(error),
            other => Failure::disconnected(other.to_string()),
        })?;
        let mut connection: MultiplexedConnection = (*pooled).clone();
        let standing = Standing::ask(&mut connection).await;
        let standing = match standing {
            Ok(Standing::Replica) => Err(Failure::refused("the server is a replica; only masters are read from")),
            other => other,
        };
        match standing {
            Ok(standing) => {
                let wire = Arc::new(Wire {
                    pooled: Mutex::new(Some(pooled)),
                    connection,
                    standing,
                    made: clock::now(),
                    checked_ms: AtomicU64::new(0),
                    checking: AtomicBool::new(false),
                });
                *lane.wire.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&wire));
                Ok(wire)
            }
            Err(failure) => {
                drop(Connection::take(pooled));
                Err(failure)
            }
        }
    }

    /// Takes a connection that failed out of use.
    pub(crate) fn cut(&self, wire: &Arc<Wire>) {
        self.lanes.iter().for_each(|lane| lane.cut(wire));
    }

    /// Replaces every connection; for the probe, which has more time than a caller.
    pub(crate) async fn redial(&self) -> Result<Standing, Failure> {
        let mut standing = None;
        for lane in &self.lanes {
            let _one_dial_at_a_time = lane.dialing.lock().await;
            if let Some(wire) = lane.wire() {
                lane.cut(&wire);
            }
            let dialed = tokio::time::timeout(DIAL, self.dial(lane)).await.map_err(|_| Failure::timeout())??;
            standing = Some(dialed.standing());
        }
        Ok(standing.expect("build() refuses zero lanes"))
    }
}
