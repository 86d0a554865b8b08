//! A run: nodes that read and mutate for a while, faults beside them, an end in which all comes to rest, and a report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::Cache;
use fastrand::Rng;
use tokio::task::JoinSet;

use super::clock::now;
use super::faults::Deck;
use super::mutator::mutate_on;
use super::plan::{Load, Plan};
use super::reader::read_on;
use super::report::Report;
use super::scene::{FENCE_TTL, Scene};
use super::settle::settle;
use super::spec::World;
use super::system::{NODES, System};

/// Runs a plan on two threads and a third for the faults. Ends early when a violation was found.
pub fn run(plan: &Plan) -> Report {
    let (rows, readers) = match plan.load {
        Load::Dense => (12, 10),
        Load::Sparse => (600, 10),
        Load::Quiet => (12, 6),
    };
    let system = System::start(plan.kind);
    let scene = Arc::new(Scene {
        world: World::new(rows, NODES, plan.lease, plan.local),
        plan: plan.clone(),
        over: AtomicBool::new(false),
    });
    let mut rng = Rng::with_seed(plan.seed);
    let caches: Vec<Cache> = (0..NODES).map(|node| cache(plan, &system.url(node), rng.usize(1..=3))).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime can be had");
    let fills = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for (node, cache) in caches.iter().enumerate() {
            for _ in 0..readers {
                tasks.spawn(read_on(Arc::clone(&scene), cache.clone(), node, rng.fork()));
            }
            tasks.spawn(mutate_on(Arc::clone(&scene), cache.clone(), node, rng.fork()));
        }
        let faulty = {
            let (scene, rng) = (Arc::clone(&scene), rng.fork());
            tokio::task::spawn_blocking(move || happen(&scene, system, rng))
        };
        let end = now() + plan.time;
        while now() < end && !scene.world.has_violations() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        scene.over.store(true, SeqCst);
        while let Some(ended) = tasks.join_next().await {
            ended.expect("readers and mutators do not panic");
        }
        let system = faulty.await.expect("the faults do not panic");
        if !scene.world.has_violations() {
            settle(&scene, &caches).await;
        }
        drop(system);
        caches.iter().map(|cache| cache.stats().direct.fills).sum()
    });
    drop(caches);
    let (violations, examples) = scene.world.verdict();
    let (sums, faults) = (scene.world.tally.sums(), scene.world.faults());
    Report { plan: plan.clone(), sums, fills, faults, violations, examples }
}

/// Lets faults happen until the run is over, and returns the servers when the last one is.
fn happen(scene: &Scene, mut system: System, mut rng: Rng) -> System {
    let mut deck = Deck::new(scene.plan.faults, scene.plan.kind);
    while !scene.is_over() {
        std::thread::sleep(Duration::from_millis(rng.u64(50..400)));
        if let Some(fault) = deck.deal(&mut rng).filter(|_| !scene.is_over()) {
            scene.world.fault_begins(fault.name);
            let happened = (fault.happen)(&mut system, &mut rng);
            scene.world.fault_ends(happened.is_some());
        }
    }
    system
}

fn cache(plan: &Plan, url: &str, lanes: usize) -> Cache {
    let builder = Cache::builder()
        .namespace("check")
        .redis(url)
        .lease(plan.lease)
        .fence_ttl(FENCE_TTL)
        .local_tier(plan.local)
        .lanes(lanes);
    let builder = match plan.hasty {
        true => builder.load_wait(Duration::from_millis(50)).token_ttl(Duration::from_millis(100)),
        false => builder.load_wait(Duration::from_secs(2)),
    };
    let builder = match plan.mutant {
        Some(mutant) => builder.mutant(mutant),
        None => builder,
    };
    builder.build().expect("settings are in order")
}
