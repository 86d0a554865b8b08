//! Hearing what others invalidated: one subscriber connection per master.
//!
//! Invariants:
//! 1. Messages are applied inside the connection's push callback, so whatever was published before a heartbeat was
//!    served has been applied when its answer arrives.
//! 2. The lease counts from when an answered heartbeat was *sent*.
//! 3. The epoch changes after SUBSCRIBE was confirmed, and before a history is shown: what was missed in between
//!    voids everything in process.
//! 4. The channel counts only while its server is a master of the history that the data lanes have.
//! 5. A connection that failed is dropped, never repaired: one that resubscribes by itself hides a gap.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, PushKind, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::channel::{Channel, known};
use super::history::Standing;
use super::lanes::DIAL;
use super::node::Node;
use super::{Failure, Server, message};
use crate::clock;
use crate::local::LocalStore;
use crate::mutant::Mutant;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How often a server that refuses subscribers is asked again.
const DENIED_PAUSE: Duration = Duration::from_secs(30);

/// Lets the channel be attended again if its task ends, for example because its runtime was shut down.
struct Attended(Arc<Node>);

impl Drop for Attended {
    fn drop(&mut self) {
        self.0.channel.running.store(false, SeqCst);
    }
}

impl Server {
    /// What is in process may be served for as long as every master's channel vouches for it.
    fn renew_lease(&self) {
        let Some(local) = &self.local else { return };
        if self.breaks(Mutant::OneSubscriber) {
            let first = || self.topology.nodes().first().map_or(0, |node| node.channel.until());
            return local.lease().grant(first);
        }
        local.lease().grant(|| self.topology.nodes().iter().map(|node| node.channel.until()).min().unwrap_or(0));
    }

    /// Sees to it that every master's channel is attended. Cheap enough for every request.
    pub(super) fn attend(self: &Arc<Self>, node: &Arc<Node>) {
        let Some(local) = &self.local else { return };
        if node.channel.running.load(SeqCst) || node.channel.running.swap(true, SeqCst) {
            return;
        }
        if self.breaks(Mutant::OneSubscriber)
            && !self.topology.nodes().first().is_some_and(|first| Arc::ptr_eq(first, node))
        {
            return;
        }
        let attended = Attended(Arc::clone(node));
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (server, local) = (Arc::downgrade(self), Arc::clone(local));
        runtime.spawn(async move { listen(&server, &attended.0, &local).await });
    }
}

/// Attends a channel for as long as its cache and its place in the topology exist.
async fn listen(server: &Weak<Server>, node: &Arc<Node>, local: &Arc<LocalStore>) {
    let channel = &node.channel;
    let mut pause = FIRST_PAUSE;
    loop {
        let mut heard = false;
        let failure = session(server, node, local, &mut heard).await;
        channel.history.store(0, SeqCst);
        channel.lag_micros.store(0, SeqCst);
        let Some(server) = server.upgrade() else { return };
        if !server.topology.has(node) {
            // Its map is no more, and with it went all that it vouched for: what becomes of it is nobody's concern.
            return;
        }
        channel.revoke();
        if !server.breaks(Mutant::NoEpochOnGap) {
            local.new_epoch();
        }
        let Some(failure) = failure else { return };
        // In whatever words: proxies have many, and it costs no more than what would be kept in process.
        let denied = failure.is_denial();
        // Once: where not even a PUBLISH was taken, that has been said.
        let told = channel.is_denied();
        channel.denied.fetch_or(denied, SeqCst);
        if denied && !told {
            tracing::warn!(server = %node.name, cause = %failure.message, "the server takes no subscriber; entries are not kept in this process");
        }
        channel.note_trouble(Some(failure.message.into_owned()));
        drop(server);
        pause = if heard { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        let pause = if denied { DENIED_PAUSE } else { pause };
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}

/// One subscriber connection from its dial to its end. `None`: nobody needs it any more.
async fn session(weak: &Weak<Server>, node: &Arc<Node>, local: &Arc<LocalStore>, heard: &mut bool) -> Option<Failure> {
    let channel = &node.channel;
    let lease = weak.upgrade()?.lease;
    let bus = weak.upgrade()?.names.bus();
    {
        // What was said to the connection before is not meant for this one.
        let left_over = std::pin::pin!(channel.redial.notified());
        left_over.enable();
    }
    let redial = channel.redial.notified();
    let mut connection = match within(DIAL, subscribe(node, local, &bus)).await {
        Ok(connection) => connection,
        Err(failure) => return Some(failure),
    };
    let standing = match within(DIAL, Standing::ask(&mut connection)).await {
        Ok(standing) => standing,
        Err(failure) => return Some(failure),
    };
    if standing == Standing::Replica {
        return Some(Failure::refused("the server is a replica; only masters are listened to"));
    }
    {
        let server = weak.upgrade()?;
        if !server.breaks(Mutant::NoEpochOnGap) && !server.breaks(Mutant::EpochAtDisconnectOnly) {
            local.new_epoch();
        }
        channel.history.store(known(standing.history()), SeqCst);
        drop(server);
    }
    channel.denied.store(false, SeqCst);
    channel.note_trouble(None);
    tokio::pin!(redial);
    loop {
        let sent = clock::now();
        let view = match within(lease, heartbeat(node, &mut connection)).await {
            Ok(view) => view,
            Err(failure) => return Some(failure),
        };
        let server = weak.upgrade()?;
        if !server.topology.has(node) {
            return None;
        }
        if view.standing != standing {
            return Some(Failure::refused("the server's place in its replication has changed"));
        }
        let lanes = channel.lanes.load(SeqCst);
        let compared = lanes != 0 && !channel.rules.are_without(Mutant::DeposedSubscriber);
        if compared && lanes != known(standing.history()) {
            return Some(Failure::refused("the data connections are in another history"));
        }
        // Not before: a connection that is given up each time it was made is to be made less and less often.
        *heard = true;
        if server.topology.agrees(view.slots) || server.breaks(Mutant::SlotsNotWatched) {
            vouch(&server, channel, sent, lease);
        } else {
            // What it owns by its own account was told to whoever listened there.
            channel.revoke();
            local.new_epoch();
            server.topology.ask_again();
        }
        if channel.lanes.load(SeqCst) != lanes {
            // A lane was dialed meanwhile, and may have found another history.
            channel.revoke();
        }
        drop(server);
        tokio::select! {
            () = tokio::time::sleep(lease / 4) => {}
            () = &mut redial => return Some(Failure::refused("the data connections were dialed anew")),
        }
    }
}

/// An answered heartbeat: what is in process may be served until a lease after it was sent.
fn vouch(server: &Arc<Server>, channel: &Channel, sent: Instant, lease: Duration) {
    let Some(local) = server.local.as_ref().filter(|_| !channel.mute.load(SeqCst)) else { return };
    let took = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
    channel.lag_micros.store(took.max(1), SeqCst);
    let sent = if server.breaks(Mutant::LeaseFromReceipt) { clock::now() } else { sent };
    channel.until.store(local.lease().ticks(sent + lease), SeqCst);
    server.renew_lease();
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(Failure::timeout()))
}

async fn subscribe(node: &Node, local: &Arc<LocalStore>, bus: &str) -> Result<MultiplexedConnection, Failure> {
    let (local, channel) = (Arc::clone(local), Arc::clone(&node.channel));
    let hear = move |push: PushInfo| {
        match (push.kind, push.data.as_slice()) {
            (PushKind::Message, [_, Value::BulkString(message)]) => {
                if channel.rules.are_without(Mutant::MessagesBehindHeartbeat) {
                    let (message, local) = (message.clone(), Arc::clone(&local));
                    tokio::task::spawn_blocking(move || message::apply(&message, &local));
                } else {
                    message::apply(message, &local);
                }
            }
            (PushKind::Disconnection, _) => channel.hung_up(),
            _ => {}
        }
        Ok::<(), redis::aio::SendError>(())
    };
    let settings = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(DIAL))
        .set_response_timeout(None)
        .set_push_sender(hear);
    let speaking = node.info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let client = Client::open(node.info.clone().set_redis_settings(speaking)).map_err(Failure::from)?;
    let mut connection = client.get_multiplexed_async_connection_with_config(&settings).await?;
    // Who may listen and not tell shares that, as a rule, with all whom he would hear. The news of nothing shows it; first,
    // because to be heard by nobody is the graver of the two.
    let nothing = message::write(&[xxh3_64(bus.as_bytes())]);
    match redis::cmd("PUBLISH").arg(bus).arg(nothing).query_async::<()>(&mut connection).await.map_err(Failure::from) {
        Ok(()) => node.channel.may_tell(),
        Err(failure) if failure.forbids_command() => node.news_denied(&failure.message),
        // Trouble, whatever its code: soon tried again, unlike a subscriber that is refused.
        Err(failure) => return Err(Failure { code: None, ..failure }),
    }
    connection.subscribe(bus).await?;
    Ok(connection)
}

/// What the server says of itself.
struct View {
    standing: Standing,
    /// In a Cluster: the fingerprint of who owns what.
    slots: Option<u64>,
}

async fn heartbeat(node: &Node, connection: &mut MultiplexedConnection) -> Result<View, Failure> {
    let standing = Standing::ask(connection).await?;
    #[cfg(feature = "cluster")]
    let slots = match node.clustered {
        true => Some(super::cluster::Slots::ask(connection).await?.fingerprint()),
        false => None,
    };
    #[cfg(not(feature = "cluster"))]
    let slots = {
        let _ = node;
        None
    };
    Ok(View { standing, slots })
}
