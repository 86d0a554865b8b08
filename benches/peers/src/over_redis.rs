//! Peers that ask the server for each hit.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use benches::path::Path;
use benches::value::{Answer, User};
use benches::{PATIENCE, by_hand};
use cached::AsyncRedisCache;
use cached::macros::concurrent_cached;
use deadpool_redis::redis::AsyncCommands;
use fred::prelude::{Builder, ClientLike, Config, KeysInterface};
use hitbox::policy::PolicyConfig;
use hitbox_redis::{ConnectionMode, RedisBackend};
use multi_tier_cache::{CacheStrategy, CacheSystemBuilder, L2Cache, TierConfig};
use serde::{Deserialize, Serialize};

/// fred's connections, and as many as there are workers.
const CONNECTIONS: usize = benches::WORKERS;

pub(crate) async fn paths(url: &str) -> Vec<Path> {
    vec![cached(url), hitbox(url), multi_tier_cache(url).await, deadpool(url), fred(url).await]
}

static URL: OnceLock<String> = OnceLock::new();

#[concurrent_cached(
    key = "String",
    convert = r#"{ format!("user:{id}") }"#,
    map_error = "|error| format!(\"{error:?}\")",
    ty = "AsyncRedisCache<String, User>",
    create = r#"{
        AsyncRedisCache::builder("cached")
            .ttl(Duration::from_secs(3600))
            .connection_string(URL.get().expect("set before the first call"))
            .build()
            .await
            .expect("up")
    }"#
)]
async fn cached_user(id: u64) -> Result<User, String> {
    Ok(User::load(id))
}

fn cached(url: &str) -> Path {
    URL.get_or_init(|| url.to_owned());
    Path::over_redis("cached 4.1, Redis", |id| async move { cached_user(id).await.expect("up") })
}

#[derive(Clone, Serialize, Deserialize, hitbox_fn::CacheableResponse)]
struct HitboxUser {
    user: User,
}

impl Answer for HitboxUser {
    fn id(&self) -> u64 {
        self.user.id
    }
}

#[hitbox_fn::cached(prefix = "user")]
async fn hitbox_user(id: u64) -> HitboxUser {
    HitboxUser { user: User::load(id) }
}

fn hitbox(url: &str) -> Path {
    let backend = RedisBackend::builder().connection(ConnectionMode::single(url)).response_timeout(PATIENCE);
    let backend = backend.build().expect("a URL");
    let policy = PolicyConfig::builder().ttl(Duration::from_secs(3600)).build();
    let cache = hitbox_fn::Cache::builder().backend(backend).policy(policy).build();
    let cache: &'static _ = Box::leak(Box::new(cache));
    Path::over_redis("hitbox 0.2, Redis", move |id| async move { hitbox_user(id).cache(cache).await })
}

async fn multi_tier_cache(url: &str) -> Path {
    let server = L2Cache::with_url(url).await.expect("up");
    let tiers = CacheSystemBuilder::new().with_tier(Arc::new(server), TierConfig::as_l2());
    let cache = tiers.build().await.expect("in order");
    let manager: &'static _ = Box::leak(Box::new(Arc::clone(cache.cache_manager())));
    Path::over_redis("multi-tier-cache 0.6, L2", move |id| async move {
        let key = format!("multi:user:{id}");
        let load = || async move { Ok(User::load(id)) };
        manager.get_or_compute_typed(&key, CacheStrategy::LongTerm, load).await.expect("up")
    })
}

fn deadpool(url: &str) -> Path {
    let manager = deadpool_redis::Manager::new_with_config(url, by_hand::patient()).expect("a URL");
    let pool = deadpool_redis::Pool::builder(manager).runtime(deadpool_redis::Runtime::Tokio1).build();
    let pool: &'static deadpool_redis::Pool = Box::leak(Box::new(pool.expect("in order")));
    Path::over_redis("deadpool-redis 0.23, checkout and GET", move |id| async move {
        let mut connection = pool.get().await.expect("up");
        let bytes: Option<Vec<u8>> = connection.get(format!("hand:{id}")).await.expect("up");
        stored(id, bytes)
    })
}

async fn fred(url: &str) -> Path {
    let pool = Builder::from_config(Config::from_url(url).expect("a URL")).build_pool(CONNECTIONS).expect("in order");
    pool.init().await.expect("up");
    let pool: &'static _ = Box::leak(Box::new(pool));
    Path::over_redis("fred 10.1, pool, GET", move |id| async move {
        let pool: &fred::clients::Pool = pool;
        let bytes: Option<Vec<u8>> = pool.get(format!("hand:{id}")).await.expect("up");
        stored(id, bytes)
    })
}

/// What the path by hand has stored. Where it has not, yet, the call counts as a miss.
fn stored(id: u64, bytes: Option<Vec<u8>>) -> User {
    bytes.map_or_else(|| User::load(id), |bytes| by_hand::decoded(&bytes))
}
