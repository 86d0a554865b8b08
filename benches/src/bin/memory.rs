//! How far what the in-process tier has allocated stays from `local_bytes`, while more keys than fit pass through it.
//!
//! A program of its own: the allocator counts, which would cost the other measurements something.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use cache_runtime::{Cache, Key};
use peak_alloc::PeakAlloc;
use tests::RedisServer;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const MIB: u64 = 1 << 20;
const TTL: Duration = Duration::from_secs(3600);

/// What was allocated beyond the empty cache, in bytes.
struct Allocated {
    empty: usize,
    /// The least and the most since the cache was full.
    full: Option<(usize, usize)>,
    most: usize,
}

impl Allocated {
    fn begin() -> Self {
        ALLOCATED.reset_peak_usage();
        Self { empty: ALLOCATED.current_usage(), full: None, most: 0 }
    }

    fn now(&self) -> usize {
        ALLOCATED.current_usage().saturating_sub(self.empty)
    }

    fn note(&mut self, full: bool) {
        let now = self.now();
        self.most = ALLOCATED.peak_usage().saturating_sub(self.empty);
        if full {
            let (least, most) = self.full.unwrap_or((now, now));
            self.full = Some((least.min(now), most.max(now)));
        }
    }

    fn row(&self, table: &mut String, name: &str, keys: u64, bound: u64, cache: &Cache) {
        let share = |bytes: usize| bytes as f64 / bound as f64;
        let kept = cache.stats().local_entries;
        let (least, most) = self.full.expect("more than fits was stored");
        writeln!(
            table,
            "{name:<28}  {keys:>10}  {:>9}  {kept:>7}  {:>6.3}  {:>6.3}  {:>6.3}  {:>6.3}",
            bound / MIB,
            share(self.most),
            share(least),
            share(most),
            share(self.now()),
        )
        .expect("a string takes everything");
    }
}

fn text(n: u64, length: usize) -> String {
    format!("{n:0>length$}")
}

/// Puts that many values through a cache that lives in this process only.
async fn in_process<V: cache_runtime::Cacheable>(
    table: &mut String,
    name: &str,
    keys: u64,
    bound: u64,
    value: impl Fn(u64) -> V,
) {
    let cache = Cache::builder().local_bytes(bound).build().expect("in order");
    // What a first call sets up for good.
    cache.put("first", &value(0), TTL).await.expect("fits");
    cache.clear().await.expect("in process");
    let mut allocated = Allocated::begin();
    for n in 0..keys {
        cache.put(Key::new(format!("user:{n}:profile")), &value(n), TTL).await.expect("fits");
        if n % 1_000 == 0 {
            allocated.note(n > keys / 2);
        }
    }
    allocated.row(table, name, keys, bound, &cache);
}

/// The same for the tier over Redis, where a value is kept once it was read from there.
async fn over_redis(table: &mut String, name: &str, keys: u64, bound: u64) {
    let server = RedisServer::start();
    let cache = Cache::builder().namespace("memory").redis(server.url()).local_bytes(bound).build().expect("in order");
    let load = async |n: u64| {
        let key = Key::new(format!("user:{n}:profile")).tag("users");
        let value = cache.get_or_load(key, TTL, || async { Ok::<_, std::convert::Infallible>(text(n, 100)) });
        value.await.expect("the loader does not fail");
    };
    // Until the tier's channel stands, nothing is kept.
    while cache.stats().local_entries == 0 {
        load(u64::MAX).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut allocated = Allocated::begin();
    for n in 0..keys {
        load(n).await;
        if n % 1_000 == 0 {
            allocated.note(n > keys / 2);
        }
    }
    cache.shutdown().await.expect("idle");
    allocated.row(table, name, keys, bound, &cache);
}

async fn run(quick: bool) -> String {
    let keys = if quick { 1_000_000 } else { 10_000_000 };
    let mut table = String::from(
        "Bytes allocated beyond the empty cache, as a share of `local_bytes`: the peak of the whole run, the least and \
         the most\nwhile the second half of the keys passed through, and at the end. Over Redis the first three include what is on its \
         way to the server.\n\n\
         values                              keys  MiB bound  entries    peak   least    most     end\n",
    );
    in_process(&mut table, "u64", keys, 64 * MIB, |n| n).await;
    in_process(&mut table, "String of 100 B", keys, 64 * MIB, |n| text(n, 100)).await;
    in_process(&mut table, "String of 1 KiB", keys, 64 * MIB, |n| text(n, 1024)).await;
    in_process(&mut table, "String of 100 B", keys / 10, 4 * MIB, |n| text(n, 100)).await;
    // Each of these numbers is encoded in one byte and takes eight.
    in_process(&mut table, "Vec of 100 small u64", keys / 10, 64 * MIB, |n| vec![n % 100; 100]).await;
    over_redis(&mut table, "String of 100 B, over Redis", keys / 40, 4 * MIB).await;
    table
}

fn main() -> ExitCode {
    let quick = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--quick") => true,
        Some(other) => {
            eprintln!("unknown argument `{other}`; there is `--quick`");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a thread can be made");
    println!("{}", runtime.block_on(run(quick)));
    ExitCode::SUCCESS
}
