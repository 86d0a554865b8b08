//! One request to one master within the budget of its call, and what its failure says about the server.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use redis::{Arg, Pipeline, RedisError, RedisResult, Value};

use super::command::Command;
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

/// What decides which errors of a command do not fail its request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `PUBLISH`.
    News,
    Set,
    Other,
}

impl Kind {
    fn of(name: &[u8]) -> Self {
        match name {
            b"PUBLISH" => Self::News,
            b"SET" => Self::Set,
            _ => Self::Other,
        }
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
        Box::pin(self.request_in_place(lane, budget, send))
    }

    /// The same, for whoever has boxed or spawned the future that this is part of.
    pub(super) async fn request_in_place<T, F>(
        self: &Arc<Self>,
        lane: usize,
        budget: &mut Budget,
        send: impl Fn(Connection, History) -> F + Send + Sync,
    ) -> Result<(T, Witness), Failure>
    where
        F: Future<Output = RedisResult<T>> + Send,
    {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Failure::outside());
        }
        if self.breaker.is_open() {
            self.start_probe();
            return Err(Failure::open());
        }
        budget.reckon_up();
        if budget.left().is_zero() {
            // Nothing was asked, so nothing is learnt of the server.
            return Err(Failure { severity: Severity::Minor, ..Failure::timeout() });
        }
        // What little an earlier request has left says nothing about the server.
        let severity = if budget.is_a_rest() { Severity::Minor } else { Severity::Fatal };
        let mut in_use: Option<Arc<Wire>> = None;
        let tried = budget.spend(pin!(self.send_twice(lane, &send, &mut in_use))).await;
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
            let wire = self.lanes.wire(lane).await?;
            *in_use = Some(Arc::clone(&wire));
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
                let kind = Kind::of(command.name().as_bytes());
                let value = connection.send(command).await?;
                self.judge(kind, &value)?;
                Ok((value, brought))
            }
        });
        let ((value, brought), witness) = sent.await?;
        Ok((value, brought, witness))
    }

    /// Several commands in one go. `build` writes them, and returns what it brought along, with each attempt.
    ///
    /// An error among the replies fails the request, except where the server only points elsewhere, where another command
    /// would do, and where it is nothing but the news that may not be told: then nobody listens either.
    pub(super) async fn pipeline<M: Send>(
        self: &Arc<Self>,
        budget: &mut Budget,
        build: impl Fn(History, &mut Pipeline) -> M + Send + Sync,
    ) -> Result<(Vec<Value>, M, Witness), Failure> {
        let build = &build;
        let sent = self.request(budget, move |connection, history| {
            let mut pipeline = redis::pipe();
            let brought = build(history, &mut pipeline);
            async move {
                let values = connection.send_packed_commands(&pipeline, 0, pipeline.len()).await?;
                for (value, command) in values.iter().zip(pipeline.cmd_iter()) {
                    let kind = match command.args_iter().next() {
                        Some(Arg::Simple(name)) => Kind::of(name),
                        _ => Kind::Other,
                    };
                    self.judge(kind, value)?;
                }
                Ok((values, brought))
            }
        });
        let ((values, brought), witness) = sent.await?;
        Ok((values, brought, witness))
    }

    /// Fails the request if the reply is an error that does, and notes whether news may be told.
    fn judge(&self, kind: Kind, value: &Value) -> RedisResult<()> {
        let Value::ServerError(error) = value else {
            if kind == Kind::News {
                self.channel.may_tell();
            }
            return Ok(());
        };
        let failure = Failure::from(RedisError::from(error.clone()));
        match kind {
            _ if self.clustered && points_elsewhere(error) => {}
            // Of no other one: what voids is a unit, which any error fails.
            Kind::Set if failure.is_of_the_command() => {}
            Kind::News if failure.forbids_command() => self.news_denied(&failure.message),
            _ => return Err(error.clone().into()),
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
