//! The last hour, counted every two seconds, so that whoever opens the page sees what led to the alarm.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cache_runtime::{Cache, Counts, FunctionStats};
use serde::Serialize;

/// Between two samples.
pub(crate) const EVERY: Duration = Duration::from_secs(2);
/// An hour.
const KEPT: usize = 1_800;
/// So many points make a chart.
const POINTS: u64 = 150;

/// What a function did between two samples, or in several of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Done {
    /// Answered from memory or from Redis.
    hits: u64,
    /// Not found, or the cache was in trouble; without what was bypassed.
    misses: u64,
    joins: u64,
    loads: u64,
    errors: u64,
    load_micros: u64,
}

impl Done {
    fn of(counts: &Counts) -> Self {
        Self {
            hits: counts.local_hits + counts.redis_hits,
            misses: counts.joins + counts.led + counts.absent + counts.fail_open,
            joins: counts.joins,
            loads: counts.loads,
            errors: counts.load_errors,
            load_micros: u64::try_from(counts.load_time.total().as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// By field: what was added since `before`, or the sum with `other`.
    fn each(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            hits: of(self.hits, other.hits),
            misses: of(self.misses, other.misses),
            joins: of(self.joins, other.joins),
            loads: of(self.loads, other.loads),
            errors: of(self.errors, other.errors),
            load_micros: of(self.load_micros, other.load_micros),
        }
    }

    fn since(self, before: Self) -> Self {
        self.each(before, u64::saturating_sub)
    }

    fn and(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }
}

/// A moment, or several of them, as the page draws them.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Point {
    /// When it ended, in milliseconds since 1970.
    at_ms: u64,
    /// Whether the server could be used all the time.
    available: bool,
    /// How often a breaker opened.
    opened: u64,
    invalidations: u64,
    owed: usize,
    /// Of those functions that did something, by their number in [`Answer::functions`].
    done: Vec<(usize, Done)>,
}

/// What `GET /history` answers.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    /// When counting began: another one is another process, whose functions have other numbers.
    since_ms: u64,
    now_ms: u64,
    /// How long a point is.
    step_ms: u64,
    functions: Vec<Name>,
    points: Vec<Point>,
}

/// A function and its key template: methods of one name in one module have the same path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
struct Name {
    function: &'static str,
    key: &'static str,
}

impl From<&FunctionStats> for Name {
    fn from(stats: &FunctionStats) -> Self {
        Self { function: stats.function, key: stats.key }
    }
}

#[derive(Debug)]
pub(crate) struct History {
    since_ms: u64,
    samples: Mutex<Samples>,
}

#[derive(Debug, Default)]
struct Samples {
    names: Vec<Name>,
    numbers: HashMap<Name, usize>,
    /// What each function had done at the last sample.
    before: Vec<Done>,
    opened: u64,
    invalidations: u64,
    points: VecDeque<Point>,
}

impl History {
    pub(crate) fn new(since_ms: u64) -> Self {
        Self { since_ms, samples: Mutex::default() }
    }

    pub(crate) fn sample(&self, cache: &Cache, at_ms: u64) {
        let (stats, health) = (cache.stats(), cache.health());
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let samples = &mut *samples;
        let mut done = Vec::new();
        for function in &stats.functions {
            let name = Name::from(function);
            let number = *samples.numbers.entry(name).or_insert_with(|| {
                samples.names.push(name);
                samples.before.push(Done::default());
                samples.names.len() - 1
            });
            let now = Done::of(&function.counts);
            let since = now.since(std::mem::replace(&mut samples.before[number], now));
            if since != Done::default() {
                done.push((number, since));
            }
        }
        let opened = stats.breaker_opened.saturating_sub(std::mem::replace(&mut samples.opened, stats.breaker_opened));
        let invalidations =
            stats.invalidations.saturating_sub(std::mem::replace(&mut samples.invalidations, stats.invalidations));
        if samples.points.len() == KEPT {
            samples.points.pop_front();
        }
        let point = Point { at_ms, available: health.available, opened, invalidations, owed: stats.owed, done };
        samples.points.push_back(point);
    }

    /// The last `minutes` in at most [`POINTS`] points, but for those up to `after_ms`.
    pub(crate) fn read(&self, minutes: u64, after_ms: u64, now_ms: u64) -> Answer {
        let every = EVERY.as_millis() as u64;
        let step_ms = (minutes * 60_000).div_ceil(POINTS).next_multiple_of(every);
        // Counted from the end of the point that is not over yet: it is one of them.
        let from = after_ms.max(now_ms.next_multiple_of(step_ms).saturating_sub(minutes * 60_000));
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let mut points: Vec<Point> = Vec::new();
        // By a function's number: the last point it is in, and where.
        let mut places = vec![(0, 0); samples.names.len()];
        for sample in &samples.points {
            // A point ends at a multiple of the step, so that the same samples make the same point in each answer.
            let end = sample.at_ms.next_multiple_of(step_ms);
            if end <= from {
                continue;
            }
            match points.last_mut().filter(|point| point.at_ms == end) {
                Some(point) => point.add(sample, &mut places),
                None => {
                    let mut point = Point { at_ms: end, available: true, ..Point::default() };
                    point.add(sample, &mut places);
                    points.push(point);
                }
            }
        }
        Answer { since_ms: self.since_ms, now_ms, step_ms, functions: samples.names.clone(), points }
    }
}

impl Point {
    /// `places` has, by the number of a function, the end of a point and where in it the function is.
    fn add(&mut self, later: &Point, places: &mut [(u64, usize)]) {
        self.available &= later.available;
        self.opened += later.opened;
        self.invalidations += later.invalidations;
        self.owed = self.owed.max(later.owed);
        for &(number, more) in &later.done {
            let (end, place) = places[number];
            if end == self.at_ms {
                let (_, done) = &mut self.done[place];
                *done = done.and(more);
            } else {
                places[number] = (self.at_ms, self.done.len());
                self.done.push((number, more));
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[cache_runtime::cached(key = "history:{n}", ttl = "1m", cache = cache, skip(cache))]
    async fn double(cache: &Cache, n: u64) -> u64 {
        2 * n
    }

    fn sum(answer: &Answer) -> Done {
        let number = answer.functions.iter().position(|name| name.key == "history:{n}").expect("it was called");
        let done = answer.points.iter().flat_map(|point| &point.done).filter(|(of, _)| *of == number);
        done.fold(Done::default(), |sum, (_, done)| sum.and(*done))
    }

    /// The only test in this program that calls `double`, whose counts are the process's.
    #[tokio::test]
    async fn a_point_is_what_was_done_since_the_one_before() {
        let cache = Cache::local();
        let history = History::new(999_000);
        double(&cache, 1).await;
        history.sample(&cache, 1_000_000);
        double(&cache, 1).await;
        double(&cache, 1).await;
        double(&cache, 2).await;
        history.sample(&cache, 1_002_000);
        history.sample(&cache, 1_004_000);

        let all = history.read(5, 0, 1_005_000);
        assert_eq!((all.since_ms, all.step_ms), (999_000, 2_000));
        assert_eq!(all.points.iter().map(|point| point.at_ms).collect::<Vec<_>>(), [1_000_000, 1_002_000, 1_004_000]);
        assert_eq!((sum(&all).hits, sum(&all).misses, sum(&all).loads), (2, 2, 2));
        assert!(all.points[2].done.is_empty(), "nothing was done, nothing is said");

        let late = history.read(5, 1_000_000, 1_005_000);
        assert_eq!((sum(&late).hits, sum(&late).misses), (2, 1));
        let coarse = history.read(60, 0, 1_005_000);
        assert_eq!((coarse.step_ms, coarse.points.len()), (24_000, 1));
        assert_eq!(sum(&coarse), sum(&all));
    }

    #[test]
    fn no_answer_has_more_points_than_make_a_chart() {
        let (cache, history) = (Cache::local(), History::new(0));
        for n in 0..KEPT as u64 {
            history.sample(&cache, 1_000 + n * 2_000);
        }
        let last = 1_000 + (KEPT as u64 - 1) * 2_000;
        for minutes in 1..=60 {
            for now_ms in [last, last + 500, last + 1_000, last + 1_999] {
                let answer = history.read(minutes, 0, now_ms);
                let points = answer.points.len() as u64;
                assert!(points <= POINTS, "{points} of {minutes} minutes");
                let (first, last) = (&answer.points[0], &answer.points[answer.points.len() - 1]);
                let told = last.at_ms - first.at_ms + answer.step_ms;
                assert!(told >= minutes * 60_000 - answer.step_ms, "{told} of {minutes} minutes");
            }
        }
    }

    #[test]
    fn no_more_than_an_hour_is_kept() {
        let (cache, history) = (Cache::local(), History::new(0));
        for n in 0..KEPT as u64 + 10 {
            history.sample(&cache, n * 2_000);
        }
        let samples = history.samples.lock().unwrap();
        assert_eq!((samples.points.len(), samples.points[0].at_ms), (KEPT, 20_000));
    }
}
