//! Plain functions that return a future, and what `#[async_trait]` leaves of a method.
#![forbid(unsafe_code)]
#![deny(warnings)]

use std::future::Future;
use std::pin::Pin;

use cache_runtime::{cached, invalidates};

#[cached(key = "opaque:{id}", ttl = "1s")]
fn opaque(id: u64) -> impl Future<Output = u64> + Send {
    if id == 0 {
        return either(1);
    }
    either(id)
}

async fn either(id: u64) -> u64 {
    id
}

#[cached(key = "boxed:{name}", ttl = "1s")]
fn boxed(name: &str) -> Pin<Box<dyn Future<Output = Result<usize, String>> + Send + '_>> {
    if name.is_empty() {
        return Box::pin(async { Err(String::new()) });
    }
    Box::pin(async move { Ok(name.len()) })
}

#[invalidates(boxed(name), tags = ["{return}"])]
fn clear(name: &str) -> impl Future<Output = Option<u8>> {
    async move { Some(name.len() as u8) }
}

struct Pg(String);

trait Users: Sync {
    fn get<'life0, 'life1, 'async_trait>(
        &'life0 self,
        name: &'life1 str,
    ) -> Pin<Box<dyn Future<Output = Option<u64>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait;
}

impl Users for Pg {
    #[cached(key = "user:{self.0}:{name}", ttl = "1s")]
    #[allow(clippy::type_complexity, clippy::type_repetition_in_bounds)]
    fn get<'life0, 'life1, 'async_trait>(
        &'life0 self,
        name: &'life1 str,
    ) -> Pin<Box<dyn Future<Output = Option<u64>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            if let ::core::option::Option::Some(__ret) =
                ::core::option::Option::None::<Option<u64>>
            {
                #[allow(unreachable_code)]
                return __ret;
            }
            let __self = self;
            let name = name;
            let __ret: Option<u64> = { Some((__self.0.len() + name.len()) as u64) };
            #[allow(unreachable_code)]
            __ret
        })
    }
}

fn is_send<T: Send>(value: T) -> T {
    value
}

fn main() {
    drop(is_send(opaque(1)));
    drop(is_send(boxed("a")));
    drop(clear("a"));
    let users: &dyn Users = &Pg(String::new());
    drop(users.get("a"));
    let _ = boxed::key("a");
}
