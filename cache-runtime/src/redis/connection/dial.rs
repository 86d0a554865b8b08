//! How a connection is made.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use futures_util::future::select_ok;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ProtocolVersion, RedisError, RedisResult};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpStream, lookup_host};

use super::driver::closed;
use super::{Connection, Kind, Own};

/// Dials for the pool.
pub(in crate::redis) struct Dialer {
    client: Client,
}

impl Dialer {
    /// # Errors
    ///
    /// If this program cannot speak to such an address.
    pub(in crate::redis) fn new(server: ConnectionInfo) -> RedisResult<Self> {
        // What comes in the other version is nothing that a lane asks for; and requests are small, and waited for.
        let settings = server.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
        let tcp = server.tcp_settings().clone().set_nodelay(true);
        Ok(Self { client: Client::open(server.set_redis_settings(settings).set_tcp_settings(tcp))? })
    }

    async fn dial(&self) -> RedisResult<Connection> {
        let server = self.client.get_connection_info();
        let kind = match server.addr() {
            ConnectionAddr::Tcp(host, port) => {
                let stream = first(lookup_host((host.as_str(), *port)).await?).await?;
                stream.set_nodelay(server.tcp_settings().nodelay())?;
                run(stream, server).await?
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => run(UnixStream::connect(path).await?, server).await?,
            #[cfg(feature = "tls")]
            ConnectionAddr::TcpTls { .. } => {
                // Whoever asks has a budget.
                let settings = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
                Kind::Tls(self.client.get_multiplexed_async_connection_with_config(&settings).await?)
            }
            other => {
                let kind = redis::ErrorKind::InvalidClientConfig;
                return Err((kind, "no such address can be dialed", other.to_string()).into());
            }
        };
        Ok(Connection { kind, database: server.redis_settings().db() })
    }
}

impl Manager for Dialer {
    type Type = Connection;
    type Error = RedisError;

    async fn create(&self) -> Result<Connection, RedisError> {
        self.dial().await
    }

    async fn recycle(&self, _: &mut Connection, _: &Metrics) -> RecycleResult<RedisError> {
        Err(RecycleError::message("no connection is given back"))
    }
}

/// The first of the addresses that can be connected to; they are tried at once, since one may never answer.
async fn first(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let dialed: Vec<_> = addresses.map(|address| Box::pin(TcpStream::connect(address))).collect();
    if dialed.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(select_ok(dialed).await?.0)
}

/// Introduces itself, and runs the connection in a task.
async fn run<S>(stream: S, server: &ConnectionInfo) -> RedisResult<Kind>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let shared = Arc::new(Mutex::new(Some(stream)));
    // Password and database are told before this returns; both halves of the client are let go of then.
    let greeted = MultiplexedConnection::new_with_config(
        server.redis_settings(),
        Lent(Arc::clone(&shared)),
        AsyncConnectionConfig::new().set_response_timeout(None),
    );
    drop(greeted.await?);
    let stream = lock(&shared).take().ok_or_else(closed)?;
    Ok(Kind::Own(Own::start(stream)))
}

/// A stream that is lent for the handshake.
struct Lent<S>(Arc<Mutex<Option<S>>>);

fn lock<S>(shared: &Mutex<Option<S>>) -> MutexGuard<'_, Option<S>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Unpin> Lent<S> {
    fn poll<T>(&self, poll: impl FnOnce(Pin<&mut S>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &mut *lock(&self.0) {
            Some(stream) => poll(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lent<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll(|stream| stream.poll_read(context, buffer))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lent<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(|stream| stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|stream| stream.poll_shutdown(context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_refuses_is_not_the_last_word() {
        let listening = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let there = listening.local_addr().expect("it is bound");
        // Bound, and nobody listens.
        let silent = tokio::net::TcpSocket::new_v4().expect("a socket");
        silent.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let refused = silent.local_addr().expect("it is bound");
        for addresses in [vec![there], vec![refused, there], vec![there, refused]] {
            assert_eq!(first(addresses.into_iter()).await.expect("one answers").peer_addr().expect("connected"), there);
        }
        assert_eq!(first([refused].into_iter()).await.expect_err("nobody").kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(first([].into_iter()).await.expect_err("nobody").kind(), io::ErrorKind::NotFound);
    }
}
