//! Peers that ask nobody for a hit. Each renders its key, as a service has to.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use benches::path::{KEYS, Path};
use benches::value::User;
use cached::AsyncRedisCache;
use cached::macros::concurrent_cached;
use multi_tier_cache::{CacheManager, CacheStrategy, CacheTier, L1Cache, MokaCacheConfig};

const TTL: Duration = Duration::from_secs(3600);
/// Entries that they have room for.
const ROOM: usize = 10 * KEYS as usize;

pub(crate) fn paths(url: &str) -> Vec<Path> {
    vec![cached(), moka(), foyer(), multi_tier_cache(), cached_client_side(url)]
}

#[concurrent_cached(key = "String", convert = r#"{ format!("user:{id}") }"#, ttl_secs = 3600)]
async fn cached_user(id: u64) -> Arc<User> {
    Arc::new(User::load(id))
}

fn cached() -> Path {
    Path::in_process("cached 4.1, in memory", cached_user)
}

fn moka() -> Path {
    let cache = moka::future::Cache::builder().max_capacity(ROOM as u64).time_to_live(TTL).build();
    let cache: &'static moka::future::Cache<String, Arc<User>> = Box::leak(Box::new(cache));
    Path::in_process("moka 0.12", move |id| async move {
        let key = format!("user:{id}");
        match cache.get(key.as_str()).await {
            Some(user) => user,
            None => {
                let user = Arc::new(User::load(id));
                cache.insert(key, Arc::clone(&user)).await;
                user
            }
        }
    })
}

fn foyer() -> Path {
    let cache: foyer::Cache<String, Arc<User>> = foyer::CacheBuilder::new(ROOM).build();
    let cache: &'static foyer::Cache<String, Arc<User>> = Box::leak(Box::new(cache));
    Path::in_process("foyer 0.22", move |id| async move {
        let key = format!("user:{id}");
        match cache.get(key.as_str()) {
            Some(entry) => Arc::clone(entry.value()),
            None => {
                let user = Arc::new(User::load(id));
                cache.insert(key, Arc::clone(&user));
                user
            }
        }
    })
}

fn multi_tier_cache() -> Path {
    let store = L1Cache::new(MokaCacheConfig::default()).expect("in order");
    let tier = CacheTier::new(Arc::new(store), 1, false, 1, 1.0);
    let manager = CacheManager::new_with_tiers(vec![tier], None).expect("one tier is in order");
    let manager: &'static CacheManager = Box::leak(Box::new(manager));
    Path::in_process("multi-tier-cache 0.6, L1", move |id| async move {
        let key = format!("user:{id}");
        let load = || async move { Ok(User::load(id)) };
        manager.get_or_compute_typed(&key, CacheStrategy::LongTerm, load).await.expect("nothing can fail")
    })
}

static URL: OnceLock<String> = OnceLock::new();

#[concurrent_cached(
    key = "String",
    convert = r#"{ format!("user:{id}") }"#,
    map_error = "|error| format!(\"{error:?}\")",
    ty = "AsyncRedisCache<String, User>",
    create = r#"{
        AsyncRedisCache::builder("client-side")
            .ttl(TTL)
            .connection_string(URL.get().expect("set before the first call"))
            .client_side_caching(true)
            .build()
            .await
            .expect("up")
    }"#
)]
async fn client_side_user(id: u64) -> Result<User, String> {
    Ok(User::load(id))
}

fn cached_client_side(url: &str) -> Path {
    URL.get_or_init(|| url.to_owned());
    Path::in_process("cached 4.1, client-side caching", |id| async move { client_side_user(id).await.expect("up") })
}
