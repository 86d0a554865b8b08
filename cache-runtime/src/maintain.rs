//! What a cache does by itself from time to time: a sign of life, a sweep, lists that are kept warm.
//!
//! Invariants:
//! 1. Nothing here outlives the cache: tasks hold it weakly between two runs, and end with it or with `shutdown`.
//! 2. A run that fails or panics is told, and the next one comes.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::{AbortHandle, JoinHandle};

use crate::core::{Core, Store};
use crate::recovery::{self, Swept};
use crate::warm::Warmed;
use crate::{Cache, Error, ErrorKind};

/// Keys that a sweep looks at in a second, at most.
const PACE: u32 = 10_000;

/// Periodic work that is to be started, by [`Cache::maintain`].
#[must_use = "nothing runs before `start`"]
pub struct Maintenance {
    cache: Cache,
    pace: u32,
    planned: Vec<Planned>,
}

struct Planned {
    name: String,
    every: Duration,
    work: Work,
}

type Work = Box<dyn Fn(Cache, u32) -> Pin<Box<dyn Future<Output = Result<Came, String>> + Send>> + Send + Sync>;

/// What came of a run.
enum Came {
    Alive,
    Swept(Swept),
    Warmed(Warmed),
}

/// Periodic work that runs. Dropped, it ends; so it does when the cache ends or is [shut down](Cache::shutdown).
#[must_use = "dropped, the work ends"]
pub struct Maintained {
    tasks: Vec<JoinHandle<()>>,
    jobs: Vec<Arc<Mutex<Job>>>,
}

/// How a piece of periodic work is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Job {
    /// `probe`, `sweep`, or the name of the list.
    pub name: String,
    /// How often it runs.
    pub every: Duration,
    /// How often it has run.
    pub runs: u64,
    /// How many of these runs failed or panicked; of a list, those in which a call did.
    pub failed: u64,
    /// What the latest run failed with; `None` if it did not.
    pub trouble: Option<String>,
    /// What the latest sweep came to that reached its end.
    pub swept: Option<Swept>,
    /// What became of a list's calls in the latest run.
    pub warmed: Option<Warmed>,
}

/// Maintenance.
impl Cache {
    /// Work for this cache that comes up again and again, under one handle. Each piece is done about as often as it says, a
    /// tenth more or less so that many processes do not do it together, and for the first time within a tenth of that. Nothing
    /// is done unless it is asked for here.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
    /// use std::time::Duration;
    /// use cache_runtime::{Cache, cached};
    ///
    /// #[cached(key = "rates:{currency}", ttl = "10m")]
    /// async fn rates(currency: &str) -> f64 { if currency == "EUR" { 1.0 } else { 1.1 } }
    ///
    /// let cache = Cache::local();
    /// let maintained = cache
    ///     .maintain()
    ///     .probe(Duration::from_secs(10))
    ///     .sweep(Duration::from_secs(6 * 60 * 60))
    ///     .rewarm("rates", Duration::from_secs(60), || ["EUR", "USD"].map(rates))
    ///     .start()?;
    /// assert_eq!(maintained.jobs()[2].name, "rates");
    /// maintained.stop().await;
    /// # Ok(()) }
    /// ```
    pub fn maintain(&self) -> Maintenance {
        Maintenance { cache: self.clone(), pace: PACE, planned: Vec::new() }
    }
}

impl Maintenance {
    /// Asks the server for a sign of life, as [`Cache::ping`] does, so that [`Cache::health`] is up to date without traffic.
    pub fn probe(self, every: Duration) -> Self {
        self.plan("probe", every, |cache, _| {
            Box::pin(async move { cache.ping().await.map(|()| Came::Alive).map_err(|error| error.to_string()) })
        })
    }

    /// Looks for keys of this namespace without a lifetime, which a restore, a `PERSIST` or another program may leave: stamps of
    /// tags are given one, and everything else is removed, which costs a miss. One process of a namespace is enough. Walks
    /// the whole keyspace of each master, at the [pace](Self::sweep_pace). Without a server there is nothing to do.
    pub fn sweep(self, every: Duration) -> Self {
        self.plan("sweep", every, |cache, pace| {
            Box::pin(async move {
                let Store::Redis(remote) = &cache.core().store else { return Ok(Came::Swept(Swept::default())) };
                let swept = recovery::sweep(&remote.server, pace).await;
                swept.map(Came::Swept).map_err(|failure| failure.into_error().to_string())
            })
        })
    }

    /// How many keys of the server a sweep walks over in a second, at most, ours or not. 0 is taken for 1. Default: 10,000.
    pub fn sweep_pace(mut self, keys: u32) -> Self {
        self.pace = keys.max(1);
        self
    }

    /// Makes the calls of a list, as [`Cache::warm`] does, 16 at a time: what has run out is loaded again, before somebody
    /// asks for it. `list` is asked anew each time.
    pub fn rewarm<L, I>(self, name: impl Into<String>, every: Duration, list: L) -> Self
    where
        L: Fn() -> I + Send + Sync + 'static,
        I: IntoIterator,
        I::IntoIter: Send + 'static,
        I::Item: Future + Send + 'static,
        <I::Item as Future>::Output: Send,
    {
        let list = Arc::new(list);
        self.plan(name, every, move |cache, _| {
            let list = Arc::clone(&list);
            Box::pin(async move {
                let calls = list().into_iter();
                Ok(Came::Warmed(cache.warm(calls).run().await))
            })
        })
    }

    fn plan(
        mut self,
        name: impl Into<String>,
        every: Duration,
        work: impl Fn(Cache, u32) -> Pin<Box<dyn Future<Output = Result<Came, String>> + Send>> + Send + Sync + 'static,
    ) -> Self {
        self.planned.push(Planned { name: name.into(), every, work: Box::new(work) });
        self
    }

    /// Starts it, on the runtime of the caller.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Argument`] when one is to be done every zero seconds; [`ErrorKind::Refused`] outside of a tokio runtime.
    pub fn start(self) -> Result<Maintained, Error> {
        if let Some(planned) = self.planned.iter().find(|planned| planned.every.is_zero()) {
            return Err(Error::new(ErrorKind::Argument, format!("`{}` = 0s: must be more than zero", planned.name)));
        }
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|_| Error::new(ErrorKind::Refused, "maintenance starts inside of a tokio runtime"))?;
        let core = self.cache.core();
        let (mut tasks, mut jobs) = (Vec::new(), Vec::new());
        for Planned { name, every, work } in self.planned {
            let job = Job { name, every, runs: 0, failed: 0, trouble: None, swept: None, warmed: None };
            let job = Arc::new(Mutex::new(job));
            let task = runtime.spawn(again_and_again(Arc::downgrade(core), Arc::clone(&job), every, self.pace, work));
            core.upkeep.add(task.abort_handle());
            tasks.push(task);
            jobs.push(job);
        }
        Ok(Maintained { tasks, jobs })
    }
}

async fn again_and_again(core: Weak<Core>, job: Arc<Mutex<Job>>, every: Duration, pace: u32, work: Work) {
    let mut pause = every.mul_f64(0.1 * fastrand::f64());
    loop {
        tokio::time::sleep(pause).await;
        let Some(core) = core.upgrade() else { return };
        let cache = Cache::of(core);
        let run = AssertUnwindSafe(async { work(cache, pace).await }).catch_unwind();
        let came = run.await.unwrap_or_else(|_| Err("it panicked".to_owned()));
        note(&mut job.lock().unwrap_or_else(PoisonError::into_inner), came);
        pause = every.mul_f64(0.9 + 0.2 * fastrand::f64());
    }
}

/// Trouble is logged when it begins and when it ends.
fn note(job: &mut Job, came: Result<Came, String>) {
    job.runs += 1;
    let trouble = match came {
        Ok(Came::Alive) => None,
        Ok(Came::Swept(swept)) => {
            if swept.renewed + swept.removed > 0 {
                tracing::warn!(?swept, "there were keys without a lifetime");
            }
            job.swept = Some(swept);
            None
        }
        Ok(Came::Warmed(warmed)) => {
            job.warmed = Some(warmed);
            (warmed.failed > 0).then(|| format!("{} of {} calls failed", warmed.failed, warmed.calls()))
        }
        Err(trouble) => Some(trouble),
    };
    job.failed += u64::from(trouble.is_some());
    match (&job.trouble, &trouble) {
        (None, Some(trouble)) => tracing::warn!(job = job.name, trouble, "maintenance of the cache fails"),
        (Some(_), None) => tracing::info!(job = job.name, "maintenance of the cache succeeds again"),
        _ => {}
    }
    job.trouble = trouble;
}

impl Maintained {
    /// How each piece is doing, in the order in which they were asked for.
    pub fn jobs(&self) -> Vec<Job> {
        self.jobs.iter().map(|job| job.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }

    /// Whether none of it runs any more.
    pub fn has_ended(&self) -> bool {
        self.tasks.iter().all(JoinHandle::is_finished)
    }

    /// Ends it, and waits until nothing of it runs. What is under way is dropped, and nothing is half done: a step of a
    /// sweep and a load are as safe to drop as any call.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it ends all the same, soon afterwards.
    pub async fn stop(mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        for task in &mut self.tasks {
            // It was aborted, or has ended.
            let _ = task.await;
        }
    }
}

impl Drop for Maintained {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// The periodic work of a cache.
#[derive(Default)]
pub(crate) struct Upkeep(Mutex<Vec<AbortHandle>>);

impl Upkeep {
    fn add(&self, task: AbortHandle) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    /// Ends it.
    pub(crate) fn end(&self) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.drain(..).for_each(|task| task.abort());
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.end();
    }
}
