//! Flights stay joinable for a moment after their fills were answered: the answer to a caller's READ from before the fill may
//! still be on its way to him.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::clock;
use crate::core::Core;
use crate::flight::{Flights, Landed};

const MOMENT: Duration = Duration::from_millis(5);

/// The flights of a cache that wait to be closed, the oldest first.
#[derive(Default)]
pub(crate) struct Lingering(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    flights: VecDeque<(Instant, Landed)>,
    /// Whether a task will close them.
    watched: bool,
}

impl Waiting {
    /// Whether there are none left; whoever comes next starts another task.
    fn is_over(&mut self) -> bool {
        self.watched = !self.flights.is_empty();
        !self.watched
    }
}

impl Lingering {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes those that came before `until`.
    pub(crate) fn close(&self, until: Instant, flights: &Flights) {
        let due: Vec<_> = {
            let mut waiting = self.lock();
            let count = waiting.flights.partition_point(|(since, _)| *since <= until);
            waiting.flights.drain(..count).collect()
        };
        due.into_iter().for_each(|(_, landed)| landed.close(flights));
    }
}

/// Closes the flight in a moment, or at once where there is no runtime to wait in.
pub(crate) fn close_later(core: &Arc<Core>, landed: Landed) {
    let Ok(runtime) = Handle::try_current() else { return landed.close(&core.flights) };
    let (overdue, watched) = {
        let mut waiting = core.lingering.lock();
        // Under the lock, so that they are in order.
        let now = clock::now();
        waiting.flights.push_back((now, landed));
        let until = now.checked_sub(2 * MOMENT);
        let overdue = until.filter(|until| waiting.flights.front().is_some_and(|(since, _)| since <= until));
        (overdue, std::mem::replace(&mut waiting.watched, true))
    };
    if !watched {
        runtime.spawn(Watch { core: Arc::clone(core), ended: false }.run());
    }
    // Where nobody drives the runtime that has the task.
    if let Some(until) = overdue {
        core.lingering.close(until, &core.flights);
    }
}

/// The task that closes them: one, as long as there are any. With its runtime all of them are closed.
struct Watch {
    core: Arc<Core>,
    ended: bool,
}

impl Watch {
    async fn run(mut self) {
        while !self.ended {
            let until = clock::now();
            tokio::time::sleep(MOMENT).await;
            self.core.lingering.close(until, &self.core.flights);
            self.ended = self.core.lingering.lock().is_over();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.ended {
            self.core.lingering.lock().watched = false;
            self.core.lingering.close(clock::now(), &self.core.flights);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, Runtime};

    use super::*;
    use crate::Cache;
    use crate::flight::{FlightKey, Turn};

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().build().expect("a thread can be made")
    }

    /// A flight that lingers from now on.
    async fn lingers(core: &Arc<Core>, key: &str) {
        let value = std::any::TypeId::of::<u8>();
        let key = FlightKey { key: key.as_bytes().into(), observed: Default::default(), value };
        let Turn::Lead(lead) = core.flights.turn(key, Vec::new()).await else { panic!("nobody else is there") };
        close_later(core, lead.ready(Arc::new(1_u8)));
    }

    #[test]
    fn flights_are_closed_in_a_moment() {
        let cache = Cache::local();
        runtime().block_on(async {
            for key in ["a", "b"] {
                lingers(cache.core(), key).await;
            }
            while cache.core().flights.len() > 0 {
                tokio::time::sleep(MOMENT).await;
            }
            // The task has ended, or will see this one.
            lingers(cache.core(), "c").await;
            while cache.core().flights.len() > 0 {
                tokio::time::sleep(MOMENT).await;
            }
        });
    }

    #[test]
    fn flights_are_closed_with_the_runtime() {
        let (cache, runtime) = (Cache::local(), runtime());
        runtime.block_on(lingers(cache.core(), "a"));
        assert_eq!(cache.core().flights.len(), 1);
        drop(runtime);
        assert_eq!(cache.core().flights.len(), 0);
    }

    #[test]
    fn where_nobody_drives_the_runtime_the_next_one_closes_them() {
        let (cache, idle) = (Cache::local(), runtime());
        idle.block_on(lingers(cache.core(), "a"));
        std::thread::sleep(3 * MOMENT);
        assert_eq!(cache.core().flights.len(), 1);
        runtime().block_on(async {
            lingers(cache.core(), "b").await;
            assert_eq!(cache.core().flights.len(), 1, "the second one");
        });
    }
}
