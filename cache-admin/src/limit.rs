//! How often something may be done: a bucket of tokens that fills again with time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Limit {
    /// How many may be taken at once.
    most: f64,
    per_second: f64,
    left: Mutex<(f64, Instant)>,
}

impl Limit {
    /// `count` per minute, all of them at once if nothing was taken in the minute before.
    pub(crate) fn per_minute(count: u32) -> Self {
        let most = f64::from(count.max(1));
        Self { most, per_second: most / 60.0, left: Mutex::new((most, Instant::now())) }
    }

    /// Takes one, or tells after how many whole seconds there will be one.
    pub(crate) fn take(&self) -> Result<(), u64> {
        let now = Instant::now();
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = left.0 + now.saturating_duration_since(left.1).as_secs_f64() * self.per_second;
        *left = (filled.min(self.most), now);
        if left.0 < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - left.0) / self.per_second);
            return Err(wait.as_millis().div_ceil(1000).max(1) as u64);
        }
        left.0 -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_used_up_comes_back_with_time() {
        let limit = Limit::per_minute(6);
        (0..6).for_each(|_| assert_eq!(limit.take(), Ok(())));
        assert_eq!(limit.take(), Err(10));
        tokio::time::advance(Duration::from_millis(9_500)).await;
        assert_eq!(limit.take(), Err(1));
        tokio::time::advance(Duration::from_millis(600)).await;
        assert_eq!(limit.take(), Ok(()));
        assert!(limit.take().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_rest_saves_up_no_more_than_a_minute() {
        let limit = Limit::per_minute(2);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!((limit.take(), limit.take()), (Ok(()), Ok(())));
        assert_eq!(limit.take(), Err(30));
    }
}
