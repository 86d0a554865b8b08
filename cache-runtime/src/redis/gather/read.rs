//! READ at one master: alone, or in one request with others.

use std::pin::pin;
use std::sync::Arc;

use redis::{Cmd, Pipeline, RedisError, ToRedisArgs, Value};
use tokio::runtime::Handle;

use super::super::answers::{Answers, Told};
use super::super::keyspace::Name;
use super::super::list::LENGTH;
use super::super::told::Answer;
use super::super::{Failure, Node};
use super::task::Task;
use super::watch::{Watch, late};
use super::{Alone, Turn, count};
use crate::budget::Budget;

impl Node {
    /// What each of `names` holds, read after this was called. `None`: one of them is another master's.
    ///
    /// Cancel safe: who leaves is not waited for.
    pub(in crate::redis) async fn read<'a>(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: impl Iterator<Item = Name<'a>> + Clone,
    ) -> Answer {
        let Ok(runtime) = Handle::try_current() else { return Err(Failure::outside()) };
        let (runtime, door) = (runtime.id(), self.gather.door());
        let turn = match self.breaker.is_open() {
            true => Turn::Beside,
            false => self.gather.turn(door, runtime, names.clone()),
        };
        match turn {
            Turn::Wait(waiting, start) => {
                if start.watch {
                    Watch::start(self, door, runtime);
                }
                if start.task {
                    Task::start(self, door, runtime);
                }
                if budget.left() >= self.budget {
                    budget.run_since(waiting.since);
                    return waiting.await;
                }
                // The rest of a budget ends before he would be told.
                budget.spend(pin!(waiting)).await.unwrap_or_else(|_| Err(late()))
            }
            Turn::Send => {
                let _alone = Alone { gather: &self.gather, door, runtime };
                self.ask_for_one(budget, names).await
            }
            Turn::Beside => self.ask_for_one(budget, names).await,
        }
    }

    async fn ask_for_one<'a>(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: impl Iterator<Item = Name<'a>> + Clone,
    ) -> Answer {
        let told = self.ask(budget, count(&names), names).await?;
        let elsewhere = (0..told.len()).any(|place| told.points_elsewhere(place));
        Ok((!elsewhere).then(|| Answers::of_one(told)))
    }

    /// One request for all of them.
    pub(super) async fn ask(
        self: &Arc<Self>,
        budget: &mut Budget,
        count: usize,
        names: impl Iterator<Item: ToRedisArgs>,
    ) -> Result<Told, Failure> {
        let left = budget.left();
        let (values, witness) = if self.clustered {
            let commands: Vec<Cmd> = names.map(|name| mget(std::iter::once(name), 1)).collect();
            let build = |_, pipeline: &mut Pipeline| {
                commands.iter().for_each(|command| _ = pipeline.add_command(command.clone()))
            };
            let (values, (), witness) = self.pipeline(budget, build).await?;
            let first = |value| match value {
                Value::Array(values) => values.into_iter().next().unwrap_or(Value::Nil),
                other => other,
            };
            (values.into_iter().map(first).collect(), witness)
        } else {
            let command = &mget(names, count);
            let asked = self.request(budget, |mut connection, _| async move {
                match connection.send_packed_command(command).await? {
                    Value::ServerError(error) => Err(RedisError::from(error)),
                    values => Ok(values),
                }
            });
            match asked.await? {
                (Value::Array(values), witness) => (values, witness),
                _ => return Err(nonsense()),
            }
        };
        let told = Told::new(values, witness);
        if told.len() != count {
            return Err(nonsense());
        }
        self.gather.learn(&told, left.saturating_sub(budget.left()));
        Ok(told)
    }
}

/// Also for one name: unlike `GET` it answers somebody else's list or hash with nil, a miss.
fn mget(names: impl Iterator<Item: ToRedisArgs>, count: usize) -> Cmd {
    let mut command = Cmd::with_capacity(1 + count, (1 + count) * LENGTH);
    command.arg("MGET");
    names.for_each(|name| _ = command.arg(name));
    command
}

fn nonsense() -> Failure {
    Failure::refused("the server answered MGET with another number of values")
}
