//! One request to one master within the budget of its call, and what its failure says about the server.

use std::future::Future;
use std::pin::{Pin, pin};
use std::slice;
use std::sync::Arc;

use redis::{RedisError, RedisResult, Value};
use smallvec::SmallVec;

use super::command::{Command, Commands, Kind};
use super::connection::Connection;
use super::failure::points_elsewhere;
use super::history::Standing;
use super::lanes::Wire;
use super::node::Node;
use super::{Cause, Failure};
use crate::breaker::Severity;
use crate::budget::Budget;
use crate::entry::History;

/// A request under way, and who answered it.
type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<(T, Witness), Failure>> + Send + 'a>>;

/// On whose word an answer is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Witness {
    pub(crate) standing: Standing,
    /// Whether the channel of this master was in the same history, so that the answer may be kept in process.
    pub(crate) in_step: bool,
    /// Which connection it was; no two have the same number.
    pub(crate) connection: u64,
}

impl Witness {
    pub(crate) fn history(self) -> History {
        self.standing.history()
    }
}

impl Node {
    /// Sends one request within the budget. A connection that turns out dead is replaced once: the server may have
    /// been restarted since it was last used.
    ///
    /// The first copy may be executed after the second one was answered, and after anything that followed. So
    /// `send` brings fresh tokens and stamps each time it is called: what an `UNLINK` removed must not be set
    /// again by a copy that was late.
    ///
    /// Boxed: a user's future holds all of this, and the compiler's limit on the depth of types is his to use up.
    pub(super) fn request<'a, T, F>(
        self: &'a Arc<Self>,
        budget: &'a mut Budget,
        send: impl Fn(Connection, History) -> F + Send + Sync + 'a,
    ) -> Answering<'a, T>
    where
        F: Future<Output = RedisResult<T>> + Send + 'a,
        T: Send + 'a,
    {
        self.request_on(self.lanes.pick(), budget, send)
    }

    /// The same, on a lane of the caller's choice.
    pub(super) fn request_on<'a, T, F>(
        self: &'a Arc<Self>,
        lane: usize,
        budget: &'a mut Budget,
        send: impl Fn(Connection, History) -> F + Send + Sync + 'a,
    ) -> Answering<'a, T>
    where
        F: Future<Output = RedisResult<T>> + Send + 'a,
        T: Send + 'a,
    {
        Box::pin(async move { self.request_in_place(lane, budget, &send).await })
    }

    /// The same, for whoever has boxed or spawned the future that this is part of. `send` is lent: what is given to an
    /// `async fn` has room in it twice.
    pub(super) async fn request_in_place<T, F>(
        self: &Arc<Self>,
        lane: usize,
        budget: &mut Budget,
        send: &(impl Fn(Connection, History) -> F + Send + Sync),
    ) -> Result<(T, Witness), Failure>
    where
        F: Future<Output = RedisResult<T>> + Send,
    {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Failure::outside());
        }
        if self.is_shut() {
            return Err(Failure::open());
        }
        budget.reckon_up();
        if budget.left().is_zero() {
            // Nothing was asked, so nothing is learnt of the server.
            return Err(Failure { severity: Severity::Minor, ..Failure::timeout() });
        }
        // What little an earlier request has left says nothing about the server.
        let severity = if budget.is_a_rest() { Severity::Minor } else { Severity::Fatal };
        let mut in_use = self.lanes.ready(lane);
        let tried = budget.spend(pin!(self.send_twice(lane, send, &mut in_use))).await;
        let answered = tried.unwrap_or_else(|_| {
            if severity == Severity::Fatal
                && let Some(wire) = &in_use
            {
                self.lanes.cut(wire);
            }
            Err(Failure { severity, ..Failure::timeout() })
        });
        self.learn_from(&answered);
        answered
    }

    /// Whether the server is left alone but for the probe.
    pub(super) fn is_shut(self: &Arc<Self>) -> bool {
        let is_open = self.breaker.is_open();
        if is_open {
            self.start_probe();
        }
        is_open
    }

    /// By the connection in use, if there is one; the second time by a new one.
    async fn send_twice<T, F>(
        &self,
        lane: usize,
        send: &(impl Fn(Connection, History) -> F + Sync),
        in_use: &mut Option<Arc<Wire>>,
    ) -> Result<(T, Witness), Failure>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let mut second = false;
        loop {
            let wire = match in_use.as_ref().filter(|_| !second) {
                Some(wire) => Arc::clone(wire),
                None => Arc::clone(in_use.insert(self.lanes.wire(lane).await?)),
            };
            let standing = wire.standing();
            let failure = match send(wire.connection(), standing.history()).await {
                Ok(value) => {
                    let in_step = self.channel.is_in(standing.history());
                    return Ok((value, Witness { standing, in_step, connection: wire.number() }));
                }
                Err(error) => Failure::from(error),
            };
            if failure.severity == Severity::Fatal {
                self.lanes.cut(&wire);
            }
            if second || failure.cause != Cause::Disconnected {
                return Err(failure);
            }
            second = true;
        }
    }

    /// One command. `build` writes it, and returns what it brought along, with each attempt.
    ///
    /// An error fails the request or is the reply, as in [`pipeline`](Self::pipeline).
    pub(super) async fn command<M: Send>(
        self: &Arc<Self>,
        budget: &mut Budget,
        build: &(dyn Fn(History) -> (Command, M) + Send + Sync),
    ) -> Result<(Value, M, Witness), Failure> {
        let sent = self.request(budget, move |connection, history| {
            let (command, brought) = build(history);
            async move {
                let kind = command.kind();
                let value = connection.send(command).await?;
                self.judge(&[kind], slice::from_ref(&value))?;
                Ok((value, brought))
            }
        });
        let ((value, brought), witness) = sent.await?;
        Ok((value, brought, witness))
    }

    /// Several commands in one go. `build` writes them, and returns what it brought along, with each attempt.
    ///
    /// An error among the replies fails the request, except where the server only points elsewhere, where another command
    /// would do, where those beside it have nothing to do with it, and where it is nothing but the news that may not be
    /// told: then nobody listens either.
    pub(super) async fn pipeline<M: Send>(
        self: &Arc<Self>,
        budget: &mut Budget,
        build: impl Fn(History, &mut Commands) -> M + Send + Sync,
    ) -> Result<(Vec<Value>, M, Witness), Failure> {
        let build = &build;
        let sent = self.request(budget, move |connection, history| {
            let mut commands = Commands::default();
            let brought = build(history, &mut commands);
            async move {
                let kinds = SmallVec::<[Kind; 8]>::from_slice(commands.kinds());
                let values = connection.send_all(commands).await?;
                self.judge(&kinds, &values)?;
                Ok((values, brought))
            }
        });
        let ((values, brought), witness) = sent.await?;
        Ok((values, brought, witness))
    }

    /// Fails the request if a reply is an error that does, and notes whether news may be told.
    fn judge(&self, kinds: &[Kind], values: &[Value]) -> RedisResult<()> {
        // Of those whose errors are their own, how many were not refused.
        let mut fared_better = each_reply(kinds, values).filter(|(kind, _)| *kind == Kind::Apart).count();
        for (kind, value) in each_reply(kinds, values) {
            let Value::ServerError(error) = value else {
                if kind == Kind::News {
                    self.channel.may_tell();
                }
                continue;
            };
            let failure = Failure::from(RedisError::from(error.clone()));
            match kind {
                _ if self.clustered && points_elsewhere(error) => {}
                // Of no other one: what voids is a unit, which any error fails.
                Kind::Set if failure.is_of_the_command() => {}
                Kind::Several if failure.is_of_several_names() => {}
                Kind::News if failure.forbids_command() => self.news_denied(&failure.message),
                // If none of them fares better, it is no matter of its name.
                Kind::Apart if failure.severity == Severity::Minor && fared_better > 1 => fared_better -= 1,
                _ => return Err(error.clone().into()),
            }
        }
        Ok(())
    }

    /// The server refuses what is told to other processes: then nobody listens.
    pub(super) fn news_denied(&self, why: &str) {
        // Once, also where the subscriber was refused before.
        let known = self.channel.is_denied();
        if self.channel.may_not_tell() && !known {
            tracing::warn!(server = %self.name, cause = why, "the server takes no PUBLISH from this user; entries are not kept in this process, and must not be in others");
        }
    }

    fn learn_from<T>(self: &Arc<Self>, answered: &Result<(T, Witness), Failure>) {
        match answered {
            Ok((_, witness)) => {
                self.answered_as(witness.standing);
                self.breaker.success();
            }
            Err(failure) => {
                if self.breaker.failure(failure.severity) {
                    tracing::warn!(server = %self.name, cause = %failure.message, "the cache server is in trouble; functions run uncached until it answers");
                    self.note_trouble(failure);
                    self.start_probe();
                }
            }
        }
    }
}

/// What was answered, with the kind of what it answers.
fn each_reply<'a>(kinds: &'a [Kind], values: &'a [Value]) -> impl Iterator<Item = (Kind, &'a Value)> {
    kinds.iter().zip(values).flat_map(|(kind, value)| {
        let (kind, replies) = match value {
            Value::Array(replies) if *kind == Kind::Several => (Kind::Apart, &replies[..]),
            _ => (*kind, slice::from_ref(value)),
        };
        replies.iter().map(move |reply| (kind, reply))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::gather::tests::node;
    use super::*;

    fn reply(text: &str) -> Value {
        redis::parse_redis_value(format!("{text}\r\n").as_bytes()).expect("in order")
    }

    /// The first word of the error that fails a request which had these replies.
    async fn fails(replies: &[(Kind, &str)]) -> Option<String> {
        let node = node(Duration::from_secs(60));
        let (kinds, values): (Vec<_>, Vec<_>) = replies.iter().map(|(kind, text)| (*kind, reply(text))).unzip();
        let judged = node.judge(&kinds, &values);
        judged.err().map(|error| error.code().expect("servers begin with one").to_owned())
    }

    #[tokio::test]
    async fn an_error_that_is_a_commands_own_fails_the_request_if_it_is_everybodys() {
        let (mine, stored) = ((Kind::Apart, "-WRONGTYPE no"), (Kind::Apart, ":1"));
        assert_eq!(fails(&[stored, mine, stored]).await, None);
        assert_eq!(fails(&[mine, mine, stored]).await, None);
        for all in [&[mine][..], &[mine, mine], &[(Kind::News, ":1"), mine, (Kind::Other, "+OK")]] {
            assert_eq!(fails(all).await.as_deref(), Some("WRONGTYPE"), "{all:?}");
        }
        let loading = (Kind::Apart, "-LOADING it loads");
        assert_eq!(fails(&[stored, loading, stored]).await.as_deref(), Some("LOADING"), "nobody fares better");
        assert_eq!(fails(&[stored, (Kind::Other, "-WRONGTYPE no")]).await.as_deref(), Some("WRONGTYPE"));
    }

    #[tokio::test]
    async fn so_does_one_of_several_that_a_script_has_met() {
        let script = |replies| [(Kind::Several, replies)];
        assert_eq!(fails(&script("*3\r\n+OK\r\n-WRONGTYPE no\r\n:0")).await, None);
        assert_eq!(fails(&script("*2\r\n:0\r\n-OOM full")).await, None, "a name that is not stored fares better");
        assert_eq!(fails(&script("*2\r\n-WRONGTYPE no\r\n-WRONGTYPE no")).await.as_deref(), Some("WRONGTYPE"));
        assert_eq!(fails(&script("*2\r\n+OK\r\n-LOADING it loads")).await.as_deref(), Some("LOADING"));
        assert_eq!(fails(&script("-OOM full")).await.as_deref(), Some("OOM"), "the script itself was refused");
        assert_eq!(fails(&script("-CROSSSLOT no")).await, None, "whoever sent it sends them one by one");
        assert_eq!(fails(&[(Kind::Other, "-CROSSSLOT no")]).await.as_deref(), Some("CROSSSLOT"));
        assert_eq!(fails(&[(Kind::Other, "*1\r\n-WRONGTYPE no")]).await, None, "whoever asked for it looks into it");
    }

    #[tokio::test]
    async fn what_another_command_does_fails_no_request() {
        assert_eq!(fails(&[(Kind::Set, "-ERR syntax error")]).await, None);
        assert_eq!(fails(&[(Kind::Set, "-OOM full")]).await.as_deref(), Some("OOM"));
        assert_eq!(fails(&[(Kind::Other, ":1"), (Kind::News, "-NOPERM no")]).await, None);
        assert_eq!(fails(&[(Kind::Other, "-NOPERM no"), (Kind::News, ":1")]).await.as_deref(), Some("NOPERM"));
    }
}
