//! Connections over a pipe, the other end of which the tests hold.

use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use redis::ServerErrorKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

fn connected(bytes: usize) -> (Connection, DuplexStream) {
    let (here, there) = duplex(bytes);
    (Connection { kind: Kind::Own(Own::start(here)), database: 0 }, there)
}

/// Takes a request of this length, and answers.
async fn answer(there: &mut DuplexStream, length: usize, replies: &str) {
    let mut sent = vec![0; length];
    there.read_exact(&mut sent).await.expect("it is sent");
    there.write_all(replies.as_bytes()).await.expect("it is read");
}

#[tokio::test]
async fn a_pipeline_is_answered_command_by_command_its_errors_too() {
    let (connection, mut there) = connected(4096);
    let mut pipeline = redis::pipe();
    pipeline.cmd("A").cmd("B").cmd("C").cmd("D");
    let length = pipeline.get_packed_pipeline().len();
    let replies = "+OK\r\n-WRONGTYPE no\r\n*2\r\n:1\r\n$-1\r\n$1\r\nd\r\n";
    let asked = async { connection.send_packed_commands(&pipeline, 1, 3).await };
    let (values, ()) = tokio::join!(asked, answer(&mut there, length, replies));
    let values = values.expect("in order");
    assert_eq!(values[1..], [Value::Array(vec![Value::Int(1), Value::Nil]), Value::BulkString(b"d".to_vec())]);
    let Value::ServerError(error) = &values[0] else { panic!("{values:?}") };
    assert_eq!((error.code(), error.kind()), ("WRONGTYPE", None::<ServerErrorKind>));
}

#[tokio::test]
async fn reads_are_written_at_once_and_commands_with_others() {
    let (requests, mut asked) = mpsc::unbounded_channel();
    let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
    let connection = Connection { kind: Kind::Own(Arc::new(Own { requests, task })), database: 0 };
    let (names, (ping, pipeline)) = ([&b"n"[..]], (redis::cmd("PING"), redis::pipe().cmd("PING").to_owned()));
    let mut commands = Commands::default();
    commands.add(Command::new("PING", &[]));
    let read = connection.read(names.into_iter(), Asked::Together(1)).map(drop);
    let send = connection.send(Command::new("PING", &[])).map(drop);
    let send_all = connection.send_all(commands).map(drop);
    let packed = connection.send_packed_command(&ping).map(drop);
    let all_packed = connection.send_packed_commands(&pipeline, 0, 1).map(drop);
    let all: [Pin<Box<dyn Future<Output = ()> + '_>>; 5] =
        [Box::pin(read), Box::pin(send), Box::pin(send_all), Box::pin(packed), Box::pin(all_packed)];
    let when = all.map(|one| {
        assert!(one.now_or_never().is_none());
        asked.try_recv().expect("it is asked").when
    });
    assert!(when == [When::AtOnce, When::WithOthers, When::WithOthers, When::WithOthers, When::WithOthers]);
}

#[tokio::test]
async fn nothing_is_not_asked() {
    let (connection, _there) = connected(4096);
    let error = connection.send_packed_commands(&redis::pipe(), 0, 0).await.expect_err("nobody would answer");
    assert_eq!(error.kind(), ErrorKind::Client);
}

#[tokio::test]
async fn a_connection_that_nobody_holds_is_closed_also_while_the_server_takes_nothing() {
    let (connection, mut there) = connected(16);
    let mut large = redis::cmd("SET");
    large.arg(vec![b'v'; 200_000]);
    tokio::time::timeout(Duration::from_millis(10), connection.send_packed_command(&large)).await.expect_err("stuck");
    let mut others = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (connection, large) = (connection.clone(), large.clone());
        others.spawn(async move { connection.send_packed_command(&large).await });
    }
    tokio::task::yield_now().await;
    others.shutdown().await;
    drop(connection);
    let mut sent = Vec::new();
    there.read_to_end(&mut sent).await.expect("it is closed");
    assert!(sent.len() < 1000, "{}", sent.len());
}

#[test]
fn all_are_told_when_the_runtime_ends() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("it starts");
    let (connection, mut there) = {
        let _inside = runtime.enter();
        connected(4096)
    };
    let ping = redis::cmd("PING");
    let asking = [(); 3].map(|()| {
        let (connection, ping) = (connection.clone(), ping.clone());
        std::thread::spawn(move || {
            let own = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("it starts");
            let asked = async { connection.send_packed_command(&ping).await };
            own.block_on(async { tokio::time::timeout(Duration::from_secs(30), asked).await.expect("he is told") })
        })
    });
    let mut sent = vec![0; 3 * ping.get_packed_command().len()];
    runtime.block_on(there.read_exact(&mut sent)).expect("all are sent");
    drop(runtime);
    for asked in asking {
        let error = asked.join().expect("no panic").expect_err("nobody answers");
        assert!(error.is_connection_dropped(), "{error}");
    }
}
