//! Hearing what is invalidated, for people: a subscriber of its own, which vouches for nothing.
//!
//! One master is listened to: in a Cluster each message reaches all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, PushKind, Value};
use tokio::sync::mpsc;
use xxhash_rust::xxh3::xxh3_64;

use super::lanes::DIAL;
use super::{Failure, Node, Server, message};
use crate::budget::Budget;

/// How many messages wait for who listens; more are lost, which he is told.
const WAITING: usize = 10_000;
/// How often the connection is asked whether it is still there.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// What was said on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// The names of these hashes are void.
    Void(Vec<u64>),
    /// Everything that is kept in process is.
    Everything,
}

/// A connection that listens.
pub(crate) struct Ear {
    connection: MultiplexedConnection,
    messages: mpsc::Receiver<Said>,
    /// Whether messages were lost because nobody took them.
    overrun: Arc<AtomicBool>,
}

impl Server {
    /// Begins to listen at the first master that lets it.
    pub(crate) async fn overhear(self: &Arc<Self>) -> Result<Ear, Failure> {
        let mut last = Failure::open();
        for node in self.masters(&mut Budget::new(DIAL)).await? {
            match Ear::at(&node, &self.names.bus()).await {
                Ok(ear) => return Ok(ear),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }
}

impl Ear {
    async fn at(node: &Node, bus: &str) -> Result<Self, Failure> {
        let (sender, messages) = mpsc::channel(WAITING);
        let overrun = Arc::new(AtomicBool::new(false));
        let nothing = xxh3_64(bus.as_bytes());
        let lost = Arc::clone(&overrun);
        let hear = move |push: PushInfo| {
            if let (PushKind::Message, [_, Value::BulkString(bytes)]) = (push.kind, push.data.as_slice()) {
                let said = match message::read(bytes) {
                    // Whoever begins to listen tries whether he may tell.
                    Some(hashes) if hashes == [nothing] => return Ok(()),
                    Some(hashes) => Said::Void(hashes),
                    None => Said::Everything,
                };
                if sender.try_send(said).is_err() {
                    lost.store(true, SeqCst);
                }
            }
            Ok::<(), redis::aio::SendError>(())
        };
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(DIAL))
            .set_response_timeout(Some(DIAL))
            .set_push_sender(hear);
        let speaking = node.info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(node.info.clone().set_redis_settings(speaking)).map_err(Failure::from)?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&settings).await?;
        connection.subscribe(bus).await?;
        Ok(Self { connection, messages, overrun })
    }

    /// What is said next; an error when the connection is no more, or messages were lost.
    ///
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Said, Failure> {
        loop {
            if self.overrun.swap(false, SeqCst) {
                return Err(Failure::disconnected("messages came faster than they were taken"));
            }
            if let Ok(said) = tokio::time::timeout(HEARTBEAT, self.messages.recv()).await {
                return said.ok_or_else(|| Failure::disconnected("the connection was closed"));
            }
            let asked: redis::RedisResult<()> = redis::cmd("PING").query_async(&mut self.connection).await;
            asked?;
        }
    }
}
