//! What the tasks of a run share: the world, the plan, and how they wait.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use cache_runtime::Key;
use fastrand::Rng;

use super::plan::Plan;
use super::spec::World;

/// How long nobody's call takes: far above the budget (100 ms), the longest pause of a loader (150 ms), and how long
/// somebody else's load is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
pub(super) const FENCE_TTL: Duration = Duration::from_millis(600);

pub(super) struct Scene {
    pub(super) world: World,
    pub(super) plan: Plan,
    pub(super) over: AtomicBool,
}

impl Scene {
    pub(super) fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }

    /// What a call returned, or nothing if its caller went away at that poll, or waited in vain, which is a violation.
    pub(super) async fn patiently<F: Future>(&self, call: F, polls: u32, node: usize, row: usize) -> Option<F::Output> {
        let answered = tokio::time::timeout(PATIENCE, abandoned(call, polls)).await;
        answered.unwrap_or_else(|_| {
            self.world.stuck(node, row);
            None
        })
    }
}

/// A caller who goes away at any await of his, once in fifty times: after how many polls.
pub(super) fn leaves_after(rng: &mut Rng) -> u32 {
    if rng.u32(..50) == 0 { rng.u32(1..6) } else { u32::MAX }
}

async fn abandoned<F: Future>(call: F, mut polls: u32) -> Option<F::Output> {
    let mut call = pin!(call);
    std::future::poll_fn(|cx| match call.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            polls -= 1;
            if polls == 0 { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

pub(super) fn key(row: usize) -> Key {
    // Every fourth row has no tags: there the entry's own token is all there is.
    match row % 4 {
        3 => Key::new(format!("row:{row}")),
        _ => Key::new(format!("row:{row}")).tag(format!("row:{row}")).tag(format!("group:{}", row / 4)),
    }
}

pub(super) async fn pause(rng: &mut Rng, most_micros: u64) {
    let micros = rng.u64(..most_micros);
    if micros < 50 {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
}
