//! The in-process hit beside a bare `quick_cache` lookup, on one thread and on all, in one run.
//!
//! `inproc` prints nanoseconds per call; `inproc calls <which> <n>` makes so many calls on one thread, for callgrind.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::Barrier;
use std::time::Instant;

use benches::value::User;
use cache_runtime::{Cache, cached};

const KEYS: u64 = 1_000;

#[cached(key = "user:{id}", ttl = "1h")]
async fn untagged(id: u64) -> Arc<User> {
    Arc::new(User::new(id))
}

#[cached(key = "tagged:{id}", ttl = "1h", tags = ["user:{id}", "users"])]
async fn tagged(id: u64) -> Arc<User> {
    Arc::new(User::new(id))
}

#[cached(key = "empty:{id}", ttl = "1h", tags = ["user:{id}", "users"])]
async fn empty(id: u64) -> u64 {
    id
}

type Bare = quick_cache::sync::Cache<Box<str>, Arc<User>>;

/// The next key, all of them alike; one that two threads do not draw in step.
fn draw(drawn: &mut u64) -> u64 {
    *drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*drawn >> 33) % KEYS
}

/// Nanoseconds per call when `threads` threads make `calls` calls each.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn each<F: Future>(threads: u64, calls: u64, call: impl Fn(u64) -> F + Sync) -> f64 {
    let (ready, call) = (&Barrier::new(threads as usize), &call);
    let slowest = std::thread::scope(|scope| {
        let spawn = |thread| {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
                runtime.block_on(async {
                    let mut drawn = thread + 1;
                    for _ in 0..20_000 {
                        black_box(call(draw(&mut drawn)).await);
                    }
                    ready.wait();
                    let started = Instant::now();
                    for _ in 0..calls {
                        black_box(call(draw(&mut drawn)).await);
                    }
                    started.elapsed()
                })
            })
        };
        let running: Vec<_> = (0..threads).map(spawn).collect();
        running.into_iter().map(|thread| thread.join().expect("no call panics")).max().expect("one thread at least")
    });
    slowest.as_nanos() as f64 / calls as f64
}

/// Nanoseconds per call of a function whose server is down, its body included.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn open_breaker() -> f64 {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // Nobody listens there.
        Cache::builder().redis("redis://127.0.0.1:1").build().expect("in order").install().expect("the first one");
        untagged(0).await;
        assert!(!Cache::current().health().available, "the breaker is open");
        let calls = 1_000_000;
        let started = Instant::now();
        for id in 0..calls {
            black_box(empty(id).await);
        }
        started.elapsed().as_nanos() as f64 / calls as f64
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|mode| mode == "breaker") {
        println!("open breaker: {:.0} ns per call", open_breaker());
        return;
    }
    Cache::local().install().expect("the first one");
    let bare: Bare = quick_cache::sync::Cache::new(10_000);
    let shared: Vec<_> = (0..KEYS).map(|id| Arc::new(User::new(id))).collect();
    let keys: Vec<String> = (0..KEYS).map(|id| format!("user:{id}")).collect();
    for id in 0..KEYS {
        bare.insert(keys[id as usize].as_str().into(), Arc::new(User::new(id)));
    }
    let by_bare = |id: u64| std::future::ready(bare.get(keys[id as usize].as_str()));
    let by_arc = |id: u64| std::future::ready(Arc::clone(&shared[id as usize]));
    #[expect(clippy::disallowed_methods, reason = "the clock is what is measured")]
    let by_clock = |_: u64| std::future::ready(Instant::now());
    if let [mode, which, calls] = &arguments[..]
        && mode == "calls"
    {
        let calls: u64 = calls.parse().expect("a number");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            for call in 0..calls {
                let id = call % KEYS;
                match which.as_str() {
                    "bare" => drop(black_box(by_bare(id).await)),
                    "untagged" => drop(black_box(untagged(id).await)),
                    "tagged" => drop(black_box(tagged(id).await)),
                    _ => {}
                }
            }
        });
        return;
    }
    if let [mode, threads, calls] = &arguments[..]
        && mode == "threads"
    {
        let (threads, calls) = (threads.parse().expect("a number"), calls.parse().expect("a number"));
        println!("{:.1} ns", each(threads, calls, untagged));
        return;
    }
    let rounds: u64 = arguments.first().map_or(7, |rounds| rounds.parse().expect("a number"));
    let calls = 400_000;
    let mut columns: [[Vec<f64>; 2]; 6] = Default::default();
    for _ in 0..rounds {
        for threads in [1, 2] {
            let figures = [
                each(threads, calls, by_bare),
                each(threads, calls, untagged),
                each(threads, calls, tagged),
                each(threads, calls, empty),
                each(threads, calls, by_arc),
                each(threads, calls, by_clock),
            ];
            for (column, figure) in columns.iter_mut().zip(figures) {
                column[threads as usize - 1].push(figure);
            }
        }
    }
    println!("                      1 thread, ns   2 threads, ns   throughput");
    for (name, [one, two]) in
        ["bare quick_cache", "no tag", "2 tags", "u64", "Arc alone", "clock"].into_iter().zip(columns)
    {
        let (one, two) = (median(one), median(two));
        println!("{name:<20}  {one:>12.1}  {two:>14.1}  {:>11.2}", 2.0 * one / two);
    }
}
