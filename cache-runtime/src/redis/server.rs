//! One server: the operations of the protocol. How they are sent is in `request`.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::{ConnectionInfo, Value};
use smallvec::SmallVec;

use super::lanes::Lanes;
use super::probe::Probe;
use super::script::{FILL, RELEASE, REMINT};
use super::{Failure, Names};
use crate::breaker::Breaker;
use crate::budget::Budget;
use crate::config::Config;
use crate::entry::{self, Expected, History, Stamp};
use crate::{Error, Key, clock};

/// How many keys one command names at most.
const CHUNK: usize = 500;

pub(crate) type Reply = Option<Vec<u8>>;

pub(crate) struct Server {
    pub(super) lanes: Arc<Lanes>,
    pub(crate) breaker: Breaker,
    pub(super) probe: Probe,
    pub(crate) names: Names,
    token_ttl_ms: u64,
    tag_ttl_ms: AtomicU64,
    /// 0: not known yet, 1: the server tells its history, 2: it does not.
    pub(super) guard: AtomicU8,
    pub(super) last_trouble: Mutex<Option<String>>,
}

/// What an ENSURE found; all of it was read before the load.
#[derive(Clone, Debug)]
pub(crate) struct Ensured {
    /// What the entry begins with; `None` if READ and ENSURE were answered in different histories.
    pub(crate) expected: Option<Expected>,
    /// Whether the entry now holds the token that this call brought.
    pub(crate) ours: bool,
    /// Whether it holds somebody else's token: a load is under way elsewhere.
    pub(crate) theirs: bool,
    /// What it holds, if it is neither token.
    pub(crate) held: Option<Vec<u8>>,
    /// The stamp of each tag; one that is not current means that nothing can be stored.
    pub(crate) stamps: SmallVec<[Option<Stamp>; 4]>,
}

impl Server {
    pub(crate) fn new(info: ConnectionInfo, config: &Config) -> Result<Self, Error> {
        Ok(Self {
            lanes: Arc::new(Lanes::new(info, config.lanes)?),
            breaker: Breaker::new(config.breaker_failures),
            probe: Probe::default(),
            names: Names::new(&config.namespace),
            token_ttl_ms: clock::millis(config.token_ttl),
            tag_ttl_ms: AtomicU64::new(clock::millis(config.tag_ttl)),
            guard: AtomicU8::new(0),
            last_trouble: Mutex::new(None),
        })
    }

    /// Stamps outlive the entries that carry them.
    pub(crate) fn entries_live(&self, ttl: Duration) {
        self.tag_ttl_ms.fetch_max(clock::millis(ttl).saturating_mul(2), Ordering::Relaxed);
    }

    fn tag_ttl_ms(&self) -> u64 {
        self.tag_ttl_ms.load(Ordering::Relaxed)
    }

    /// READ: the entry, then each tag.
    pub(crate) async fn read(
        self: &Arc<Self>,
        budget: &mut Budget,
        key: &Key,
    ) -> Result<(SmallVec<[Reply; 4]>, History), Failure> {
        // MGET also for one key: unlike GET it answers somebody else's list or hash with nil, a miss.
        let mut command = redis::cmd("MGET");
        command.arg(self.names.entry(key));
        key.tags().for_each(|tag| {
            command.arg(self.names.tag(tag));
        });
        let command = &command;
        let (value, standing) =
            self.request(budget, |mut connection| async move {
                connection.send_packed_command(command).await?.extract_error()
            })
            .await?;
        let replies = match value {
            Value::Array(values) => values.into_iter().map(bytes).collect(),
            _ => SmallVec::new(),
        };
        if replies.len() != key.tag_count() + 1 {
            return Err(Failure::refused("the server answered MGET with another number of values"));
        }
        Ok((replies, standing.history()))
    }

    /// The entries of many keys and all their tags, as [`read`](Self::read) gives them for one.
    pub(crate) async fn read_many(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: &[String],
    ) -> Result<(Vec<Reply>, History), Failure> {
        let mut command = redis::cmd("MGET");
        command.arg(names);
        let command = &command;
        let (values, standing) = self
            .request(budget, |mut connection| async move { command.query_async::<Vec<Value>>(&mut connection).await })
            .await?;
        if values.len() != names.len() {
            return Err(Failure::refused("the server answered MGET with another number of values"));
        }
        Ok((values.into_iter().map(bytes).collect(), standing.history()))
    }

    /// ENSURE: the entry holds something to compare with, and every tag has a stamp.
    pub(crate) async fn ensure(
        self: &Arc<Self>,
        budget: &mut Budget,
        key: &Key,
        tags_read: &[Reply],
        history: History,
    ) -> Result<Ensured, Failure> {
        let clear_away = match self.ensure_once(budget, key, tags_read, history).await {
            // Too short to be ours, and to be told from a missing entry by its first bytes.
            Ok(ensured) if ensured.expected.as_ref().is_some_and(|held| held.len() < entry::COMPARED) => {
                vec![self.names.entry(key)]
            }
            Err(failure) if failure.is("WRONGTYPE") => {
                let tags = key.tags().map(|tag| self.names.tag(tag));
                std::iter::once(self.names.entry(key)).chain(tags).collect()
            }
            other => return other,
        };
        self.unlink(budget, &clear_away).await?;
        self.ensure_once(budget, key, &[], history).await
    }

    async fn ensure_once(
        self: &Arc<Self>,
        budget: &mut Budget,
        key: &Key,
        tags_read: &[Reply],
        history: History,
    ) -> Result<Ensured, Failure> {
        let token = entry::token(history);
        let name = self.names.entry(key);
        let mut pipeline = redis::pipe();
        pipeline.cmd("SET").arg(&name).arg(&token).arg("NX").arg("PX").arg(self.token_ttl_ms).ignore();
        pipeline.cmd("GET").arg(&name);
        let mut stamps: SmallVec<[Option<Stamp>; 4]> = SmallVec::new();
        let mut asked: SmallVec<[usize; 4]> = SmallVec::new();
        for (index, tag) in key.tags().enumerate() {
            let held = tags_read.get(index).and_then(Option::as_deref);
            let current = held.and_then(|bytes| entry::current_stamp(bytes, history));
            stamps.push(current);
            if current.is_some() {
                continue;
            }
            asked.push(index);
            let (name, stamp) = (self.names.tag(tag), entry::stamp(history));
            match held {
                None => {
                    pipeline.cmd("SET").arg(&name).arg(&stamp).arg("NX").arg("PX").arg(self.tag_ttl_ms()).ignore();
                    pipeline.cmd("GET").arg(&name);
                }
                Some(foreign) => {
                    pipeline.cmd("EVAL").arg(REMINT).arg(1).arg(&name).arg(foreign).arg(&stamp).arg(self.tag_ttl_ms());
                }
            }
        }
        let pipeline = &pipeline;
        let (values, standing) = self
            .request(budget, |mut connection| async move { pipeline.query_async::<Vec<Value>>(&mut connection).await })
            .await?;
        if values.len() != asked.len() + 1 {
            return Err(Failure::refused("the server answered a pipeline with another number of replies"));
        }
        let mut values = values.into_iter().map(bytes);
        let held = values.next().flatten();
        for (index, value) in asked.into_iter().zip(values) {
            stamps[index] = value.as_deref().and_then(|bytes| entry::current_stamp(bytes, history));
        }
        if standing.history() != history {
            return Ok(Ensured { expected: None, ours: false, theirs: false, held: None, stamps });
        }
        let held = held.unwrap_or_else(|| token.to_vec());
        let expected = entry::expected(&held);
        let ours = held == token;
        let theirs = !ours && entry::is_token(&held);
        Ok(Ensured { expected: Some(expected), ours, theirs, held: (!ours && !theirs).then_some(held), stamps })
    }

    /// FILL: true if the entry still held what was expected, and holds the envelope now.
    pub(crate) async fn fill(
        self: &Arc<Self>,
        budget: &mut Budget,
        key: &Key,
        expected: &[u8],
        envelope: &[u8],
        ttl: Duration,
    ) -> Result<bool, Failure> {
        let name = self.names.entry(key);
        let mut call = FILL.key(&name);
        call.arg(expected).arg(envelope).arg(clock::millis(ttl));
        let call = &call;
        let (stored, _) = self
            .request(budget, |mut connection| async move { call.invoke_async::<i64>(&mut connection).await })
            .await?;
        if key.tag_count() > 0 && fastrand::u32(..32) == 0 {
            self.renew(budget, key).await;
        }
        Ok(stored == 1)
    }

    /// Now and then a fill renews the stamps that its entry carries.
    async fn renew(self: &Arc<Self>, budget: &mut Budget, key: &Key) {
        let mut pipeline = redis::pipe();
        key.tags().for_each(|tag| {
            pipeline.cmd("PEXPIRE").arg(self.names.tag(tag)).arg(self.tag_ttl_ms());
        });
        let pipeline = &pipeline;
        // A stamp that runs out is a miss, so a failure here is none.
        let _ = self
            .request(budget, |mut connection| async move { pipeline.query_async::<Vec<i64>>(&mut connection).await })
            .await;
    }

    /// Stores unconditionally; only the mutant of the checker may.
    #[cfg(feature = "mutants")]
    pub(crate) async fn overwrite(
        self: &Arc<Self>,
        budget: &mut Budget,
        key: &Key,
        envelope: &[u8],
        ttl: Duration,
    ) -> Result<bool, Failure> {
        let mut set = redis::cmd("SET");
        set.arg(self.names.entry(key)).arg(envelope).arg("PX").arg(clock::millis(ttl));
        let set = &set;
        self.request(budget, |mut connection| async move { set.query_async::<()>(&mut connection).await }).await?;
        Ok(true)
    }

    /// RELEASE: takes a token back whose load ended without a value.
    pub(crate) async fn release(
        self: &Arc<Self>,
        budget: &mut Budget,
        key: &Key,
        expected: &[u8],
    ) -> Result<(), Failure> {
        let name = self.names.entry(key);
        let mut call = RELEASE.key(&name);
        call.arg(expected);
        let call = &call;
        self.request(budget, |mut connection| async move { call.invoke_async::<i64>(&mut connection).await }).await?;
        Ok(())
    }

    /// INVALIDATE: how many of the names were there.
    pub(crate) async fn unlink(self: &Arc<Self>, budget: &mut Budget, names: &[String]) -> Result<u64, Failure> {
        let mut removed = 0;
        for chunk in names.chunks(CHUNK) {
            let mut unlink = redis::cmd("UNLINK");
            unlink.arg(chunk);
            let unlink = &unlink;
            removed += self
                .request(budget, |mut connection| async move { unlink.query_async::<u64>(&mut connection).await })
                .await?
                .0;
        }
        Ok(removed)
    }

    /// One step of a walk over the names that match `pattern`.
    pub(crate) async fn scan(
        self: &Arc<Self>,
        budget: &mut Budget,
        cursor: u64,
        pattern: &str,
    ) -> Result<(u64, Vec<String>), Failure> {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(CHUNK);
        let scan = &scan;
        let ((cursor, names), _) =
            self.request(budget, |mut connection| async move {
                scan.query_async::<(u64, Vec<Vec<u8>>)>(&mut connection).await
            })
            .await?;
        // Ours are all UTF-8.
        Ok((cursor, names.into_iter().filter_map(|name| String::from_utf8(name).ok()).collect()))
    }

    /// A command about one entry that answers with a number.
    pub(crate) async fn number(
        self: &Arc<Self>,
        budget: &mut Budget,
        command: &str,
        key: &Key,
        argument: Option<u64>,
    ) -> Result<i64, Failure> {
        let mut call = redis::cmd(command);
        call.arg(self.names.entry(key));
        if let Some(argument) = argument {
            call.arg(argument);
        }
        let call = &call;
        Ok(self
            .request(budget, |mut connection| async move { call.query_async::<i64>(&mut connection).await })
            .await?
            .0)
    }

    pub(crate) async fn ping(self: &Arc<Self>, budget: &mut Budget) -> Result<(), Failure> {
        self.request(
            budget,
            |mut connection| async move { redis::cmd("PING").query_async::<()>(&mut connection).await },
        )
        .await?;
        Ok(())
    }
}

fn bytes(value: Value) -> Reply {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}
