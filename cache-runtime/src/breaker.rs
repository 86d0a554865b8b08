//! Whether the server is worth asking: open after failures, closed again by a background probe alone.

use std::sync::Arc;

use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// The health of one server as this process sees it.
#[derive(Debug)]
pub(crate) struct Breaker {
    open: AtomicBool,
    failures: AtomicU32,
    threshold: u32,
    /// How often this one opened, and those before it: the count outlives a server that is replaced.
    opened: Arc<AtomicU64>,
}

/// How bad a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The server cannot serve anybody (unreachable, out of time, loading): opens at once, so that the
    /// callers behind do not pay the budget again.
    Fatal,
    /// One request was answered with an error: opens when it happens again and again.
    Minor,
}

impl Breaker {
    pub(crate) fn new(threshold: u32, opened: Arc<AtomicU64>) -> Self {
        Self { open: AtomicBool::new(false), failures: AtomicU32::new(0), threshold, opened }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// A request was answered.
    pub(crate) fn success(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// A request failed. True if this opened the breaker: the caller then starts the probe.
    pub(crate) fn failure(&self, severity: Severity) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if severity == Severity::Minor && failures < self.threshold {
            return false;
        }
        let opened = !self.open.swap(true, Ordering::AcqRel);
        if opened {
            self.opened.fetch_add(1, Ordering::Relaxed);
        }
        opened
    }

    /// The probe was answered.
    pub(crate) fn close(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.open.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_at_once_when_the_server_is_gone() {
        let breaker = Breaker::new(3, Arc::default());
        assert!(breaker.failure(Severity::Fatal));
        assert!(breaker.is_open());
        assert!(!breaker.failure(Severity::Fatal), "only the first one starts a probe");
    }

    #[test]
    fn opens_on_consecutive_error_replies_only() {
        let breaker = Breaker::new(3, Arc::default());
        assert!(!breaker.failure(Severity::Minor));
        assert!(!breaker.failure(Severity::Minor));
        breaker.success();
        assert!(!breaker.failure(Severity::Minor));
        assert!(!breaker.failure(Severity::Minor));
        assert!(breaker.failure(Severity::Minor));
    }

    #[test]
    fn closes_by_the_probe() {
        let breaker = Breaker::new(1, Arc::default());
        breaker.failure(Severity::Minor);
        breaker.success();
        assert!(breaker.is_open(), "an answer to a request sent earlier does not close it");
        breaker.close();
        assert!(!breaker.is_open());
    }
}
