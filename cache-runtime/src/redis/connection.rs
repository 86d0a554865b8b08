//! A connection that all callers of a lane share: requests go out in the order in which they come, and whoever asked is
//! told what came back for him, as bytes: those who share a request read their values where they came in.
//!
//! Values and the handshake are `redis`'s, and so is TLS; commands are written in `command`.

mod dial;
mod driver;
mod replies;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use redis::aio::ConnectionLike;
#[cfg(feature = "tls")]
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisFuture, RedisResult, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

pub(super) use dial::Dialer;
use driver::{Driver, Request, When, closed};
use replies::value;
pub(super) use replies::{Header, header};

use super::command::{Command, Commands};
use super::held::Held;
use super::mget::{self, Asked, Piecewise};

/// Ends with the last clone of it.
#[derive(Clone)]
pub(crate) struct Connection {
    kind: Kind,
    database: i64,
}

#[derive(Clone)]
enum Kind {
    Own(Arc<Own>),
    /// `redis` keeps how it sets up TLS to itself. What it does is boxed: its futures are many times as large as ours.
    #[cfg(feature = "tls")]
    Tls(MultiplexedConnection),
}

impl Connection {
    /// What each of the names holds, each of which may be another master's if it is asked for by itself.
    ///
    /// Cancel safe, as all requests: what is answered to nobody is thrown away.
    pub(super) async fn read(&self, names: impl Iterator<Item: Piecewise>, asked: Asked) -> RedisResult<Held> {
        match &self.kind {
            Kind::Own(own) => {
                let replies = own.ask(mget::packed(names, asked), asked.commands(), When::AtOnce).await?;
                Held::parse(replies, asked)
            }
            #[cfg(feature = "tls")]
            Kind::Tls(connection) => {
                let (pipeline, mut connection) = (mget::pipeline(names, asked), connection.clone());
                let replies = Box::pin(connection.send_packed_commands(&pipeline, 0, asked.commands())).await?;
                Held::of_replies(&replies, asked)
            }
        }
    }

    /// The reply to a command, which may be an error.
    pub(super) async fn send(&self, command: Command) -> RedisResult<Value> {
        match &self.kind {
            Kind::Own(own) => {
                let reply = own.ask(command.into_bytes(), 1, When::WithOthers).await?;
                Ok(value(&reply, 0)?.0)
            }
            #[cfg(feature = "tls")]
            Kind::Tls(connection) => {
                let (command, mut connection) = (Cmd::from(command), connection.clone());
                Box::pin(async move { connection.send_packed_command(&command).await }).await
            }
        }
    }

    /// The replies to commands, each of which may be an error.
    pub(super) async fn send_all(&self, commands: Commands) -> RedisResult<Vec<Value>> {
        let count = commands.kinds().len();
        match &self.kind {
            Kind::Own(own) => values(&own.ask(commands.into_bytes(), count, When::WithOthers).await?, count),
            #[cfg(feature = "tls")]
            Kind::Tls(connection) => {
                let (pipeline, mut connection) = (Pipeline::from(commands), connection.clone());
                Box::pin(async move { connection.send_packed_commands(&pipeline, 0, count).await }).await
            }
        }
    }

    /// The same of one that `redis` has put together.
    pub(super) async fn send_packed_command(&self, command: &Cmd) -> RedisResult<Value> {
        match &self.kind {
            Kind::Own(own) => {
                let reply = own.ask(command.get_packed_command(), 1, When::WithOthers).await?;
                Ok(value(&reply, 0)?.0)
            }
            #[cfg(feature = "tls")]
            Kind::Tls(connection) => {
                let mut connection = connection.clone();
                Box::pin(connection.send_packed_command(command)).await
            }
        }
    }

    /// So many replies behind those that are skipped, each of which may be an error.
    pub(super) async fn send_packed_commands(
        &self,
        pipeline: &Pipeline,
        skipped: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        match &self.kind {
            Kind::Own(own) => {
                let replies = own.ask(pipeline.get_packed_pipeline(), skipped + count, When::WithOthers).await?;
                Ok(values(&replies, skipped + count)?.split_off(skipped))
            }
            #[cfg(feature = "tls")]
            Kind::Tls(connection) => {
                let mut connection = connection.clone();
                Box::pin(connection.send_packed_commands(pipeline, skipped, count)).await
            }
        }
    }
}

/// So many of them, which have come as a whole.
fn values(replies: &[u8], count: usize) -> RedisResult<Vec<Value>> {
    let mut at = 0;
    let one = |_| {
        let reply;
        (reply, at) = value(replies, at)?;
        Ok(reply)
    };
    (0..count).map(one).collect()
}

/// One of our own: the task that runs it, and where it is asked.
struct Own {
    requests: mpsc::UnboundedSender<Request>,
    task: AbortHandle,
}

impl Own {
    fn start(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Arc<Self> {
        let (requests, driver) = Driver::new(stream);
        Arc::new(Self { requests, task: tokio::spawn(driver).abort_handle() })
    }

    /// The replies to what is sent, one behind the other.
    async fn ask(&self, bytes: Vec<u8>, replies: usize, when: When) -> RedisResult<Bytes> {
        if bytes.is_empty() || replies == 0 {
            return Err((ErrorKind::Client, "nothing is asked").into());
        }
        let (tell, told) = oneshot::channel();
        self.requests.send(Request { bytes, replies, when, tell }).map_err(|_| closed())?;
        told.await.unwrap_or_else(|_| Err(closed()))
    }
}

/// Whatever the task is doing: the server may take nothing any more.
impl Drop for Own {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(self.send_packed_command(command))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(self.send_packed_commands(pipeline, offset, count))
    }

    fn get_db(&self) -> i64 {
        self.database
    }
}
