//! From when on which version of a row binds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long floors are remembered: longer than any read takes.
const MEMORY: Duration = Duration::from_secs(90);

/// Versions with the time from which on they bind, which may lie ahead. By time, and versions rise with it.
#[derive(Default)]
pub(super) struct Floors(VecDeque<(Instant, u64)>);

impl Floors {
    pub(super) fn raise(&mut self, at: Instant, version: u64) {
        let behind = self.0.partition_point(|(earlier, _)| *earlier <= at);
        if behind > 0 && self.0[behind - 1].1 >= version {
            return;
        }
        // What binds later and is no higher asks for nothing any more.
        let higher = self.0.partition_point(|(_, other)| *other <= version);
        self.0.drain(behind..higher);
        self.0.insert(behind, (at, version));
        // One older than the memory stays, as the floor of everything older.
        while self.0.get(1).is_some_and(|(next, _)| at.saturating_duration_since(*next) > MEMORY) {
            self.0.pop_front();
        }
    }

    pub(super) fn at(&self, moment: Instant) -> u64 {
        let binding = self.0.partition_point(|(at, _)| *at < moment);
        binding.checked_sub(1).map_or(0, |last| self.0[last].1)
    }

    /// Since when something newer than `version` has been binding.
    pub(super) fn outdated_since(&self, version: u64) -> Option<Instant> {
        let newer = self.0.partition_point(|(_, other)| *other <= version);
        self.0.get(newer).map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::clock::now;

    #[test]
    fn what_is_to_bind_later_binds_then() {
        let (start, second) = (now(), Duration::from_secs(1));
        let mut floors = Floors::default();
        floors.raise(start + second * 5, 3);
        floors.raise(start, 1);
        floors.raise(start + second * 6, 4);
        let seen: Vec<_> = (1..8).map(|seconds| floors.at(start + second * seconds)).collect();
        assert_eq!(seen, [1, 1, 1, 1, 1, 3, 4]);
        assert_eq!(floors.outdated_since(1), Some(start + second * 5));
        assert_eq!(floors.outdated_since(4), None);
    }

    #[test]
    fn what_binds_already_is_not_put_off() {
        let (start, second) = (now(), Duration::from_secs(1));
        let mut floors = Floors::default();
        floors.raise(start + second * 5, 3);
        floors.raise(start + second, 3);
        floors.raise(start + second * 2, 2);
        assert_eq!(floors.at(start + second * 2), 3);
        assert_eq!(floors.outdated_since(2), Some(start + second));
    }
}
