//! The ground the other tests stand on: servers, networks and fakes do what their names say.

#![expect(clippy::disallowed_methods, reason = "delays of a network are measured with the machine's clock")]

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, Value};
use tests::{FakeRedis, Mode, Proxy, RedisServer, Reply, eventually, reply};

/// Longer than any answer takes here, shorter than a test may take.
const LONG: Duration = Duration::from_secs(20);
/// How long silence must last to be called one.
const SILENCE: Duration = Duration::from_millis(200);

async fn try_connect(url: &str) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(LONG)).set_response_timeout(Some(LONG));
    Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await
}

async fn connect(url: &str) -> MultiplexedConnection {
    try_connect(url).await.expect("the server takes connections")
}

async fn get(connection: &mut MultiplexedConnection, key: &str) -> RedisResult<Option<String>> {
    redis::cmd("GET").arg(key).query_async(connection).await
}

async fn set(connection: &mut MultiplexedConnection, key: &str, value: &str) -> RedisResult<()> {
    redis::cmd("SET").arg(key).arg(value).query_async(connection).await
}

async fn is_silent<T>(answer: impl Future<Output = T>) -> bool {
    tokio::time::timeout(SILENCE, answer).await.is_err()
}

fn code(error: &redis::RedisError) -> &str {
    error.code().unwrap_or_default()
}

mod server {
    use super::*;

    #[tokio::test]
    async fn servers_are_empty_and_apart() {
        let (one, other) = (RedisServer::start(), RedisServer::start());
        assert_ne!(one.port(), other.port());
        one.command(&["SET", "key", "value"]);
        assert_eq!(get(&mut one.client().await, "key").await.expect("it answers").as_deref(), Some("value"));
        assert_eq!(get(&mut other.client().await, "key").await.expect("it answers"), None);
    }

    #[test]
    fn many_start_at_once() {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(RedisServer::start().query::<i64>(&["DBSIZE"]), 0));
            }
        });
    }

    #[tokio::test]
    async fn a_killed_server_refuses_and_comes_back_empty_with_a_new_history() {
        let history = |server: &RedisServer| {
            let info: String = server.query(&["INFO", "replication"]);
            info.lines().find(|line| line.starts_with("master_replid:")).expect("a master has one").to_owned()
        };
        let mut server = RedisServer::start();
        let (url, before) = (server.url(), history(&server));
        server.command(&["SET", "key", "value"]);
        let mut client = server.client().await;

        server.kill();
        assert!(get(&mut client, "key").await.is_err());
        assert!(try_connect(&url).await.expect_err("it is down").is_connection_refusal());
        server.kill();

        server.restart();
        assert_eq!(server.url(), url);
        assert_eq!(get(&mut connect(&url).await, "key").await.expect("it answers"), None);
        assert_ne!(history(&server), before);
    }

    #[tokio::test]
    async fn a_restart_waits_for_a_port_that_is_taken_for_a_moment() {
        let mut server = RedisServer::start();
        server.kill();
        let squatter = TcpListener::bind((Ipv4Addr::LOCALHOST, server.port())).expect("the port is free");
        let leaving = std::thread::spawn(move || {
            std::thread::sleep(SILENCE);
            drop(squatter);
        });
        server.restart();
        leaving.join().expect("the other left");
        assert_eq!(server.query::<i64>(&["DBSIZE"]), 0);
    }

    #[tokio::test]
    async fn a_restart_of_a_durable_server_keeps_its_data() {
        let mut server = RedisServer::with_args(&["--appendonly", "yes", "--appendfsync", "always"]);
        server.command(&["SET", "key", "value"]);
        server.restart();
        assert_eq!(server.query::<String>(&["GET", "key"]), "value");
        server.stop();
        assert!(try_connect(&server.url()).await.is_err());
        server.restart();
        assert_eq!(server.query::<String>(&["GET", "key"]), "value");
    }

    #[tokio::test]
    async fn a_paused_server_is_silent_and_then_answers_what_it_was_asked() {
        let server = RedisServer::start();
        let mut client = server.client().await;
        server.pause();
        server.pause();
        let mut late = client.clone();
        let asked = tokio::spawn(async move { set(&mut late, "key", "value").await });
        assert!(is_silent(get(&mut client, "key")).await);
        server.resume();
        asked.await.expect("no panic").expect("it answers late");
        assert_eq!(get(&mut client, "key").await.expect("it answers").as_deref(), Some("value"));
        server.pause();
    }

    #[tokio::test]
    async fn options_reach_the_server() {
        let server = RedisServer::with_args(&["--requirepass", "secret", "--maxmemory", "3mb"]);
        assert_eq!(server.query::<(String, u64)>(&["CONFIG", "GET", "maxmemory"]).1, 3 << 20);
        let without = format!("redis://127.0.0.1:{}", server.port());
        let refused = get(&mut connect(&without).await, "key").await.expect_err("it wants the password");
        assert_eq!(code(&refused), "NOAUTH");
        server.client().await;
    }

    #[test]
    fn refused_options_are_told_with_the_log() {
        let refused = std::panic::catch_unwind(|| RedisServer::with_args(&["--no-such-option", "1"]));
        let message = *refused.expect_err("it panics").downcast::<String>().expect("the message is formatted");
        assert!(message.contains("no-such-option"), "{message}");
    }

    #[test]
    #[should_panic(expected = "unknown command 'NOSUCH'")]
    fn an_error_reply_to_a_command_fails_the_test() {
        RedisServer::start().command(&["NOSUCH"]);
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_server_whose_test_panicked() {
        let mut left = (String::new(), String::new());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let server = RedisServer::start();
            left = (server.url(), server.query::<(String, String)>(&["CONFIG", "GET", "dir"]).1);
            panic!("as a failing assertion does");
        }));
        assert!(panicked.is_err());
        let (url, directory) = left;
        assert!(try_connect(&url).await.expect_err("its process has ended").is_connection_refusal());
        assert!(!std::fs::exists(&directory).expect("it can be looked for"), "{directory} is still there");
    }
}

mod proxy {
    use super::*;

    struct Wired {
        server: RedisServer,
        proxy: Proxy,
    }

    fn wired() -> Wired {
        let server = RedisServer::start();
        server.command(&["SET", "key", "value"]);
        let proxy = Proxy::start(server.port());
        Wired { server, proxy }
    }

    impl Wired {
        async fn client(&self) -> MultiplexedConnection {
            connect(&self.proxy.url()).await
        }
    }

    async fn assert_works(client: &mut MultiplexedConnection) {
        assert_eq!(get(client, "key").await.expect("it answers").as_deref(), Some("value"));
    }

    #[tokio::test]
    async fn everything_passes_and_is_counted() {
        let net = wired();
        let mut client = net.client().await;
        let before = net.proxy.request_bytes();
        assert_works(&mut client).await;
        assert_eq!(net.proxy.request_bytes() - before, b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n".len() as u64);
        let second = net.client().await;
        assert_eq!((net.proxy.connections(), net.proxy.open_connections()), (2, 2));
        drop((client, second));
        eventually("all are closed", async || net.proxy.open_connections() == 0).await;
        assert_eq!(net.proxy.connections(), 2);
    }

    #[tokio::test]
    async fn large_values_pass_both_ways() {
        let net = wired();
        let large = "x".repeat(5 << 20);
        for mode in [Mode::Pass, Mode::Delay(Duration::from_millis(1)), Mode::Split] {
            net.proxy.set(mode);
            let mut client = net.client().await;
            set(&mut client, "large", &large).await.expect("it is stored");
            assert_eq!(get(&mut client, "large").await.expect("it answers").as_deref(), Some(large.as_str()));
        }
    }

    #[tokio::test]
    async fn a_delay_counts_each_way_and_does_not_add_up_over_requests() {
        let net = wired();
        let client = net.client().await;
        let delay = Duration::from_millis(100);
        net.proxy.set(Mode::Delay(delay));
        let start = Instant::now();
        let asked: Vec<_> = (0..40)
            .map(|at| {
                let mut client = client.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(at * 5)).await;
                    assert_works(&mut client).await;
                })
            })
            .collect();
        for one in asked {
            one.await.expect("it answers");
        }
        // The last was asked after 195 ms. One after the other they would take 8 s, and two at a time 4 s.
        assert!(start.elapsed() >= delay * 2, "{:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_millis(3500), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn what_was_stalled_arrives_afterwards() {
        let net = wired();
        let mut client = net.client().await;
        net.proxy.set(Mode::Stall);
        let mut late = client.clone();
        let stored = tokio::spawn(async move { set(&mut late, "late", "1").await });
        assert!(is_silent(get(&mut client, "key")).await);
        assert_eq!(net.server.query::<i64>(&["EXISTS", "late"]), 0);
        net.proxy.set(Mode::Pass);
        stored.await.expect("no panic").expect("it arrives");
        assert_eq!(net.server.query::<i64>(&["EXISTS", "late"]), 1);
        assert_works(&mut client).await;
    }

    #[tokio::test]
    async fn a_black_hole_swallows_the_directions_it_names_and_the_connection_with_them() {
        for (mode, executed) in [(Mode::BlackHole, 0), (Mode::BlackHoleRequests, 0), (Mode::BlackHoleReplies, 1)] {
            let net = wired();
            let mut client = net.client().await;
            net.proxy.set(mode);
            assert!(is_silent(set(&mut client, "swallowed", "1")).await, "{mode:?}");
            assert!(is_silent(try_connect(&format!("{}?protocol=resp3", net.proxy.url()))).await, "{mode:?}");
            assert_eq!(net.server.query::<i64>(&["EXISTS", "swallowed"]), executed, "{mode:?}");

            net.proxy.set(Mode::Pass);
            assert!(is_silent(get(&mut client, "key")).await, "bytes were lost, so the rest is too: {mode:?}");
            assert_works(&mut net.client().await).await;
        }
    }

    #[tokio::test]
    async fn nobody_hears_of_the_end_of_a_server_through_a_black_hole() {
        let mut net = wired();
        let mut client = net.client().await;
        net.proxy.set(Mode::BlackHoleReplies);
        net.server.kill();
        assert!(is_silent(get(&mut client, "key")).await);
        drop(client);
        eventually("all are closed", async || net.proxy.open_connections() == 0).await;
    }

    #[tokio::test]
    async fn a_refusal_is_for_new_connections_and_ends() {
        let net = wired();
        let mut client = net.client().await;
        for _ in 0..3 {
            net.proxy.set(Mode::Refuse);
            let refused = try_connect(&net.proxy.url()).await.expect_err("nobody listens");
            assert!(refused.is_connection_refusal(), "{refused}");
            assert_works(&mut client).await;
            net.proxy.set(Mode::Pass);
            assert_works(&mut net.client().await).await;
        }
    }

    #[tokio::test]
    async fn a_reset_hits_existing_connections_and_new_ones() {
        let net = wired();
        let mut client = net.client().await;
        net.proxy.set(Mode::Reset);
        assert_eq!(net.proxy.open_connections(), 0);
        assert!(get(&mut client, "key").await.is_err());
        // The reset may even come before the client has noticed that it is connected.
        let to_new = async {
            let mut stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, net.proxy.port())).await?;
            tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 8]).await
        };
        assert_eq!(to_new.await.expect_err("no answer").kind(), std::io::ErrorKind::ConnectionReset);

        net.proxy.set(Mode::Pass);
        assert_works(&mut net.client().await).await;
    }

    #[tokio::test]
    async fn killed_connections_are_gone_and_new_ones_work() {
        let net = wired();
        let (mut one, mut other) = (net.client().await, net.client().await);
        net.proxy.kill_connections();
        assert_eq!(net.proxy.open_connections(), 0);
        assert!(get(&mut one, "key").await.is_err() && get(&mut other, "key").await.is_err());
        assert_works(&mut net.client().await).await;
    }

    #[tokio::test]
    async fn a_reply_is_cut_where_it_was_said() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let reply = "$5\r\nvalue\r\n";
        for length in 0..=reply.len() {
            let net = wired();
            let mut stream =
                tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, net.proxy.port())).await.expect("it accepts");
            stream.write_all(b"GET key\r\n").await.expect("it is sent");
            let mut whole = vec![0; reply.len()];
            stream.read_exact(&mut whole).await.expect("it answers");

            net.proxy.set(Mode::CloseMidReply(length));
            stream.write_all(b"GET key\r\n").await.expect("it is sent");
            let mut cut = String::new();
            stream.read_to_string(&mut cut).await.expect("it ends in good order");
            assert_eq!(cut, reply[..length]);
        }
    }

    #[tokio::test]
    async fn split_messages_are_whole_at_the_other_end() {
        let net = wired();
        net.proxy.set(Mode::Split);
        let mut client = net.client().await;
        for at in 0..50 {
            let (key, value) = (format!("key:{at}"), "v".repeat(at * 17));
            set(&mut client, &key, &value).await.expect("it is stored");
            assert_eq!(get(&mut client, &key).await.expect("it answers"), Some(value));
        }
    }

    #[tokio::test]
    async fn without_its_server_connections_are_reset_until_it_is_back() {
        let mut net = wired();
        let mut client = net.client().await;
        net.server.kill();
        assert!(get(&mut client, "key").await.is_err());
        assert!(try_connect(&net.proxy.url()).await.is_err());
        net.server.restart();
        net.server.command(&["SET", "key", "value"]);
        assert_works(&mut net.client().await).await;
    }

    #[tokio::test]
    async fn it_runs_while_the_runtime_of_the_test_is_blocked() {
        let net = wired();
        let mut blocking = Client::open(net.proxy.url())
            .and_then(|client| client.get_connection_with_timeout(LONG))
            .expect("it takes connections");
        blocking.set_read_timeout(Some(LONG)).expect("it can be set");
        assert_eq!(redis::cmd("GET").arg("key").query::<String>(&mut blocking).expect("it answers"), "value");
    }

    #[tokio::test]
    async fn a_dropped_proxy_ends_its_connections_and_its_port() {
        let net = wired();
        let (url, mut client) = (net.proxy.url(), net.client().await);
        drop(net.proxy);
        assert!(get(&mut client, "key").await.is_err());
        assert!(try_connect(&url).await.expect_err("nobody listens").is_connection_refusal());
    }
}

mod fake {
    use super::*;

    fn both_protocols(url: String) -> [String; 2] {
        [format!("{url}?protocol=resp2"), format!("{url}?protocol=resp3")]
    }

    #[tokio::test]
    async fn clients_connect_and_hear_the_script() {
        let fake = FakeRedis::start(|_| reply::error("LOADING Redis is loading the dataset in memory"));
        for url in both_protocols(fake.url()) {
            let mut client = connect(&url).await;
            let refused = get(&mut client, "key").await.expect_err("the script says so");
            assert_eq!(code(&refused), "LOADING", "{url}");
            assert_eq!(redis::cmd("PING").query_async::<String>(&mut client).await.expect("a default"), "PONG");
            let info: String = redis::cmd("INFO").arg("replication").query_async(&mut client).await.expect("a default");
            assert!(info.contains("role:master\r\n") && info.contains("master_replid:"), "{info}");
        }
        assert_eq!(fake.commands().iter().filter(|command| *command == "GET key").count(), 2);
    }

    #[tokio::test]
    async fn a_script_answers_each_kind_of_reply() {
        let fake = FakeRedis::start(|command| match command[0].as_slice() {
            b"GET" => reply::nil(),
            b"MGET" => reply::array(&[reply::bulk("a\r\nb"), reply::nil()]),
            b"SET" => reply::ok(),
            b"UNLINK" => reply::integer(1),
            _ => reply::error("MOVED 3999 127.0.0.1:6381"),
        });
        for url in both_protocols(fake.url()) {
            let mut client = connect(&url).await;
            assert_eq!(get(&mut client, "key").await.expect("it answers"), None);
            set(&mut client, "key", "value").await.expect("it answers");
            let many: Vec<Option<String>> =
                redis::cmd("MGET").arg(&["a", "b"]).query_async(&mut client).await.expect("it answers");
            assert_eq!(many, [Some("a\r\nb".to_owned()), None]);
            assert_eq!(redis::cmd("UNLINK").arg("a").query_async::<i64>(&mut client).await.expect("it answers"), 1);
            let moved = redis::cmd("TTL").arg("a").query_async::<i64>(&mut client).await.expect_err("it is elsewhere");
            assert_eq!(code(&moved), "MOVED");
        }
    }

    #[tokio::test]
    async fn a_script_for_everything_refuses_the_connection_itself() {
        let fake = FakeRedis::scripted(|command| match command[0].as_slice() {
            b"HELLO" | b"PING" => reply::error("NOAUTH Authentication required.").into(),
            _ => Reply::Default,
        });
        let [resp2, resp3] = both_protocols(fake.url());
        assert_eq!(code(&try_connect(&resp3).await.expect_err("HELLO is refused")), "NOAUTH");
        let mut client = connect(&resp2).await;
        let refused = redis::cmd("PING").query_async::<String>(&mut client).await.expect_err("the script says so");
        assert_eq!(code(&refused), "NOAUTH");
        let unknown = get(&mut client, "key").await.expect_err("there is no default for it");
        assert!(unknown.to_string().contains("unknown command 'GET'"), "{unknown}");
    }

    #[tokio::test]
    async fn half_replies_silence_and_nonsense_are_sent_as_they_are() {
        let fake = FakeRedis::start(|command| match command[1].as_slice() {
            b"half" => Reply::Close(b"$100\r\nhalf of i".to_vec()),
            b"silence" => Reply::Silence,
            _ => Reply::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        });
        for url in both_protocols(fake.url()) {
            assert!(get(&mut connect(&url).await, "half").await.is_err());
            assert!(get(&mut connect(&url).await, "nonsense").await.is_err());
            assert!(is_silent(get(&mut connect(&url).await, "silence")).await);
        }
    }

    #[tokio::test]
    async fn subscriptions_are_confirmed() {
        let fake = FakeRedis::start(|_| reply::ok());
        let (pushes, mut pushed) = tokio::sync::mpsc::unbounded_channel();
        let config = AsyncConnectionConfig::new().set_push_sender(pushes);
        let client = Client::open(format!("{}?protocol=resp3", fake.url())).expect("the url is well-formed");
        let mut client = client.get_multiplexed_async_connection_with_config(&config).await.expect("it connects");
        client.subscribe("bus").await.expect("it confirms");
        let confirmed = tokio::time::timeout(LONG, pushed.recv()).await.expect("in time").expect("still connected");
        assert_eq!(confirmed.kind, redis::PushKind::Subscribe);
        assert_eq!(confirmed.data, [Value::BulkString(b"bus".to_vec()), Value::Int(1)]);
    }

    #[tokio::test]
    async fn a_dropped_fake_ends_its_connections_and_its_port() {
        let fake = FakeRedis::start(|_| reply::ok());
        let (url, mut client) = (fake.url(), connect(&fake.url()).await);
        drop(fake);
        assert!(get(&mut client, "key").await.is_err());
        assert!(try_connect(&url).await.expect_err("nobody listens").is_connection_refusal());
    }
}
