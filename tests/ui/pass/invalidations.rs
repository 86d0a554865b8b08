//! What can be invalidated, from arguments and from what is returned.
#![forbid(unsafe_code)]
#![deny(warnings)]

use cache_runtime::{Cache, KeyPart, cached, invalidates};

struct Db {
    cache: Cache,
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct User {
    id: u64,
    org: Option<OrgId>,
}

#[derive(Clone, PartialEq, KeyPart, serde::Serialize, serde::Deserialize)]
struct OrgId(String);

mod users {
    use super::*;

    #[cached(key = "user:{org}:{id}:{name}", ttl = "1m", skip(db))]
    pub async fn get_user(db: &Db, org: Option<OrgId>, id: u64, name: &str) -> Option<User> {
        let _ = (&db.cache, name);
        Some(User { id, org })
    }

    #[cached(key = "{len}", ttl = "1m", bind(len = org.len()))]
    pub async fn by_len(org: String) -> usize {
        org.len()
    }

    #[cached(key = "{id}", ttl = "1m")]
    pub async fn generic<T: KeyPart>(id: T) -> u8 {
        let _ = id;
        1
    }
}

#[invalidates(users::get_user(None, id, name), users::generic::<u64>(id), tags = ["users"])]
async fn rename(id: u64, name: &str) -> Result<(), String> {
    Err(format!("{id}{name}"))?;
    Ok(())
}

#[invalidates(
    users::get_user(return.org, return.id, &name),
    users::get_user(Some(OrgId("a".to_owned())), id + 1, "b"),
    users::by_len(name),
    tags = ["{name}:{return.id}:{size}", "{size}"],
    keys = ["user:{return.org}"],
    bind(size = name.len() + 1),
    cache = &db.cache,
    on = "ok",
)]
async fn create(db: &Db, id: u64, name: String) -> Result<Option<User>, String> {
    drop((db, name));
    Ok(Some(User { id, org: None }))
}

#[invalidates(tags = ["all"])]
async fn borrowed(name: &str) -> &str {
    name
}

#[invalidates(tags = ["all"])]
async fn opaque(name: &str) -> impl Iterator<Item = char> {
    name.chars()
}

#[invalidates(tags = ["user:{return}"])]
async fn plain() -> u64 {
    1
}

#[cached(key = "both:{id}", ttl = "1m")]
#[invalidates(tags = ["read:{id}"])]
async fn both(id: u64) -> u64 {
    id
}

#[invalidates(tags = ["not-send"])]
async fn not_send() -> std::rc::Rc<u8> {
    let one = std::rc::Rc::new(1);
    std::future::ready(()).await;
    one
}

#[invalidates(users::get_user(None, id, name), tags = ["user:{id}"], fence)]
async fn fenced(id: u64, name: &str) -> u64 {
    id + name.len() as u64
}

#[derive(Debug)]
enum Failure {
    Cache(cache_runtime::Error),
    Name,
}

impl From<cache_runtime::Error> for Failure {
    fn from(error: cache_runtime::Error) -> Self {
        Self::Cache(error)
    }
}

type Outcome<T> = Result<T, Failure>;

// A target of what is returned beside one that a fence can be set on.
#[invalidates(tags = ["user:{id}", "{name}:{return.id}"], keys = ["{id}"], fence = "require", on = "ok")]
async fn required(id: u64, name: String) -> Outcome<User> {
    if name.is_empty() {
        return Err(Failure::Name);
    }
    drop(name);
    Ok(User { id, org: None })
}

#[invalidates(tags = ["users"], fence = "require")]
async fn boxed_error<T: Send>(it: T) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
    Ok(it)
}

#[invalidates(tags = ["users"], fence = "require")]
async fn borrowed_result(name: &str) -> Result<&str, cache_runtime::Error> {
    Ok(name)
}

#[invalidates(tags = ["users"], fence = "require")]
async fn opaque_result(name: &str) -> Result<impl Iterator<Item = char>, cache_runtime::Error> {
    Ok(name.chars())
}

#[invalidates(tags = ["users"], fence = "require")]
fn returns_future(name: &str) -> impl Future<Output = Result<usize, Failure>> {
    async move { Ok(name.len()) }
}

#[invalidates(tags = ["users"], fence = "require")]
fn returns_boxed(name: &str) -> std::pin::Pin<Box<dyn Future<Output = Outcome<usize>> + Send + '_>> {
    Box::pin(async move { Ok(name.len()) })
}

struct Repo<T>(T);

impl<T: Clone + Send + Sync> Repo<T> {
    #[invalidates(tags = ["users"], fence = "require")]
    async fn method(&self) -> Result<Self, cache_runtime::Error> {
        Ok(Self(self.0.clone()))
    }
}

fn is_send<T: Send>(value: T) -> T {
    value
}

fn main() {
    let db = Db {
        cache: Cache::local(),
    };
    drop(is_send(rename(1, "a")));
    drop(is_send(create(&db, 1, "a".to_owned())));
    drop(is_send(borrowed("a")));
    drop(is_send(opaque("a")));
    drop(plain());
    drop(both(1));
    drop(not_send());
    drop(is_send(fenced(1, "a")));
    drop(is_send(required(1, "a".to_owned())));
    drop(is_send(boxed_error(1)));
    drop(is_send(borrowed_result("a")));
    drop(is_send(opaque_result("a")));
    drop(is_send(returns_future("a")));
    drop(is_send(returns_boxed("a")));
    drop(is_send(Repo(1).method()));
    drop([Failure::Name, Failure::Cache(Cache::builder().namespace("").build().unwrap_err())]);
    drop(users::get_user(&db, None, 1, "a"));
    drop(users::by_len(String::new()));
    drop(users::generic(1u64));
}
