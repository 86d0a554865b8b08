//! How often something may be done: a bucket of tokens that fills again with time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Limit {
    /// How many may be taken at once.
    most: f64,
    per_second: f64,
    /// How many are left, and since when; `None` until the first is taken.
    left: Mutex<Option<(f64, Instant)>>,
}

impl Limit {
    /// `count` per minute, all of them at once if nothing was taken in the minute before.
    pub(crate) fn per_minute(count: u32) -> Self {
        let most = f64::from(count.max(1));
        Self { most, per_second: most / 60.0, left: Mutex::new(None) }
    }

    /// Takes one, or tells after how many whole seconds there will be one.
    pub(crate) fn take(&self, now: Instant) -> Result<(), u64> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let there = match *left {
            None => self.most,
            Some((there, since)) => {
                let filled = there + now.saturating_duration_since(since).as_secs_f64() * self.per_second;
                filled.min(self.most)
            }
        };
        let taken = there >= 1.0;
        *left = Some((if taken { there - 1.0 } else { there }, now));
        if taken {
            return Ok(());
        }
        let wait = Duration::from_secs_f64((1.0 - there) / self.per_second);
        Err(u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_up_comes_back_with_time() {
        let (limit, start) = (Limit::per_minute(6), Instant::now());
        (0..6).for_each(|_| assert_eq!(limit.take(start), Ok(())));
        assert_eq!(limit.take(start), Err(10));
        assert_eq!(limit.take(start + Duration::from_millis(9_500)), Err(1));
        let later = start + Duration::from_millis(10_100);
        assert_eq!(limit.take(later), Ok(()));
        assert!(limit.take(later).is_err());
    }

    #[test]
    fn a_long_rest_saves_up_no_more_than_a_minute() {
        let (limit, start) = (Limit::per_minute(2), Instant::now());
        assert_eq!(limit.take(start), Ok(()));
        let later = start + Duration::from_secs(3_600);
        assert_eq!((limit.take(later), limit.take(later)), (Ok(()), Ok(())));
        assert_eq!(limit.take(later), Err(30));
    }
}
