//! Has the library in its manifest, and does not name it.

fn main() {
    println!("{}", cache_runtime::graph().to_json());
}
