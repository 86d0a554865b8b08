//! What a cached function does, step by step, without any server: `cargo run -p examples --bin quickstart`.

use std::time::{Duration, Instant};

use cache_runtime::{Cache, Observation, cached, invalidates, observe};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct User {
    name: String,
}

/// A database that takes its time.
struct Db {
    name: tokio::sync::Mutex<String>,
}

#[cached(key = "user:{id}", ttl = "10m", tags = ["user:{id}"], skip(db))]
async fn get_user(db: &Db, id: u64) -> Option<User> {
    tokio::time::sleep(Duration::from_millis(120)).await;
    let name = db.name.lock().await.clone();
    Some(User { name })
}

#[invalidates(tags = ["user:{id}"])]
async fn rename_user(db: &Db, id: u64, name: &str) {
    *db.name.lock().await = name.to_owned();
}

fn tell(started: Instant, step: &str, user: Option<User>, seen: Observation, took: Duration) {
    let name = user.map_or_else(|| "nobody".to_owned(), |user| user.name);
    let at = started.elapsed().as_millis();
    println!(
        "{at:>5} ms   {step:<34} {name:<8} {:<8} {:>9.3} ms",
        format!("{:?}", seen.source),
        took.as_secs_f64() * 1e3
    );
}

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a timeline for people to read")]
async fn main() -> Result<(), cache_runtime::Error> {
    Cache::local().install()?;
    let db = Db { name: "Ada".to_owned().into() };
    let started = Instant::now();
    println!("    at      what happens                       answer   from          took");

    let call = async |step: &str| {
        let asked = Instant::now();
        let (user, seen) = observe(get_user(&db, 7)).await;
        tell(started, step, user, seen, asked.elapsed());
    };

    call("first call: a miss, the body runs").await;
    call("again: a hit").await;

    get_user::invalidate(7).await?;
    println!("{:>5} ms   invalidated by hand", started.elapsed().as_millis());
    tokio::join!(call("two callers at once: one loads .."), call(".. and the other one joins it"),);

    rename_user(&db, 7, "Grace").await;
    println!("{:>5} ms   renamed: the tag `user:7` is void", started.elapsed().as_millis());
    call("the next call is a miss").await;
    call("and then a hit").await;

    let stats = Cache::current().stats();
    for function in &stats.functions {
        let counts = &function.counts;
        println!(
            "\n{}: {} hits, {} misses, {} loads, {} joined",
            function.function, counts.local_hits, counts.misses, counts.loads, counts.joins
        );
    }
    Ok(())
}
