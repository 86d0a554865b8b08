//! Cached functions in a library: none of them is called by anyone.

use cache_runtime::cached;

pub mod prices;

/// Correct: `graph_shop` invalidates its tag under another name, and itself by its type.
#[cached(key = "item:{id}", ttl = "10m", tags = ["item:{id}", "items"])]
pub async fn item(id: u64) -> Option<String> {
    Some(format!("item {id}"))
}

/// Private, generic and never called: declared all the same.
#[cached(key = "shelf:{shelf}:{row}", ttl = "10m", tags = ["shelf:{shelf}"])]
#[expect(dead_code, reason = "the linker finds what nobody calls")]
async fn shelf<S: cache_runtime::KeyPart + ToString>(shelf: S, row: u8) -> String {
    format!("{}/{row}", shelf.to_string())
}

/// A method, whose key is made of its path.
pub struct Stock;

impl Stock {
    /// How many there are.
    #[cached(ttl = "5s", tags = ["items"], skip(self))]
    pub async fn count(&self, id: u64) -> u64 {
        id
    }
}
