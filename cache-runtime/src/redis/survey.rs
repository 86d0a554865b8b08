//! What only those ask who look at a cache from outside: names in steps, sizes, what a master says of itself.
//!
//! An error among the replies is about one name, and is no answer for that name alone.

use std::sync::Arc;
use std::time::Duration;

use redis::{Pipeline, Value};

use super::history::Standing;
use super::{Failure, Node, Server};
use crate::budget::Budget;
use crate::clock;
use crate::entry::History;

/// What a name takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// Of memory, if the server tells, else of what is stored.
    pub(crate) bytes: u64,
    /// Negative: it has none.
    pub(crate) ttl_ms: i64,
}

/// A master in its own words.
pub(crate) struct Told {
    /// `None`: it does not tell this user.
    pub(crate) info: Option<String>,
    pub(crate) history: Option<History>,
    pub(crate) keys: Option<u64>,
    pub(crate) took: Duration,
}

impl Server {
    /// The masters, found within the budget if need be.
    pub(crate) async fn masters(self: &Arc<Self>, budget: &mut Budget) -> Result<Vec<Arc<Node>>, Failure> {
        Ok(self.map(budget).await?.nodes.clone())
    }

    /// Which master a name belongs to.
    pub(crate) fn owner(&self, name: &str) -> Option<Arc<Node>> {
        let map = self.topology.known()?;
        #[cfg(feature = "cluster")]
        return map.owner(name).ok().cloned();
        #[cfg(not(feature = "cluster"))]
        {
            let _ = name;
            map.only().cloned()
        }
    }
}

impl Node {
    async fn replies(self: &Arc<Self>, budget: &mut Budget, pipeline: &Pipeline) -> Result<Vec<Value>, Failure> {
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        let sent = self.request(budget, move |connection, _| async move {
            connection.send_packed_commands(pipeline, 0, pipeline.len()).await
        });
        sent.await.map(|(values, _)| values)
    }

    /// What each name takes; `None` for those that are gone. `exact`: in memory, where the server tells it.
    pub(crate) async fn sizes(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: &[String],
        exact: bool,
    ) -> Result<Vec<Option<Taken>>, Failure> {
        let mut pipeline = redis::pipe();
        for name in names {
            match exact {
                true => pipeline.cmd("MEMORY").arg("USAGE").arg(name),
                false => pipeline.cmd("STRLEN").arg(name),
            };
            pipeline.cmd("PTTL").arg(name);
        }
        let values = self.replies(budget, &pipeline).await?;
        let (pairs, _) = values.as_chunks::<2>();
        let mut denied = false;
        let taken = pairs.iter().map(|pair| match pair {
            [Value::Int(bytes), Value::Int(ttl_ms)] if *ttl_ms != -2 => {
                Some(Taken { bytes: u64::try_from(*bytes).unwrap_or(0), ttl_ms: *ttl_ms })
            }
            [Value::ServerError(error), _] => {
                denied |= Failure::from(redis::RedisError::from(error.clone())).is_denial();
                None
            }
            _ => None,
        });
        let taken = taken.collect();
        if denied && exact {
            return Box::pin(self.sizes(budget, names, false)).await;
        }
        Ok(taken)
    }

    /// The first bytes of each name.
    pub(crate) async fn heads(
        self: &Arc<Self>,
        budget: &mut Budget,
        names: &[String],
        length: usize,
    ) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        let mut pipeline = redis::pipe();
        for name in names {
            pipeline.cmd("GETRANGE").arg(name).arg(0).arg(length.saturating_sub(1));
        }
        let values = self.replies(budget, &pipeline).await?;
        let bytes = |value| match value {
            Value::BulkString(bytes) => Some(bytes),
            _ => None,
        };
        Ok(values.into_iter().map(bytes).collect())
    }

    /// What it says of itself, and how long it took to say that it is there.
    pub(crate) async fn about(self: &Arc<Self>, budget: &mut Budget) -> Result<Told, Failure> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("INFO").cmd("DBSIZE");
        let values = self.replies(budget, &pipeline).await?;
        let info = values.first().and_then(text);
        let keys = match values.get(1) {
            Some(Value::Int(keys)) => u64::try_from(*keys).ok(),
            _ => None,
        };
        let mut took = Duration::MAX;
        for _ in 0..3 {
            let mut ping = redis::pipe();
            ping.cmd("PING");
            let sent = clock::now();
            self.replies(budget, &ping).await?;
            took = took.min(sent.elapsed());
        }
        let standing = info.as_deref().map_or(Standing::Hidden, Standing::read);
        let history = match standing {
            Standing::Master(history) => Some(history),
            Standing::Hidden | Standing::Replica => None,
        };
        Ok(Told { info, history, keys, took })
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => None,
    }
}
