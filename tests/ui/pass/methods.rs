//! Methods: every receiver, associated functions, trait impls, generic types.
#![forbid(unsafe_code)]
#![deny(warnings)]

use std::pin::Pin;
use std::sync::Arc;

use cache_runtime::{Cache, cached, invalidates};

struct Org {
    id: u64,
}

struct Users<T> {
    org: Org,
    pair: (u8, u16),
    cache: Cache,
    marker: T,
}

impl<T: Send + Sync> Users<T> {
    #[cached(key = "org:{self.org.id}:{self.pair.1}:user:{id}", ttl = "1m", cache = &self.cache)]
    async fn get(&self, id: u64) -> Option<String> {
        let _ = &self.marker;
        (id > 0).then(|| id.to_string())
    }

    #[cached(key = "mut:{id}", ttl = "1m", skip(self))]
    async fn get_mut(&mut self, id: u64) -> u64 {
        self.org.id += id;
        self.org.id
    }

    #[cached(key = "owned:{self.org.id}", ttl = "1m")]
    async fn owned(self) -> u64 {
        self.org.id
    }

    #[cached(key = "mut-owned:{self.org.id}", ttl = "1m")]
    async fn owned_mut(mut self) -> u64 {
        self.org.id += 1;
        self.org.id
    }

    #[cached(key = "arc:{self.org.id}:{id}", ttl = "1m")]
    async fn arc(self: Arc<Self>, id: &str) -> usize {
        self.org.id as usize + id.len()
    }

    #[cached(key = "pin:{id}", ttl = "1m", skip(self))]
    async fn pin(self: Pin<&Self>, id: u8) -> u8 {
        id
    }

    #[cached(key = "associated:{id}", ttl = "1m")]
    async fn associated(id: u64) -> u64 {
        id
    }

    #[cached(ttl = "1m")]
    async fn default_key(id: u64) -> u64 {
        id
    }

    #[cached(ttl = "1m", skip(self))]
    async fn default_key_method<'a>(&'a self, name: &'a str) -> Result<String, usize> {
        match name {
            "" => Err(name.len()),
            name => Ok(name.to_owned()),
        }
    }

    #[invalidates(tags = ["org:{self.org.id}", "user:{id}"])]
    async fn rename(&mut self, id: u64, name: &str) -> bool {
        self.org.id = id + name.len() as u64;
        true
    }

    #[invalidates(keys = ["associated:{return}"], on = "ok")]
    async fn create() -> Result<u64, ()> {
        Ok(1)
    }
}

trait Repo {
    async fn find(&self, id: u64) -> Option<u64>;

    #[cached(key = "provided:{id}", ttl = "1m", skip(self))]
    async fn provided(&self, id: u64) -> u64 {
        id
    }

    fn boxed<'a>(&'a self, id: u64) -> Pin<Box<dyn Future<Output = u64> + Send + 'a>>;
}

impl<T: Send + Sync> Repo for Users<T> {
    #[cached(key = "repo:{self.org.id}:{id}", ttl = "1m")]
    async fn find(&self, id: u64) -> Option<u64> {
        Some(self.org.id + id)
    }

    #[cached(key = "boxed:{self.org.id}:{id}", ttl = "1m")]
    fn boxed<'a>(&'a self, id: u64) -> Pin<Box<dyn Future<Output = u64> + Send + 'a>> {
        Box::pin(async move { self.org.id + id })
    }
}

fn is_send<T: Send>(value: T) -> T {
    value
}

fn users() -> Users<u8> {
    Users {
        org: Org { id: 1 },
        pair: (1, 2),
        cache: Cache::local(),
        marker: 0,
    }
}

fn main() {
    let mut one = users();
    drop(is_send(one.get(1)));
    drop(one.get_mut(1));
    drop(one.rename(1, "a"));
    drop(one.find(1));
    drop(one.provided(1));
    drop(one.boxed(1));
    drop(one.default_key_method("a"));
    drop(Pin::new(&one).pin(1));
    drop(Arc::new(users()).arc("a"));
    drop(users().owned());
    drop(users().owned_mut());
    drop(Users::<u8>::associated(1));
    drop(Users::<u8>::default_key(1));
    drop(Users::<u8>::create());
}
