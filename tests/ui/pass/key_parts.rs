//! Types that derive `KeyPart`.
#![forbid(unsafe_code)]
#![deny(warnings)]

use cache_runtime::{KeyPart, cached};

#[derive(KeyPart)]
struct UserId(u64);

#[derive(KeyPart)]
struct Range<T> {
    from: T,
    r#to: Option<T>,
}

#[derive(KeyPart)]
enum Plan {
    Free,
    r#Paid,
}

#[derive(KeyPart)]
struct Unit;

#[derive(KeyPart)]
struct Named<'a, T: ?Sized, const N: usize>
where
    T: 'a,
{
    name: &'a T,
}

mod renamed {
    pub use cache_runtime as cache;
}

#[derive(renamed::cache::KeyPart)]
#[key_part(crate = crate::renamed::cache)]
struct Renamed(&'static str);

#[cached(key = "{id}:{range}:{plan}:{unit}:{named}:{renamed}", ttl = "1s")]
async fn all(
    id: UserId,
    range: Range<u8>,
    plan: &Plan,
    unit: Unit,
    named: Named<'_, str, 3>,
    renamed: Renamed,
) -> u8 {
    match plan {
        Plan::Free => 0,
        Plan::Paid => 1,
    }
}

#[renamed::cache::cached(ttl = "1s", crate = crate::renamed::cache)]
async fn through_a_path(id: u8) -> u8 {
    id
}

fn main() {
    drop(all(
        UserId(1),
        Range { from: 1, to: None },
        &Plan::Paid,
        Unit,
        Named { name: "a" },
        Renamed("a"),
    ));
    drop(all(UserId(1), Range { from: 1, to: Some(1) }, &Plan::Free, Unit, Named { name: "a" }, Renamed("a")));
    drop(through_a_path(1));
}
