//! Corners: `async_trait`, recursion, `cfg_attr`, inner items, wide receivers.
#![forbid(unsafe_code)]
#![deny(warnings)]

use std::rc::Rc;
use std::sync::Arc;

use cache_runtime::{cached, invalidates};

#[cached(key = "fact:{n}", ttl = "1s")]
async fn factorial(n: u64) -> u64 {
    if n < 2 {
        return 1;
    }
    n * Box::pin(factorial(n - 1)).await
}

#[cached(key = "opaque:{id}", ttl = "1s", skip(load, counter))]
async fn opaque_skipped(load: impl Fn(u8) -> u8, id: u8, counter: &mut u8) -> u8 {
    *counter += 1;
    load(id)
}

#[cached(key = "static:{name}:{mutable}", ttl = "1s")]
async fn references(name: &'static str, mutable: &mut String) -> usize {
    mutable.push_str(name);
    mutable.len()
}

#[cached(key = "not-send:{id}", ttl = "1s")]
async fn not_send(id: u8) -> u8 {
    let shared = Rc::new(id);
    std::future::ready(()).await;
    *shared
}

#[cached(key = "owned:{name}", ttl = "1s")]
async fn consumed(name: String) -> Box<str> {
    let length = name.len();
    let boxed: Box<str> = name.into();
    assert_eq!(boxed.len(), length);
    boxed
}

#[cached(key = "never:{id}", ttl = "1s")]
#[allow(unreachable_code)]
async fn never(id: u8) -> u8 {
    panic!("{id}")
}

#[cfg_attr(all(), cached(key = "cfg_attr:{id}", ttl = "1s"))]
async fn by_cfg_attr(id: u8) -> u8 {
    id
}

struct Service {
    name: String,
}

impl Service {
    #[cfg_attr(all(), cached(key = "cfg_attr:{id}", ttl = "1s"))]
    async fn associated_by_cfg_attr(id: u8) -> u8 {
        id
    }

    #[cached(key = "arc:{self.name}", ttl = "1s")]
    async fn by_arc(self: &Arc<Self>) -> usize {
        let this = Arc::clone(self);
        this.name.len()
    }

    #[cached(key = "box:{self.name}", ttl = "1s")]
    async fn by_box(self: Box<Self>) -> String {
        self.name
    }

    #[cached(key = "made", ttl = "1s")]
    async fn make() -> Option<String> {
        let made = Self { name: String::new() };
        Some(made.name)
    }

    #[invalidates(tags = ["{self.name}"])]
    async fn replace(mut self) -> Self {
        self.name.clear();
        self
    }
}

#[async_trait::async_trait]
trait Repo: Sync {
    async fn find(&self, name: &str) -> Result<Option<u64>, String>;

    #[cached(key = "provided:{id}", ttl = "1s", skip(self))]
    async fn provided(&self, id: u64) -> Result<u64, String> {
        Ok(id.checked_add(1).ok_or("too many")?)
    }

    #[invalidates(tags = ["{id}:{return}"])]
    async fn change(&self, id: u64) -> Option<u64> {
        let next = id.checked_add(1)?;
        Some(next)
    }

    async fn without_self(id: u64) -> u64
    where
        Self: Sized;
}

#[async_trait::async_trait]
impl Repo for Service {
    #[cached(key = "find:{self.name}:{name}", ttl = "1s")]
    async fn find(&self, name: &str) -> Result<Option<u64>, String> {
        if name.is_empty() {
            return Ok(None);
        }
        let found: u64 = name.parse().map_err(|_| self.name.clone())?;
        Ok(Some(found))
    }

    #[cached(ttl = "1s")]
    async fn without_self(id: u64) -> u64 {
        id
    }
}

fn outer() {
    struct Inner;

    impl Inner {
        #[cached(key = "inner:{id}", ttl = "1s")]
        async fn get(id: u8) -> u8 {
            id
        }
    }

    #[cached(key = "local:{id}", ttl = "1s")]
    async fn local(id: u8) -> u8 {
        Inner::get(id).await
    }

    let _ = local::key(1);
    drop(local(1));
}

fn is_send<T: Send>(value: T) -> T {
    value
}

fn main() {
    outer();
    drop(is_send(factorial(3)));
    drop(opaque_skipped(|id| id, 1, &mut 1));
    let _ = opaque_skipped::key(1);
    drop(references("a", &mut String::new()));
    let _ = references::key("a", &mut String::new());
    drop(not_send(1));
    drop(is_send(consumed(String::new())));
    drop(never(1));
    drop(by_cfg_attr(1));
    let _ = by_cfg_attr::key(1);
    drop(Service::associated_by_cfg_attr(1));
    let service = || Service { name: String::new() };
    drop(is_send(Arc::new(service()).by_arc()));
    drop(is_send(Box::new(service()).by_box()));
    drop(Service::make());
    drop(service().replace());
    let one = service();
    let repo: &dyn Repo = &one;
    drop(is_send(repo.find("a")));
    drop(is_send(repo.provided(1)));
    drop(is_send(repo.change(1)));
    drop(<Service as Repo>::without_self(1));
}
