//! Free functions: generics, references, patterns, raw names, `cfg`, functions in functions.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs)]

use cache_runtime::{Cache, KeyPart, cached};

/// A database.
pub struct Db;

/// A user.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct User(u64);

/// Why not.
pub struct DbError;

impl From<u8> for DbError {
    fn from(_: u8) -> Self {
        Self
    }
}

impl From<std::num::ParseIntError> for DbError {
    fn from(_: std::num::ParseIntError) -> Self {
        Self
    }
}

type Answer<T> = Result<T, DbError>;

/// Finds a user.
#[cached(key = "user:{id}", ttl = "10m", tags = ["user:{id}", "users"], skip(db))]
pub async fn get_user(db: &Db, id: u64) -> Result<Option<User>, DbError> {
    let Db = db;
    let parsed: u64 = "7".parse()?;
    if parsed == id {
        return Ok(None);
    }
    Ok(Some(User(id)))
}

/// By an alias.
#[cached(key = "name:{name}", ttl = 60)]
pub async fn by_name(mut name: String) -> Answer<User> {
    name.push('!');
    Ok(User(name.len() as u64))
}

/// Generic.
#[cached(key = "generic:{id}:{kind}", ttl = "1h", skip(db))]
pub async fn generic<'a, D, I: KeyPart + Copy, const N: usize>(
    db: &'a D,
    id: I,
    kind: impl KeyPart + 'a,
) -> Vec<u8>
where
    D: Fn(usize) -> u8,
    I: Into<u64>,
{
    let _ = kind;
    let _: u64 = id.into();
    vec![db(N)]
}

/// Patterns, each of whose names counts.
#[cached(key = "pattern:{a}:{b}", ttl = "1s", skip(rest))]
pub async fn pattern((a, [b, rest @ ..]): (u8, [u8; 3]), User(_): User, _: &Db) -> u8 {
    a + b + rest[0]
}

/// Raw names.
#[cached(ttl = "1s")]
pub async fn r#match(r#type: &str, r#in: u8) -> usize {
    r#type.len() + usize::from(r#in)
}

/// Attributes on the function and on its parameters.
#[cfg(all())]
#[cached(key = "attributes:{here}:{gone}", ttl = "1s", skip(unused))]
#[allow(clippy::unused_async)]
#[doc(alias = "attrs")]
pub async fn attributes(
    #[cfg(all())] here: u8,
    #[cfg(any())] gone: Missing,
    #[allow(unused)] mut unused: u8,
) -> u8 {
    #![allow(unused_variables)]
    let unused = 1;
    here
}

/// Nothing to tell calls apart.
#[cached(key = "config", ttl = std::time::Duration::from_secs(5), local = false, version = 3)]
pub async fn config() -> (u8, String) {
    Default::default()
}

/// A bound expression, a hash, another codec.
#[cached(
    key = "page:{len}:{filter:hash}",
    ttl = ttl(len_of(name)),
    negative_ttl = "30s",
    local = "5s",
    bind(len = name.len()),
    tags = ["len:{len}"],
    codec = cache_runtime::codec::Json,
)]
pub async fn page(name: &str, filter: &Vec<f64>) -> Option<String> {
    (!filter.is_empty()).then(|| name.to_owned())
}

fn ttl(seconds: usize) -> std::time::Duration {
    std::time::Duration::from_secs(seconds as u64)
}

fn len_of(name: &str) -> usize {
    name.len()
}

mod inner {
    use super::*;

    #[cached(ttl = "1s")]
    pub(super) async fn get_user(id: u64) -> u64 {
        #[cached(ttl = "1s", key = "nested:{id}")]
        async fn nested(id: u64) -> u64 {
            id
        }
        let _ = nested::key(id);
        nested(id).await
    }
}

async fn cache_of(_tenant: &str) -> Result<Cache, cache_runtime::Error> {
    Ok(Cache::local())
}

/// Which cache is meant is asked for with each call.
#[cached(key = "of:{tenant}:{id}", ttl = "1m", cache = &cache_of(tenant).await?)]
pub async fn of_tenant(tenant: &str, id: u64) -> Result<u64, cache_runtime::Error> {
    Ok(id + tenant.len() as u64)
}

/// The same, and it leaves by `return`.
#[cached(key = "left:{tenant}", ttl = "1m", cache = &match cache_of(tenant).await { Ok(cache) => cache, Err(error) => return Err(error) })]
pub async fn left(tenant: &str) -> Result<u64, cache_runtime::Error> {
    Ok(tenant.len() as u64)
}

macro_rules! cache_of {
    ($tenant:expr) => {
        &cache_of($tenant).await?
    };
}

/// The same, in a macro.
#[cached(key = "macro:{tenant}", ttl = "1m", cache = cache_of!(tenant))]
pub async fn by_macro(tenant: &str) -> Result<u64, cache_runtime::Error> {
    Ok(tenant.len() as u64)
}

async fn org_of(id: u64) -> u64 {
    id / 10
}

/// What a tag of the result needs is asked for.
#[cached(key = "bound:{id}", ttl = "1m", tags = ["{org}:{return}"], bind(org = org_of(id).await))]
pub async fn bound(id: u64) -> u64 {
    id
}

/// An error of any type, and one that is never sent.
#[cached(key = "fails:{id}", ttl = "1m")]
pub async fn fails<E: From<u8>>(id: u64) -> Result<u64, E> {
    Ok(id)
}

/// Stays on its thread.
#[cached(key = "here:{id}", ttl = "1m")]
pub async fn here(id: u64) -> Result<u64, std::rc::Rc<u64>> {
    Ok(id)
}

/// What is asked of the cache can be sent away; it borrows nothing.
fn spawned<T>(_: impl Future<Output = Result<T, cache_runtime::Error>> + Send + 'static) {}

fn sent() {
    let tenant = String::from("a");
    spawned(get_user::invalidate(1));
    spawned(page::peek(&tenant, &vec![]));
    spawned(fails::peek::<DbError>(1));
    spawned(here::peek(1));
    spawned(here::put(1, 2));
}

async fn companions() -> Result<(), cache_runtime::Error> {
    let _: cache_runtime::Key = get_user::key(1);
    get_user::invalidate(1).await?;
    let _: Option<Option<User>> = get_user::peek(1).await?;
    get_user::put(1, User(1)).await?;
    get_user::put(1, Some(User(1))).await?;
    let _ = by_name::key("a".to_owned());
    let _ = generic::key(EvenId, "kind");
    generic::invalidate(EvenId, 'k').await?;
    let _ = pattern::key((1, [1, 2, 3]));
    let _ = r#match::key("a", 1);
    let _ = config::key();
    config::put((1, String::new())).await?;
    let _ = page::key("a", &vec![]);
    page::put("a", &vec![], "a".to_owned()).await?;
    let _ = inner::get_user::key(1);
    of_tenant::put("a", 1, 2).await?;
    left::put("a", 1).await?;
    by_macro::put("a", 1).await?;
    bound::put(1, 2).await?;
    let _: Option<u64> = of_tenant::peek("a", 1).await?;
    of_tenant::invalidate("a", 1).await
}

#[derive(Clone, Copy, KeyPart)]
struct EvenId;

impl From<EvenId> for u64 {
    fn from(_: EvenId) -> u64 {
        2
    }
}

fn main() {
    drop(companions());
    sent();
    drop(of_tenant("a", 1));
    drop(left("a"));
    drop(by_macro("a"));
    drop(bound(1));
    drop(fails::<DbError>(1));
    drop(here(1));
    drop(get_user(&Db, 1));
    drop(by_name(String::new()));
    drop(generic::<_, _, 3>(&|n| n as u8, EvenId, 'x'));
    drop(pattern((1, [1, 2, 3]), User(1), &Db));
    drop(r#match("a", 1));
    drop(attributes(1, 2));
    drop(config());
    drop(page("a", &vec![]));
    drop(inner::get_user(1));
}
