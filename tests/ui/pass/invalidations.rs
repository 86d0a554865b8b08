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
    drop(users::get_user(&db, None, 1, "a"));
    drop(users::by_len(String::new()));
    drop(users::generic(1u64));
}
