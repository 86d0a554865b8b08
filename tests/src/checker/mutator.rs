//! Mutators: they commit and invalidate, in each way there is, and some of them go away or die in between.
//!
//! `put` and `touch` are not among the ways: a value that is put is said to be current at that moment, which only who
//! keeps others from committing meanwhile can say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use cache_runtime::{Cache, Error, invalidates};
use fastrand::Rng;

use super::clock::now;
use super::plan::Load;
use super::scene::{FENCE_TTL, Scene, key, leaves_after, pause};
use super::spec::World;
use super::tally::Peak;

/// Mutates until the run is over.
pub(super) async fn mutate_on(scene: Arc<Scene>, cache: Cache, node: usize, mut rng: Rng) {
    while !scene.is_over() {
        let row = rng.usize(..scene.world.rows());
        let mutator = Mutator { scene: &scene, cache: &cache, node, row };
        let way = if scene.plan.fenced { 3 } else { rng.u32(..3) };
        match way {
            _ if scene.plan.backwards => mutator.backwards(&mut rng).await,
            0 | 1 => mutator.direct(&mut rng).await,
            2 => mutator.annotated(&mut rng).await,
            _ => mutator.fenced(&mut rng).await,
        }
        let most = match scene.plan.load {
            Load::Dense => 8_000,
            Load::Sparse => 6_000,
            // The others hardly mutate: that would void what they have not heard of.
            Load::Quiet if node > 0 => 1_000_000,
            Load::Quiet => 10_000,
        };
        pause(&mut rng, most).await;
    }
}

/// One mutation.
struct Mutator<'a> {
    scene: &'a Scene,
    cache: &'a Cache,
    node: usize,
    row: usize,
}

/// What an annotated mutation and its caller know of each other.
struct Body<'a> {
    world: &'a World,
    node: usize,
    /// How long it takes until the commit.
    before: Duration,
    /// Whether its process is to end behind the commit, and whether it has.
    dies: bool,
    dead: AtomicBool,
    /// 0: nothing yet.
    committed: AtomicU64,
}

/// Why a fenced mutation did not run.
struct Refused;

impl From<Error> for Refused {
    fn from(_: Error) -> Self {
        Self
    }
}

#[invalidates(keys = ["row:{row}"], tags = ["row:{row}"])]
async fn annotated(row: usize, body: &Body<'_>) {
    body.run(row).await;
}

#[invalidates(keys = ["row:{row}"], tags = ["row:{row}"], fence = "require")]
async fn fenced(row: usize, body: &Body<'_>) -> Result<(), Refused> {
    body.run(row).await;
    Ok(())
}

impl Body<'_> {
    async fn run(&self, row: usize) {
        let began = now();
        tokio::time::sleep(self.before).await;
        let version = self.world.commit(self.node, row);
        self.committed.store(version, SeqCst);
        // A fence covers nobody who takes longer than its ttl.
        if self.dies && began.elapsed() < FENCE_TTL / 2 {
            self.dead.store(true, SeqCst);
            std::future::pending::<()>().await;
        }
    }
}

impl Mutator<'_> {
    fn body(&self, rng: &mut Rng, dies: bool) -> Body<'_> {
        let before = Duration::from_micros(rng.u64(..2000));
        Body {
            world: &self.scene.world,
            node: self.node,
            before,
            dies,
            dead: AtomicBool::new(false),
            committed: AtomicU64::new(0),
        }
    }

    fn tell(&self, version: u64, delivered: bool) {
        match delivered {
            true => self.scene.world.acknowledge(self.node, self.row, version),
            false => self.scene.world.unknown(self.node, self.row, version),
        }
    }

    async fn invalidate(&self, way: u32) -> Result<(), Error> {
        let Self { cache, row, .. } = self;
        match (row % 4, way) {
            (3, _) | (_, 0) => cache.remove([key(*row)]).await.map(drop),
            (_, 1) => cache.invalidate_tags([format!("row:{row}")]).await,
            _ => cache.invalidate_tags([format!("group:{}", row / 4)]).await,
        }
    }

    /// Runs an invalidation, or a mutation with one, and keeps its time.
    async fn run<F: Future>(&self, invalidating: F, polls: u32) -> Option<F::Output> {
        let started = now();
        let outcome = self.scene.patiently(invalidating, polls, self.node, self.row).await;
        if outcome.is_some() {
            self.scene.world.tally.peak(Peak::Invalidation, started.elapsed());
        }
        outcome
    }

    async fn direct(&self, rng: &mut Rng) {
        let version = self.scene.world.commit(self.node, self.row);
        pause(rng, 300).await;
        let outcome = self.run(self.invalidate(rng.u32(..3)), leaves_after(rng)).await;
        self.tell(version, matches!(outcome, Some(Ok(()))));
    }

    async fn backwards(&self, rng: &mut Rng) {
        let outcome = self.run(self.invalidate(rng.u32(..3)), u32::MAX).await;
        pause(rng, 300).await;
        let version = self.scene.world.commit(self.node, self.row);
        self.tell(version, matches!(outcome, Some(Ok(()))));
    }

    async fn annotated(&self, rng: &mut Rng) {
        let body = self.body(rng, false);
        let ended = self.run(self.cache.scope(annotated(self.row, &body)), leaves_after(rng)).await;
        self.tell_of(&body, ended.is_some());
    }

    /// Who went away before his commit has mutated nothing.
    fn tell_of(&self, body: &Body<'_>, ended: bool) {
        let version = body.committed.load(SeqCst);
        if version > 0 {
            // The function's result does not say whether its invalidation was queued.
            self.tell(version, ended && self.cache.health().owed == 0);
        }
    }

    async fn fenced(&self, rng: &mut Rng) {
        let dies = rng.u32(..10) < 3;
        let body = self.body(rng, dies);
        let mut mutation = Box::pin(self.cache.scope(fenced(self.row, &body)));
        let ended = std::future::poll_fn(|cx| match mutation.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if body.dead.load(SeqCst) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match self.run(ended, leaves_after(rng)).await {
            Some(None) => {
                // Not dropped: a process that died drops nothing.
                std::mem::forget(mutation);
                let version = body.committed.load(SeqCst);
                self.scene.world.died_fenced(self.node, self.row, version, FENCE_TTL);
            }
            ended => self.tell_of(&body, matches!(ended, Some(Some(Ok(()))))),
        }
    }
}
