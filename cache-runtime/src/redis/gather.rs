//! Reads of the same moment share a request.
//!
//! A caller who finds few requests under way sends his own: a lone one never waits for company. Who finds
//! [`AT_ONCE`] of them waits until one has ended, and what has gathered by then is asked in one request, each name
//! once. That is legal because the request is sent after all of its callers came: each of them is told what the server
//! holds later than that.
//!
//! A future that nobody polls may hold a request for good. Those who wait have no timers, which would cost more than all
//! the rest; one task watches over them, and lets them go on if nobody was served for as long as a request may take.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use redis::{Pipeline, Value};
use smallvec::SmallVec;
use tokio::sync::oneshot;
use xxhash_rust::xxh3::xxh3_64;

use super::Failure;
use super::node::Node;
use super::request::Witness;
#[cfg(feature = "cluster")]
use super::{Answers, Server, topology::Map};
use crate::budget::Budget;
use crate::clock;

/// How many requests may be under way on each lane before callers gather: one that the server works on, and one on its
/// way.
const AT_ONCE: usize = 2;
/// How many names are asked for in one request; a caller who has more is alone.
const NAMES: usize = 1024;
/// How many bytes one request is to bring, as far as the latest ones tell: a large value is not to hold up small ones.
const BYTES: usize = 256 * 1024;
/// How many callers gather. Those behind them send their own, and the connection holds them up.
const CALLERS: usize = 16 * 1024;

/// What a name held.
pub(crate) type Reply = Option<Bytes>;

/// What several names held, and who said so.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) replies: SmallVec<[Reply; 4]>,
    pub(super) witness: Witness,
}

/// `None`: one of the names is another master's.
type Answer = Result<Option<Told>, Failure>;

#[derive(Default)]
pub(super) struct Gather {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    under_way: usize,
    waiting: Vec<Waiting>,
    /// How often somebody was served.
    served: u64,
    /// Whether a task watches.
    watched: bool,
    /// How often the requests under way were given up for lost.
    losses: u64,
    /// How many bytes a name has brought of late, on the average.
    bytes: usize,
}

struct Waiting {
    names: Vec<String>,
    since: Instant,
    told: oneshot::Sender<Answer>,
}

/// What a caller does.
enum Turn {
    /// Sends his own, as one of those that may be under way, or beside them.
    Own(Vec<String>, Option<Slot>),
    Wait(oneshot::Receiver<Answer>),
}

/// One of the requests that may be under way. When it ends, it is passed on to those who have gathered.
struct Slot {
    node: Arc<Node>,
    /// The losses when it was taken: one that was given up is nobody's any more.
    losses: u64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(batch) = self.node.gather.next(self.losses) {
            serve_next(&self.node, batch, self.losses);
        }
    }
}

/// Without a runtime nobody can ask for them: they are told so by the end of their channels.
fn serve_next(node: &Arc<Node>, batch: Vec<Waiting>, losses: u64) {
    let slot = Slot { node: Arc::clone(node), losses };
    let serving = async move { serve(&slot.node, batch).await };
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(serving)),
        Err(_) => drop(serving),
    }
}

impl Gather {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those who are served next; if there are none, there is one request less.
    fn next(&self, losses: u64) -> Option<Vec<Waiting>> {
        let mut state = self.lock();
        if state.losses != losses {
            return None;
        }
        if state.waiting.is_empty() {
            state.under_way -= 1;
            return None;
        }
        Some(state.take())
    }

    fn learn(&self, replies: &[Reply]) {
        let bytes: usize = replies.iter().flatten().map(Bytes::len).sum();
        let mut state = self.lock();
        state.bytes = (state.bytes * 7 + bytes / replies.len().max(1)) / 8;
    }
}

impl State {
    fn take(&mut self) -> Vec<Waiting> {
        self.served += 1;
        let most = (BYTES / self.bytes.max(1)).clamp(1, NAMES);
        let mut names = 0;
        let callers = self.waiting.iter().take_while(|waiting| {
            names += waiting.names.len();
            names <= most
        });
        let callers = callers.count().max(1);
        self.waiting.drain(..callers).collect()
    }
}

/// Lets somebody else watch if this task ends with its runtime.
struct Watching {
    node: Arc<Node>,
    ended: bool,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if !self.ended {
            self.node.gather.lock().watched = false;
        }
    }
}

async fn watch(mut watching: Watching) {
    let node = Arc::clone(&watching.node);
    let mut served = None;
    loop {
        tokio::time::sleep(node.budget).await;
        let mut state = node.gather.lock();
        if state.waiting.is_empty() {
            // Under the lock: who comes next starts another.
            state.watched = false;
            watching.ended = true;
            return;
        }
        if served.replace(state.served) == Some(state.served) {
            state.losses += 1;
            state.under_way = 1;
            let (batch, losses) = (state.take(), state.losses);
            drop(state);
            serve_next(&node, batch, losses);
        }
    }
}

impl Node {
    /// What each of `names` holds, read after this was called. `None`: one of them is another master's.
    ///
    /// Cancel safe: who leaves is not waited for.
    pub(super) async fn read(self: &Arc<Self>, budget: &mut Budget, names: Vec<String>) -> Answer {
        let turn = {
            let mut state = self.gather.lock();
            if state.under_way < AT_ONCE * self.lanes.count() {
                state.under_way += 1;
                Turn::Own(names, Some(Slot { node: Arc::clone(self), losses: state.losses }))
            } else if state.waiting.len() < CALLERS && !self.breaker.is_open() {
                let (told, waits) = oneshot::channel();
                state.waiting.push(Waiting { names, since: clock::now(), told });
                let unwatched = !std::mem::replace(&mut state.watched, true);
                drop(state);
                if unwatched {
                    let watching = Watching { node: Arc::clone(self), ended: false };
                    // Within a runtime, as everything that asks: who takes a map has made sure.
                    tokio::spawn(watch(watching));
                }
                Turn::Wait(waits)
            } else {
                Turn::Own(names, None)
            }
        };
        match turn {
            Turn::Own(names, slot) => {
                let told = self.ask(budget, &names.iter().map(String::as_str).collect::<SmallVec<[&str; 4]>>()).await;
                drop(slot);
                told
            }
            // No timer of its own: the requests before it and its own have theirs, and a breaker that opens ends them all.
            Turn::Wait(waits) => budget
                .measure(waits)
                .await
                .unwrap_or_else(|_| Err(Failure::disconnected("the runtime that was asking has ended"))),
        }
    }

    /// One request for all of them.
    async fn ask(self: &Arc<Self>, budget: &mut Budget, names: &[&str]) -> Answer {
        if !self.clustered {
            // MGET also for one key: unlike GET it answers somebody else's list or hash with nil, a miss.
            let mut command = redis::cmd("MGET");
            command.arg(names);
            let command = &command;
            let asked = self.request(budget, |mut connection, _| async move {
                connection.send_packed_command(command).await?.extract_error()
            });
            let (value, witness) = asked.await?;
            let Value::Array(values) = value else { return Err(nonsense()) };
            if values.len() != names.len() {
                return Err(nonsense());
            }
            let replies: SmallVec<[Reply; 4]> = values.into_iter().map(bytes).collect();
            self.gather.learn(&replies);
            return Ok(Some(Told { replies, witness }));
        }
        let build = |_, pipeline: &mut Pipeline| {
            for name in names {
                pipeline.cmd("MGET").arg(*name);
            }
        };
        let (values, (), witness) = self.pipeline(budget, build).await?;
        let mut replies = SmallVec::with_capacity(names.len());
        for value in values {
            match value {
                Value::Array(values) => replies.push(values.into_iter().next().and_then(bytes)),
                _ => return Ok(None),
            }
        }
        self.gather.learn(&replies);
        Ok(Some(Told { replies, witness }))
    }
}

#[cfg(feature = "cluster")]
impl Server {
    /// What names at several masters hold, one request to each. `None` if one of them points elsewhere or is in trouble.
    pub(super) async fn gathered(map: &Map, budget: &mut Budget, names: &[String]) -> Option<Answers> {
        let mut groups: Vec<(&Arc<Node>, Vec<usize>, Vec<String>)> = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let owner = map.owner(name).ok()?;
            match groups.iter_mut().find(|(node, ..)| Arc::ptr_eq(node, owner)) {
                Some((_, places, names)) => {
                    places.push(place);
                    names.push(name.clone());
                }
                None => groups.push((owner, vec![place], vec![name.clone()])),
            }
        }
        let whole = &*budget;
        let asked = groups.iter_mut().map(|(node, _, names)| async move {
            let mut share = whole.share();
            (node.read(&mut share, std::mem::take(names)).await, share)
        });
        let told = futures_util::future::join_all(asked).await;
        let mut found: Vec<Option<(Reply, Witness)>> = vec![None; names.len()];
        for ((_, places, _), (told, share)) in groups.iter().zip(told) {
            budget.keep_least(&share);
            let Told { replies, witness } = told.ok().flatten()?;
            places.iter().zip(replies).for_each(|(place, reply)| found[*place] = Some((reply, witness)));
        }
        let (replies, witnesses) = found.into_iter().collect::<Option<Vec<_>>>()?.into_iter().unzip();
        Some(Answers { replies, witnesses })
    }
}

/// Asks for each name once, and tells everybody what he asked for.
async fn serve(node: &Arc<Node>, batch: Vec<Waiting>) {
    // Nobody waits for longer than his budget, which is the same for all.
    let waited = batch.first().map_or(Duration::ZERO, |first| first.since.elapsed());
    let mut budget = Budget::new(node.budget).after(waited);
    let mut places: HashMap<&str, usize, BuildHasherDefault<NameHasher>> = HashMap::default();
    let mut names: Vec<&str> = Vec::new();
    // Where each caller's reply will be, and whether nobody behind him wants it as well.
    let mut asked: Vec<(usize, bool)> = Vec::new();
    let mut latest: Vec<usize> = Vec::new();
    for name in batch.iter().flat_map(|waiting| &waiting.names) {
        let place = *places.entry(name).or_insert(names.len());
        match latest.get_mut(place) {
            Some(before) => {
                let before = std::mem::replace(before, asked.len());
                asked[before].1 = false;
            }
            None => {
                names.push(name);
                latest.push(asked.len());
            }
        }
        asked.push((place, true));
    }
    let mut answer = node.ask(&mut budget, &names).await;
    let mut asked = asked.into_iter();
    for Waiting { names, told, .. } in batch {
        let own = asked.by_ref().take(names.len());
        let answer = match &mut answer {
            Ok(Some(all)) => {
                let replies = own.map(|(place, last)| match last {
                    true => all.replies[place].take(),
                    false => all.replies[place].clone(),
                });
                Ok(Some(Told { replies: replies.collect(), witness: all.witness }))
            }
            other => {
                own.for_each(drop);
                other.clone()
            }
        };
        // Whoever left does not hear it.
        let _ = told.send(answer);
    }
}

fn nonsense() -> Failure {
    Failure::refused("the server answered MGET with another number of values")
}

pub(super) fn bytes(value: Value) -> Reply {
    match value {
        Value::BulkString(bytes) => Some(bytes.into()),
        Value::SimpleString(text) => Some(text.into_bytes().into()),
        _ => None,
    }
}

/// Names are looked up while all callers wait.
#[derive(Default)]
struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = self.0.rotate_left(17) ^ xxh3_64(bytes);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
