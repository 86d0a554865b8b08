//! A request that is executed late, when its caller has long sent it again, undoes nothing.

use std::net::Ipv4Addr;
use std::time::Duration;

use cache_runtime::mutant::Mutant;
use cache_runtime::{Cache, Key};
use tests::{RedisServer, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const TTL: Duration = Duration::from_secs(60);

/// What was held back on its way, and the connection on which it was going.
type Held = (Vec<u8>, TcpStream);

/// A relay that holds back the first ENSURE, closes the connection to its sender, and keeps that to the server.
/// Everything after that passes.
async fn relay(server: u16) -> (u16, oneshot::Receiver<Held>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("there is a port");
    let port = listener.local_addr().expect("it is bound").port();
    let (held, receive) = oneshot::channel();
    tokio::spawn(async move {
        let mut held = Some(held);
        loop {
            let (mut client, _) = listener.accept().await.expect("it listens");
            let mut to_server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await.expect("the server is up");
            match held.take() {
                Some(held) => {
                    tokio::spawn(async move {
                        let ensure = until_an_ensure(&mut client, &mut to_server).await;
                        drop(client);
                        held.send((ensure, to_server)).expect("the test waits for it");
                    });
                }
                None => {
                    tokio::spawn(async move { copy_bidirectional(&mut client, &mut to_server).await });
                }
            }
        }
    });
    (port, receive)
}

/// Passes everything on, except for the first message that sets what is not there.
async fn until_an_ensure(client: &mut TcpStream, server: &mut TcpStream) -> Vec<u8> {
    let (mut request, mut reply) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let request = &request[..read.expect("the client is here")];
                if request.windows(6).any(|word| word == b"\r\nNX\r\n") {
                    return request.to_vec();
                }
                server.write_all(request).await.expect("the server is up");
            }
            read = server.read(&mut reply) => {
                client.write_all(&reply[..read.expect("the server is up")]).await.expect("the client is here");
            }
        }
    }
}

/// What the cache finds after the first copy of an ENSURE arrived when everything was over.
async fn after_a_late_ensure(mutant: Option<Mutant>) -> Option<u8> {
    let server = RedisServer::start();
    let (port, held) = relay(server.port()).await;
    let builder = Cache::builder().namespace("late").redis(format!("redis://127.0.0.1:{port}"));
    let builder = builder.local_tier(false).budget(Duration::from_secs(10));
    let builder = match mutant {
        Some(mutant) => builder.mutant(mutant),
        None => builder,
    };
    let cache = builder.build().expect("in order");
    let key = Key::new("k").tag("t");
    let loader = || async { Ok::<_, std::convert::Infallible>(1u8) };
    assert_eq!(cache.get_or_load(&key, TTL, loader).await.expect("the loader does not fail"), 1);
    cache.shutdown().await.expect("the fill was answered");
    assert_eq!(cache.get::<u8>(&key).await.expect("up"), Some(1), "the second copy was executed");
    let (ensure, mut connection) = held.await.expect("the first copy was held back");
    cache.invalidate_tags(["t"]).await.expect("up");
    assert_eq!(cache.get::<u8>(&key).await.expect("up"), None);
    assert_eq!(server.get_raw("late:t:t"), None);
    connection.write_all(&ensure).await.expect("the server is up");
    connection.read_exact(&mut [0; 20]).await.expect("it is executed");
    eventually("all of it is", async || server.get_raw("late:t:t").is_some()).await;
    cache.get::<u8>(&key).await.expect("up")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_copy_of_an_ensure_brings_nothing_back() {
    assert_eq!(after_a_late_ensure(None).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fresh_tokens_and_stamps_with_each_copy_are_what_refuses_it() {
    assert_eq!(after_a_late_ensure(Some(Mutant::RetryReusesToken)).await, Some(1));
}
