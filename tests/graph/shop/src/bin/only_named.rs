//! Names the library and nothing of it.

use graph_catalogue as _;

fn main() {
    println!("{}", cache_runtime::graph().to_json());
}
