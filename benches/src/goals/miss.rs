//! What a miss costs beyond its body and its requests: processor time of this process for a miss, less that of the same
//! requests sent by hand around the same body.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cache_runtime::{Cache, cached};

use super::{Bench, beside};
use crate::path::{Path, Run};
use crate::table::Row;
use crate::value::User;
use crate::{by_hand, ours};

const CALLERS: usize = 16;

static CACHE: OnceLock<Cache> = OnceLock::new();
/// Nobody has asked for these.
static FRESH: AtomicU64 = AtomicU64::new(0);

fn cache() -> &'static Cache {
    CACHE.get().expect("made before the first call")
}

#[cached(key = "miss:{id}", ttl = "1m", cache = cache())]
async fn missed(id: u64) -> User {
    User::load(id)
}

/// What a lone miss sends for an entry without tags: `MGET`, `SET` of the token if there is nothing, a script that stores.
/// Nobody waits for the last one. Misses of the same moment have one script together; by hand each has its own.
async fn requests(id: u64) -> User {
    const FILL: &str = "if redis.call('GETRANGE', KEYS[1], '0', '8') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";
    let mut connection = by_hand::connection();
    let key = format!("bench:e:hand:{id}");
    let held: Vec<Option<Vec<u8>>> = redis::cmd("MGET").arg(&key).query_async(&mut connection).await.expect("up");
    assert_eq!(held, [None]);
    let token = vec![b'T'; 13];
    let mut set = redis::cmd("SET");
    set.arg(&key).arg(&token).arg("NX").arg("GET").arg("PX").arg(60_000);
    let held: Option<Vec<u8>> = set.query_async(&mut connection).await.expect("up");
    assert_eq!(held, None);
    let user = User::load(id);
    // In the place of what stands before a payload.
    let mut envelope = token.clone();
    envelope.resize(64, 0);
    envelope.extend(by_hand::encoded(&user));
    tokio::spawn(async move {
        let mut fill = redis::cmd("EVAL");
        fill.arg(FILL).arg(1).arg(&key).arg(&token[..9]).arg(envelope).arg(60_000);
        fill.query_async::<i64>(&mut connection).await.expect("up");
    });
    user
}

pub(super) async fn rows(bench: &Bench) -> Vec<Row> {
    let cache = ours::over(&bench.server.url()).namespace("miss").build().expect("in order");
    CACHE.get_or_init(|| cache);
    let ours = Path::mixed("ours", |_| async { drop(missed(FRESH.fetch_add(1, Relaxed)).await) });
    let hand = Path::mixed("by hand", |_| async { drop(requests(FRESH.fetch_add(1, Relaxed)).await) });
    let work = bench.work(CALLERS);
    let [mut our_runs, mut hand_runs] = [Vec::new(), Vec::new()];
    for path in [&ours, &hand] {
        path.drive(work).await;
    }
    // One for each value that a script is to store.
    let sent = || bench.server.calls_of(&["getrange"]);
    for _ in 0..bench.rounds() {
        for (path, runs) in [(&ours, &mut our_runs), (&hand, &mut hand_runs)] {
            let (loads, before) = (crate::value::loads(), sent());
            let run = path.drive(work).await;
            assert_eq!(crate::value::loads() - loads, run.calls, "{}: each call is a miss", path.name);
            // The last fills are on their way.
            let fills = (sent() - before) as f64 / run.calls as f64;
            assert!((0.9..1.1).contains(&fills), "{}: {fills} fills for a miss", path.name);
            runs.push(run);
        }
    }
    ours::counts(self::cache(), "miss:{id}", "::missed");
    let rounds = beside(&our_runs, &hand_runs, Run::cpu_per_call);
    vec![Row::beyond(
        &format!("miss, {CALLERS} callers, processor time of this process"),
        "the same requests by hand",
        "µs",
        rounds,
        10.0,
    )]
}
