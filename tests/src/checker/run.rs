//! A run: nodes that read and mutate for a while, faults beside them, and a report.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use cache_runtime::mutant::Mutant;
use cache_runtime::{Cache, Error, Key, invalidates, observe};
use fastrand::Rng;
use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use super::faults::{self, Faults};
use super::spec::{Read, Sums, World, now};
use super::system::{Kind, System};

/// How the rows are read and mutated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// A few rows, all of them hot.
    Dense,
    /// Hundreds of rows, each mutated now and then: no later event hides a stale entry.
    Sparse,
    /// Readers that hardly ever ask: no request tells them that their connection is dead.
    Quiet,
}

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The servers.
    pub kind: Kind,
    /// What happens to them.
    pub faults: Faults,
    /// The readers and mutators.
    pub load: Load,
    /// For how long.
    pub time: Duration,
    /// The lease `H` of every node.
    pub lease: Duration,
    /// Whether nodes keep entries in process.
    pub local: bool,
    /// Whether mutators fence, and some of them die after their commit.
    pub fenced: bool,
    /// Whether mutators invalidate before they commit: a mistake that must be noticed.
    pub backwards: bool,
    /// A rule of the protocol that is switched off.
    pub mutant: Option<Mutant>,
    /// Chooses rows, pauses and faults. The schedule of tasks and packets is the machine's.
    pub seed: u64,
}

impl Plan {
    /// Healthy, dense, without faults, in process too.
    pub fn new(kind: Kind, time: Duration) -> Self {
        Self {
            kind,
            faults: Faults::None,
            load: Load::Dense,
            time,
            lease: Duration::from_millis(400),
            local: true,
            fenced: false,
            backwards: false,
            mutant: None,
            seed: fastrand::u64(..),
        }
    }

    /// With faults.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// With other readers and mutators.
    #[must_use]
    pub fn load(self, load: Load) -> Self {
        Self { load, ..self }
    }

    /// With a rule switched off.
    #[must_use]
    pub fn mutant(self, mutant: Mutant) -> Self {
        Self { mutant: Some(mutant), ..self }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, faults, load, local, fenced, backwards, mutant, seed, .. } = self;
        write!(f, "{kind:?}, {faults:?}, {load:?}")?;
        if !local {
            write!(f, ", no tier")?;
        }
        if *fenced {
            write!(f, ", fenced")?;
        }
        if *backwards {
            write!(f, ", invalidates before the commit")?;
        }
        if let Some(mutant) = mutant {
            write!(f, ", without {mutant:?}")?;
        }
        write!(f, ", seed {seed}")
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    sums: Sums,
    fills: u64,
    faults: Vec<&'static str>,
}

impl Report {
    /// How many reads there were.
    pub fn reads(&self) -> u64 {
        self.sums.reads
    }

    /// The faults, in their order.
    pub fn faults(&self) -> &[&'static str] {
        &self.faults
    }

    /// How far the in-process tier was behind at worst.
    pub fn worst_local(&self) -> Duration {
        self.sums.worst_local
    }

    /// P1 to P4, and readers who were stuck.
    pub fn violations(&self) -> u64 {
        let Sums { stale, own_stale, late, invented, stuck, .. } = self.sums;
        stale + own_stale + late + invented + stuck
    }

    /// The first few of them, in words.
    pub fn examples(&self) -> &[String] {
        &self.sums.examples
    }

    /// P6: something was stored, and hits are more than a part in ten.
    pub fn is_alive(&self) -> bool {
        let Sums { reads, local, redis, joined, acknowledged, .. } = self.sums;
        self.fills > 0 && (local + redis + joined) * 10 > reads && acknowledged > 10
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sums { reads, local, redis, joined, loaded, acknowledged, unknown, .. } = self.sums;
        let Sums { stale, own_stale, late, invented, stuck, worst_local, .. } = &self.sums;
        let hits = (local + redis) as f64 / (reads.max(1)) as f64 * 100.0;
        write!(
            f,
            "{reads} reads ({local} local, {redis} redis, {joined} joined, {loaded} loaded: {hits:.0}% hits), \
             {acknowledged} mutations acknowledged and {unknown} not, {} faults; \
             P1 {stale}, P2 {own_stale}, P3 {late}, P4 {invented}, stuck {stuck}; \
             tier behind at worst {:.1} ms",
            self.faults.len(),
            worst_local.as_secs_f64() * 1e3
        )
    }
}

/// How long nobody's read takes.
const PATIENCE: Duration = Duration::from_secs(30);
const FENCE_TTL: Duration = Duration::from_millis(600);

struct Scene {
    world: World,
    plan: Plan,
    over: AtomicBool,
}

/// Runs a plan on two threads and a third for the faults. Ends early when a violation was found.
pub fn run(plan: &Plan) -> Report {
    let (rows, nodes, readers) = match plan.load {
        Load::Dense => (12, 3, 10),
        Load::Sparse => (600, 3, 10),
        Load::Quiet => (6, 3, 2),
    };
    let mut system = System::start(plan.kind, nodes);
    let scene = Arc::new(Scene {
        world: World::new(rows, nodes, plan.lease),
        plan: plan.clone(),
        over: AtomicBool::new(false),
    });
    let caches: Vec<Cache> = (0..nodes).map(|node| cache(plan, &system.url(node))).collect();
    let mut rng = Rng::with_seed(plan.seed);
    let seeds: Vec<u64> = (0..nodes * (readers + 1)).map(|_| rng.u64(..)).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime can be had");
    let faulty = {
        let (scene, mut rng) = (Arc::clone(&scene), Rng::with_seed(rng.u64(..)));
        std::thread::spawn(move || {
            let mut faults = Vec::new();
            while !scene.over.load(SeqCst) {
                std::thread::sleep(Duration::from_millis(rng.u64(50..400)));
                if scene.plan.faults != Faults::None && !scene.over.load(SeqCst) {
                    faults.push(faults::inject(&mut system, scene.plan.faults, &mut rng));
                }
            }
            // The servers end here, after the last fault.
            drop(system);
            faults
        })
    };
    let fills = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        let mut seeds = seeds.into_iter().map(Rng::with_seed);
        for (node, cache) in caches.iter().enumerate() {
            for _ in 0..readers {
                let (scene, cache) = (Arc::clone(&scene), cache.clone());
                tasks.spawn(read_on(scene, cache, node, seeds.next().expect("one for each")));
            }
            let (scene, cache) = (Arc::clone(&scene), cache.clone());
            tasks.spawn(mutate_on(scene, cache, node, seeds.next().expect("one for each")));
        }
        let end = now() + plan.time;
        while now() < end && !scene.world.has_violations() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        scene.over.store(true, SeqCst);
        while let Some(ended) = tasks.join_next().await {
            ended.expect("readers and mutators do not panic");
        }
        caches.iter().map(|cache| cache.stats().direct.fills).sum()
    });
    drop(caches);
    let faults = faulty.join().expect("the faults do not panic");
    Report { sums: scene.world.sums(), fills, faults }
}

fn cache(plan: &Plan, url: &str) -> Cache {
    let builder =
        Cache::builder().namespace("check").redis(url).lease(plan.lease).fence_ttl(FENCE_TTL).local_tier(plan.local);
    let builder = match plan.mutant {
        Some(mutant) => builder.mutant(mutant),
        None => builder,
    };
    builder.build().expect("settings are in order")
}

fn key(row: usize) -> Key {
    // Every fourth row has no tags: there the entry's own token is all there is.
    match row % 4 {
        3 => Key::new(format!("row:{row}")),
        _ => Key::new(format!("row:{row}")).tag(format!("row:{row}")).tag(format!("group:{}", row / 4)),
    }
}

async fn pause(rng: &mut Rng, most_micros: u64) {
    let micros = rng.u64(..most_micros);
    if micros < 50 {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
}

async fn read_on(scene: Arc<Scene>, cache: Cache, node: usize, mut rng: Rng) {
    while !scene.over.load(SeqCst) {
        let row = rng.usize(..scene.world.rows());
        let seed = rng.u64(..);
        let reading = AssertUnwindSafe(read(&scene, &cache, node, row, seed)).catch_unwind();
        let patience = match rng.u32(..50) {
            // A caller who goes away at any await.
            0 => Duration::from_micros(rng.u64(..1500)),
            _ => PATIENCE,
        };
        let ended = tokio::time::timeout(patience, reading).await;
        if ended.is_err() && patience == PATIENCE {
            scene.world.stuck(format!("node {node}, row {row}"));
        }
        match scene.plan.load {
            Load::Dense | Load::Sparse => tokio::task::yield_now().await,
            Load::Quiet => tokio::time::sleep(Duration::from_millis(rng.u64(5..60))).await,
        }
    }
}

/// One read, judged when it ends. The loader fails now and then, in each way there is.
async fn read(scene: &Scene, cache: &Cache, node: usize, row: usize, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let world = &scene.world;
    let started = now();
    let reading = observe(cache.get_or_load(key(row), Duration::from_secs(30), || async {
        match rng.u32(..400) {
            // Without the hook: nobody wants to read of it.
            0 => std::panic::resume_unwind(Box::new("a loader that panics")),
            1 => return Err("a loader that fails"),
            2 => tokio::time::sleep(Duration::from_millis(150)).await,
            _ => pause(&mut rng, 800).await,
        }
        let version = world.version(row);
        pause(&mut rng, 800).await;
        Ok(version)
    }));
    let (value, seen) = reading.await;
    if let Ok(value) = value {
        world.judge(&Read { node, row, started, value, source: seen.source });
    }
}

async fn mutate_on(scene: Arc<Scene>, cache: Cache, node: usize, mut rng: Rng) {
    while !scene.over.load(SeqCst) {
        let row = rng.usize(..scene.world.rows());
        if scene.plan.fenced {
            mutate_fenced(&scene, &cache, node, row, &mut rng).await;
        } else {
            mutate(&scene, &cache, node, row, &mut rng).await;
        }
        let most = match scene.plan.load {
            Load::Dense => 8_000,
            Load::Sparse => 6_000,
            Load::Quiet => 150_000,
        };
        pause(&mut rng, most).await;
    }
}

async fn invalidate(cache: &Cache, row: usize, rng: &mut Rng) -> Result<(), Error> {
    match (row % 4, rng.u32(..3)) {
        (3, _) | (_, 0) => cache.remove([key(row)]).await.map(drop),
        (_, 1) => cache.invalidate_tags([format!("row:{row}")]).await,
        _ => cache.invalidate_tags([format!("group:{}", row / 4)]).await,
    }
}

async fn mutate(scene: &Scene, cache: &Cache, node: usize, row: usize, rng: &mut Rng) {
    if scene.plan.backwards {
        let outcome = invalidate(cache, row, rng).await;
        pause(rng, 300).await;
        let version = scene.world.commit(row);
        scene.world.acknowledge(node, row, version, outcome.is_ok());
        return;
    }
    let version = scene.world.commit(row);
    pause(rng, 300).await;
    let outcome = invalidate(cache, row, rng).await;
    scene.world.acknowledge(node, row, version, outcome.is_ok());
}

/// Why a fenced mutation did not run.
struct Refused;

impl From<Error> for Refused {
    fn from(_: Error) -> Self {
        Self
    }
}

/// What becomes of a mutator.
struct Fate {
    dies: bool,
    /// What it committed before it died.
    committed: AtomicU64,
}

#[invalidates(keys = ["row:{row}"], tags = ["row:{row}"], fence = "require")]
async fn fenced(world: &World, row: usize, before: u64, fate: &Fate) -> Result<u64, Refused> {
    tokio::time::sleep(Duration::from_micros(before)).await;
    let version = world.commit(row);
    if fate.dies {
        // The process ends here: what is behind the commit never runs.
        fate.committed.store(version, SeqCst);
        std::future::pending::<()>().await;
    }
    Ok(version)
}

async fn mutate_fenced(scene: &Scene, cache: &Cache, node: usize, row: usize, rng: &mut Rng) {
    let fate = Fate { dies: rng.u32(..10) < 3, committed: AtomicU64::new(0) };
    let mut mutation = Box::pin(cache.scope(fenced(&scene.world, row, rng.u64(..2000), &fate)));
    let ended = std::future::poll_fn(|cx| match mutation.as_mut().poll(cx) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if fate.committed.load(SeqCst) > 0 => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    match ended.await {
        None => {
            // Not dropped: a process that died drops nothing.
            std::mem::forget(mutation);
            scene.world.died_fenced(row, fate.committed.load(SeqCst), FENCE_TTL);
        }
        Some(Ok(version)) => {
            // Its invalidation may have been queued: the function's result does not say.
            let known = cache.health().owed == 0;
            scene.world.acknowledge(node, row, version, known);
        }
        Some(Err(Refused)) => {}
    }
}
