//! Brings the server back: while the breaker is open, one background task dials with growing pauses.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::node::Node;
use crate::clock;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// A breaker that opens again this soon after it closed goes on with the longer pauses.
const RELAPSE: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(crate) struct Probe {
    running: AtomicBool,
    relapses: AtomicU32,
    closed_at: std::sync::Mutex<Option<Instant>>,
}

/// Lets the next caller start a probe if this one ends without having closed the breaker, for example
/// because its runtime was shut down.
///
/// Weak: a master that was replaced, or whose cache is gone, is not looked for until it comes back.
struct Running(Weak<Node>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(node) = self.0.upgrade() {
            node.probe.running.store(false, Ordering::Release);
        }
    }
}

impl Node {
    /// Starts the probe unless it runs. Cheap enough for every call that meets an open breaker.
    pub(crate) fn start_probe(self: &Arc<Self>) {
        if self.probe.running.load(Ordering::Acquire) || self.probe.running.swap(true, Ordering::AcqRel) {
            return;
        }
        let running = Running(Arc::downgrade(self));
        let pause = self.first_pause();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { probe_until_closed(&running.0, pause).await });
        }
    }

    fn first_pause(&self) -> Duration {
        let relapsed = {
            let closed_at = self.probe.closed_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            closed_at.is_some_and(|at| at.elapsed() < RELAPSE)
        };
        let relapses = if relapsed { self.probe.relapses.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
        self.probe.relapses.store(relapses, Ordering::Relaxed);
        FIRST_PAUSE.saturating_mul(1 << relapses.min(6)).min(LONGEST_PAUSE)
    }

    async fn probe_once(&self) {
        match self.lanes.redial().await {
            Ok(_) => {
                *self.probe.closed_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(clock::now());
                self.breaker.close();
                self.note_recovery();
            }
            Err(failure) => self.note_trouble(&failure),
        }
    }
}

async fn probe_until_closed(node: &Weak<Node>, mut pause: Duration) {
    while node.upgrade().is_some_and(|node| node.breaker.is_open()) {
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        let Some(node) = node.upgrade() else { return };
        node.probe_once().await;
    }
}
