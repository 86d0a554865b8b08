//! Tags of `#[cached]` that name what is returned.
#![forbid(unsafe_code)]
#![deny(warnings)]

use std::pin::Pin;
use std::rc::Rc;

use cache_runtime::{KeyPart, cached, invalidates};

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct User {
    id: u64,
    org: OrgId,
    name: String,
    address: (u8, Vec<u8>),
}

#[derive(Clone, KeyPart, serde::Serialize, serde::Deserialize)]
struct OrgId(String);

fn user(id: u64) -> User {
    User { id, org: OrgId("a".to_owned()), name: String::new(), address: (1, vec![]) }
}

type Lookup<T> = Result<Option<T>, String>;

struct Db {
    tenant: u64,
}

#[cached(key = "user:{id}", ttl = "1m", tags = ["user:{id}", "org:{return.org}", "{return.address.0}"], skip(db))]
async fn aliased(db: &Db, id: u64) -> Lookup<User> {
    if id == db.tenant {
        return Ok(None);
    }
    let found: Result<u64, std::num::ParseIntError> = "7".parse();
    let id = found.map_err(|error| error.to_string())?;
    Ok(Some(user(id)))
}

// A parameter in the template, which the body moves.
#[cached(key = "by_name:{name}", ttl = "1m", tags = ["{name}:{return.id}:{return.address:hash}"])]
async fn moved(name: String) -> Option<User> {
    drop(name);
    Some(user(1))
}

#[cached(key = "plain:{id}", ttl = "1m", tags = ["{return}"])]
async fn plain(id: u64) -> u64 {
    id
}

#[cached(key = "count:{id}", ttl = "1m", tags = ["{size}:{return}"], bind(size = name.len() + 1), skip(name))]
async fn bound(id: u64, name: &str) -> Result<u64, std::fmt::Error> {
    Ok(id + name.len() as u64)
}

#[cached(key = "size:{length}", ttl = "1m", tags = ["{length}:{return}"], bind(length = name.len()))]
async fn bound_in_both(name: String) -> usize {
    name.len()
}

#[cached(key = "pair:{a}:{b}:{id}", ttl = "1m", tags = ["{a}:{return.id}"])]
async fn pattern((a, b): (u64, String), User { id, .. }: User) -> User {
    let _ = (b, id);
    user(a)
}

// A tag from a skipped parameter: `put` could not render it.
#[cached(key = "tenant:{id}", ttl = "1m", tags = ["{db.tenant}:{return.id}"], skip(db))]
async fn of_skipped(db: &Db, id: u64) -> User {
    let _ = db;
    user(id)
}

// A parameter of that name is a parameter.
#[cached(key = "raw:{return}", ttl = "1m", tags = ["{return}"])]
async fn raw(r#return: u64) -> u64 {
    r#return
}

#[cached(key = "generic:{id}", ttl = "1m", tags = ["{id}:{return.0}"])]
async fn generic<T>(id: impl KeyPart + Send + Sync + Clone) -> Result<(T, u8), std::fmt::Error>
where
    T: cache_runtime::Cacheable + KeyPart + Default,
{
    let _ = id.clone();
    Ok((T::default(), 1))
}

#[cached(key = "not_send:{id}", ttl = "1m", tags = ["{return}"])]
async fn not_send(id: u64) -> u64 {
    let one = Rc::new(id);
    std::future::ready(()).await;
    *one
}

#[cached(key = "opaque:{id}", ttl = "1m", tags = ["{return}"])]
fn opaque(id: u64) -> impl Future<Output = Option<u64>> + Send {
    async move { Some(id) }
}

// The type of its error is known from the return type only.
#[cached(key = "inferred:{id}", ttl = "1m", tags = ["{return}"])]
fn inferred(id: u64) -> impl Future<Output = Result<u64, String>> {
    async move { Ok(id.to_string().parse().map_err(|_| String::new())?) }
}

#[cached(key = "boxed:{name}", ttl = "1m", tags = ["{name}:{return.id}"])]
fn boxed(name: &str) -> Pin<Box<dyn Future<Output = Result<User, String>> + Send + '_>> {
    Box::pin(async move { Ok(user(name.len() as u64)) })
}

#[cached(key = "dyn", ttl = "1m", tags = ["{return}"])]
async fn unsized_in_body() -> Result<std::sync::Arc<str>, Box<dyn std::error::Error + Send + Sync>> {
    if false {
        Err("no")?;
    }
    Ok(std::sync::Arc::from("a"))
}

#[cached(key = "both:{id}", ttl = "1m", tags = ["{return.id}"])]
#[invalidates(tags = ["read:{return.id}", "read:{id}"], fence)]
async fn both(id: u64) -> User {
    user(id)
}

struct Repo<T>(T);

impl<T: KeyPart + Send + Sync + Clone> Repo<T> {
    #[cached(key = "method:{self.0}:{id}", ttl = "1m", tags = ["{self.0}:{return.org}", "{return.id}"])]
    async fn method(&self, id: u64) -> Lookup<User> {
        Ok(Some(user(id)))
    }

    #[cached(key = "owned:{self.0}", ttl = "1m", tags = ["{self.0}:{return.id}"])]
    async fn owned(self) -> User {
        drop(self.0);
        user(1)
    }
}

trait Users {
    async fn get(&self, id: u64) -> Option<User>;
}

impl Users for Db {
    #[cached(key = "get:{self.tenant}:{id}", ttl = "1m", tags = ["org:{return.org}"])]
    async fn get(&self, id: u64) -> Option<User> {
        Some(user(id))
    }
}

macro_rules! lookup {
    ($name:ident, $tag:literal) => {
        #[cached(key = "lookup:{id}", ttl = "1m", tags = [$tag])]
        async fn $name(id: u64) -> User {
            user(id)
        }
    };
}

lookup!(by_macro, "user:{return.id}");

fn is_send<T: Send>(value: T) -> T {
    value
}

fn main() {
    let db = Db { tenant: 1 };
    drop(is_send(aliased(&db, 1)));
    drop(is_send(aliased::put(1, user(1))));
    drop(is_send(aliased::put(1, None)));
    drop(is_send(aliased::put(1, Ok(Some(user(1))))));
    drop(is_send(aliased::peek(1)));
    drop(is_send(aliased::invalidate(1)));
    drop(is_send(moved(String::new())));
    drop(is_send(moved::put(String::new(), user(1))));
    drop(is_send(plain(1)));
    drop(is_send(plain::put(1, 2)));
    drop(is_send(bound(1, "a")));
    drop(is_send(bound_in_both(String::new())));
    drop(is_send(bound_in_both::put(String::new(), 1)));
    drop(is_send(pattern((1, String::new()), user(1))));
    drop(is_send(of_skipped(&db, 1)));
    let _ = of_skipped::key(1);
    drop(is_send(raw(1)));
    drop(is_send(generic::<u64>("a")));
    drop(not_send(1));
    drop(is_send(opaque(1)));
    drop(is_send(opaque::put(1, 2)));
    drop(inferred(1));
    drop(is_send(boxed("a")));
    drop(is_send(boxed::put("a", user(1))));
    drop(is_send(unsized_in_body()));
    drop(is_send(both(1)));
    drop(is_send(Repo(1).method(1)));
    drop(is_send(Repo(1).owned()));
    drop(db.get(1));
    drop(is_send(by_macro(1)));
}
