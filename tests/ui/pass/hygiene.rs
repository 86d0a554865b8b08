//! Names that the expansion could have used itself, shadowed types, functions made by macros.
#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(dead_code)]

use cache_runtime::{cached, invalidates};

struct Result;
struct Option;
struct Some;
struct String;
struct Box;
struct Site;
struct Duration;
struct Key;
mod core {}
mod std {}

#[cached(key = "{site}:{call}:{value}:{result}:{key}:{body}:{r}:{parts}:{ret}:{ttl}", ttl = "1s")]
async fn names(
    site: u8,
    call: u8,
    value: u8,
    result: u8,
    key: u8,
    body: u8,
    r: u8,
    parts: u8,
    ret: u8,
    ttl: u8,
) -> u8 {
    site + call + value + result + key + body + r + parts + ret + ttl
}

#[cached(key = "{__cache_call}:{__cache_body}:{SITE}:{ENTRY}", ttl = "1s")]
#[allow(non_snake_case)]
async fn same_names(__cache_call: u8, __cache_body: u8, SITE: u8, ENTRY: u8) -> u8 {
    __cache_call + __cache_body + SITE + ENTRY
}

#[invalidates(tags = ["{__cache_pending}:{__cache_return}:{__cache_value}:{return}"], names(pending, 1, 1, 1, 1, 1, 1, 1, 1, return))]
async fn pending(__cache_pending: u8, __cache_return: u8, __cache_value: u8, pending: u8) -> u8 {
    __cache_pending + __cache_return + __cache_value + pending
}

macro_rules! make {
    ($name:ident, $param:ident, $key:literal, $ttl:expr, $ret:ty) => {
        #[cached(key = $key, ttl = $ttl)]
        async fn $name($param: u8) -> $ret {
            let id = $param;
            id
        }
    };
    ($name:ident in $owner:ident) => {
        impl $owner {
            #[cached(key = "{id}", ttl = "1s")]
            async fn $name(id: u8) -> u8 {
                id
            }
        }
    };
}

make!(made, id, "made:{id}", "1s", u8);
make!(method in Site);

#[cached(key = "get", ttl = "1s")]
async fn key() -> u8 {
    fn invalidate() -> u8 {
        1
    }
    invalidate()
}

fn main() {
    drop(names(1, 1, 1, 1, 1, 1, 1, 1, 1, 1));
    drop(same_names(1, 1, 1, 1));
    drop(pending(1, 1, 1, 1));
    drop(made(1));
    drop(Site::method(1));
    drop(key());
    let _ = key::key();
}
