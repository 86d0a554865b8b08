//! One way to answer a call, and how it is driven: by some callers, for some time, each without a pause.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::cpu;
use crate::spread::quantile;
use crate::value::{Answer, loads};

/// How many entries the callers ask for, all of them hot.
pub const KEYS: u64 = 1_000;
/// How many calls in process make one look at the clock. The caller then also lets others run, as one in a service
/// does: a heartbeat that is never sent would end the lease.
const IN_PROCESS: u64 = 4_096;
/// How many callers make that entries are kept.
const FILLERS: u64 = 64;
/// Shares of the calls whose latency is noted.
pub const SHARES: [f64; 7] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999];

/// One way to answer a call.
pub struct Path {
    /// What it is called in tables.
    pub name: &'static str,
    drive: Box<dyn Fn(Work, u64) -> Boxed<Run> + Send + Sync>,
    ask: Box<dyn Fn(Range<u64>, u64) -> Boxed<()> + Send + Sync>,
    /// How many entries it is asked for.
    keys: u64,
    hits: Option<Box<dyn Fn() -> u64 + Send + Sync>>,
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What callers do.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// How many there are, each in a task of its own.
    pub callers: usize,
    /// For how long.
    pub time: Duration,
    /// Whether each call is timed.
    pub latencies: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Run {
    /// How many calls were answered.
    pub calls: u64,
    /// In which time.
    pub took: Duration,
    /// Processor time of this process, which is all but the server's.
    pub cpu: Duration,
    /// Microseconds that [`SHARES`] of the calls did not exceed. Empty if they were not timed.
    pub latencies: Vec<f64>,
}

impl Run {
    /// Calls in a second.
    pub fn rate(&self) -> f64 {
        self.calls as f64 / self.took.as_secs_f64()
    }

    /// Microseconds of processor time for a call.
    pub fn cpu_per_call(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.calls as f64
    }

    /// Microseconds that this share of the calls, one of [`SHARES`], did not exceed.
    pub fn latency(&self, share: f64) -> f64 {
        let at = SHARES.iter().position(|known| *known == share).expect("one of SHARES");
        self.latencies[at]
    }
}

impl Path {
    /// A hit that asks a server, on any of [`KEYS`] entries.
    pub fn over_redis<F, A>(name: &'static str, call: impl Fn(u64) -> F + Copy + Send + Sync + 'static) -> Self
    where
        F: Future<Output = A> + Send + 'static,
        A: Answer + 'static,
    {
        Self::hits(name, 1, call)
    }

    /// A hit that asks nobody, on any of [`KEYS`] entries.
    pub fn in_process<F, A>(name: &'static str, call: impl Fn(u64) -> F + Copy + Send + Sync + 'static) -> Self
    where
        F: Future<Output = A> + Send + 'static,
        A: Answer + 'static,
    {
        Self::hits(name, IN_PROCESS, call)
    }

    /// Any call. It is given any number.
    pub fn mixed<F>(name: &'static str, call: impl Fn(u64) -> F + Copy + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::new(name, u64::MAX, 1, call)
    }

    fn hits<F, A>(name: &'static str, batch: u64, call: impl Fn(u64) -> F + Copy + Send + Sync + 'static) -> Self
    where
        F: Future<Output = A> + Send + 'static,
        A: Answer + 'static,
    {
        let checked = move |id| async move { assert_eq!(call(id).await.id(), id, "a value of another key") };
        Self::new(name, KEYS, batch, checked)
    }

    fn new<F>(name: &'static str, keys: u64, batch: u64, call: impl Fn(u64) -> F + Copy + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let one_by_one = move |calls: Range<u64>, keys| async move {
            for id in calls {
                call(id % keys).await;
            }
        };
        Self {
            name,
            drive: Box::new(move |work, keys| Box::pin(drive(work, keys, batch, call))),
            ask: Box::new(move |calls, keys| Box::pin(one_by_one(calls, keys))),
            keys,
            hits: None,
        }
    }

    /// On so many entries.
    pub fn of(mut self, keys: u64) -> Self {
        self.keys = keys;
        self
    }

    /// Where a cache counts its hits of the kind that this path claims: each call has to be one.
    pub fn proven_by(mut self, hits: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.hits = Some(Box::new(hits));
        self
    }

    /// Asks for all entries until each is kept.
    ///
    /// # Panics
    ///
    /// When calls miss for ever.
    pub async fn warm_up(&self) {
        for _ in 0..100 {
            let before = self.seen();
            let share = self.keys.div_ceil(FILLERS);
            let shares = (0..FILLERS).map(|n| n * share..self.keys.min((n + 1) * share));
            for filler in shares.map(|share| tokio::spawn((self.ask)(share, self.keys))).collect::<Vec<_>>() {
                filler.await.expect("no call panics");
            }
            if self.all_hit(before, self.keys).is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{}: calls go on missing", self.name);
    }

    /// Lets callers ask, all of them for what is kept.
    ///
    /// # Panics
    ///
    /// When a call was no hit.
    pub async fn hit(&self, work: Work) -> Run {
        let before = self.seen();
        let run = self.drive(work).await;
        self.all_hit(before, run.calls).unwrap_or_else(|problem| panic!("{}: {problem}", self.name));
        run
    }

    /// Lets callers ask.
    pub async fn drive(&self, work: Work) -> Run {
        (self.drive)(work, self.keys).await
    }

    /// Makes so many calls, one behind the other, in the task that awaits it; for all entries in turn.
    pub fn ask(&self, calls: u64) -> impl Future<Output = ()> + Send + use<> {
        (self.ask)(0..calls, self.keys)
    }

    /// Values made, and hits of the kind that is measured.
    fn seen(&self) -> (u64, u64) {
        (loads(), self.hits.as_ref().map_or(0, |hits| hits()))
    }

    fn all_hit(&self, before: (u64, u64), calls: u64) -> Result<(), String> {
        let after = self.seen();
        let (loaded, hits) = (after.0 - before.0, after.1 - before.1);
        if loaded > 0 {
            return Err(format!("{loaded} of {calls} calls were misses"));
        }
        if self.hits.is_some() && hits != calls {
            return Err(format!("{hits} of {calls} calls were hits of the kind that is measured"));
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
async fn drive<F>(work: Work, keys: u64, batch: u64, call: impl Fn(u64) -> F + Copy + Send + 'static) -> Run
where
    F: Future<Output = ()> + Send,
{
    let (started, cpu) = (Instant::now(), cpu::used());
    let tasks: Vec<_> = (0..work.callers)
        .map(|caller| {
            tokio::spawn(async move {
                let mut chance = fastrand::Rng::with_seed(caller as u64);
                let mut latencies = Vec::new();
                let mut calls = 0u64;
                while started.elapsed() < work.time {
                    for _ in 0..batch {
                        let called = work.latencies.then(Instant::now);
                        call(chance.u64(..keys)).await;
                        latencies.extend(called.map(|called| called.elapsed().as_nanos() as f64 / 1e3));
                    }
                    calls += batch;
                    if batch > 1 {
                        tokio::task::yield_now().await;
                    }
                }
                (calls, latencies)
            })
        })
        .collect();
    let mut calls = 0;
    let mut latencies = Vec::new();
    for task in tasks {
        let (made, took) = task.await.expect("no call panics");
        calls += made;
        latencies.extend(took);
    }
    let (took, cpu) = (started.elapsed(), cpu::used() - cpu);
    latencies.sort_by(f64::total_cmp);
    let latencies = match &latencies[..] {
        [] => Vec::new(),
        timed => SHARES.map(|share| quantile(timed, share)).to_vec(),
    };
    Run { calls, took, cpu, latencies }
}

/// Hits on all of these paths, round by round, so that a change of the machine's speed hits all of them. One list of
/// runs for each path.
pub async fn in_turn(rounds: usize, paths: &[&Path], work: Work) -> Vec<Vec<Run>> {
    for path in paths {
        path.warm_up().await;
    }
    let mut runs = vec![Vec::new(); paths.len()];
    for round in 0..rounds {
        for at in 0..paths.len() {
            // None of them is always the one behind the same other.
            let which = (round + at) % paths.len();
            runs[which].push(paths[which].hit(work).await);
        }
    }
    runs
}
