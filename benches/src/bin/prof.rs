#![allow(missing_docs, clippy::disallowed_methods, clippy::expect_used, clippy::unwrap_used)]
use cache_runtime::codec::{Bincode, Codec};
use cache_runtime::{Cache, cached};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tests::RedisServer;
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
    email: String,
    active: bool,
}
fn user(id: u64) -> User {
    User { id, name: format!("user number {id}"), email: format!("user{id}@example.com"), active: true }
}
#[cached(key = "user:{id}", ttl = "1h")]
async fn untagged(id: u64) -> User {
    user(id)
}
#[cached(key = "tagged:{id}", ttl = "1h", tags = ["user:{id}", "users"])]
async fn tagged(id: u64) -> User {
    user(id)
}
async fn hand(connection: &MultiplexedConnection, id: u64) -> User {
    let mut connection = connection.clone();
    let bytes: Vec<u8> = connection.get(format!("hand:{id}")).await.unwrap();
    Bincode::decode(&bytes).unwrap()
}
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
fn scpu(s: &RedisServer) -> f64 {
    let info: String = s.query(&["INFO", "cpu"]);
    info.lines()
        .filter_map(|l| l.strip_prefix("used_cpu_user:").or(l.strip_prefix("used_cpu_sys:")))
        .map(|v| v.parse::<f64>().unwrap())
        .sum()
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async move {
        let server = RedisServer::start();
        Cache::builder()
            .namespace("bench")
            .local_tier(false)
            .budget(Duration::from_secs(5))
            .redis(server.url())
            .build()
            .unwrap()
            .install()
            .unwrap();
        let client = redis::Client::open(server.url()).unwrap();
        let connection: &'static MultiplexedConnection =
            Box::leak(Box::new(client.get_multiplexed_async_connection().await.unwrap()));
        for id in 0..1000 {
            untagged(id).await;
            tagged(id).await;
            let mut b = vec![];
            Bincode::encode(&user(id), &mut b).unwrap();
            connection.clone().set::<_, _, ()>(format!("hand:{id}"), b).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        for callers in args[2..].iter().map(|a| a.parse::<u64>().unwrap()) {
            for mode in args[1].chars() {
                let (c0, s0) = (cpu(), scpu(&server));
                let started = Instant::now();
                let tasks: Vec<_> = (0..callers)
                    .map(|c| {
                        tokio::spawn(async move {
                            let mut calls = 0u64;
                            let mut id = c * 7919;
                            while started.elapsed() < Duration::from_secs(2) {
                                id = (id + 1) % 1000;
                                match mode {
                                    't' => {
                                        std::hint::black_box(tagged(id).await);
                                    }
                                    'u' => {
                                        std::hint::black_box(untagged(id).await);
                                    }
                                    _ => {
                                        std::hint::black_box(hand(connection, id).await);
                                    }
                                }
                                calls += 1;
                            }
                            calls
                        })
                    })
                    .collect();
                let mut n = 0;
                for t in tasks {
                    n += t.await.unwrap();
                }
                println!(
                    "{} {mode} {callers:>5}: {:>8.0} /s, client {:.2} us, server {:.2} us",
                    Cache::current().stats().total().fail_open,
                    n as f64 / started.elapsed().as_secs_f64(),
                    (cpu() - c0) * 1e6 / n as f64,
                    (scpu(&server) - s0) * 1e6 / n as f64
                );
            }
        }
    });
}
