//! What invalidates the functions of a library, in the program that links it; prints the graph.
//!
//! None of its functions is ever called. Most of them are here for what is wrong with them.

use cache_runtime::{cached, graph, invalidates};
use graph_catalogue::item;

/// Its tag has another name there, and its target is joined by type, under the name that it has here.
#[invalidates(item(id), tags = ["item:{id}", "items"])]
pub async fn sell(id: u64) {}

/// A literal where the library has a placeholder, and the other way round.
#[invalidates(tags = ["shelf:7"], keys = ["shelf:{shelf}:1"], bind(shelf = 7))]
pub async fn tidy() {}

/// Invalidates a tag that nobody carries.
#[invalidates(tags = ["itms"], on = "ok")]
pub async fn restock() -> Result<(), cache_runtime::Error> {
    Ok(())
}

/// Invalidates a key that nobody has.
#[invalidates(keys = ["prices:{id}"], fence)]
pub async fn discount(id: u64) {}

mod cart {
    use super::cached;

    /// Of the program itself.
    #[cached(key = "cart:{user}", ttl = "1h", tags = ["cart:{user}", "owner:{return}"])]
    #[expect(dead_code, reason = "to be invalidated is no use")]
    pub(super) async fn item(user: u64) -> u64 {
        user
    }
}

/// Of two functions called `item` it means the one here.
#[invalidates(cart::item(user), tags = ["owner:{user}"])]
pub async fn empty_cart(user: u64) {}

fn main() {
    println!("{}", graph().to_json());
}
