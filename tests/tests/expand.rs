//! Expansions: each recorded one has its input in `tests/expand/`, and none is linted as the user's code.
//!
//! The comparison with what is recorded stands in `cache-macros/src/snapshots.rs`: only there the macros are functions.

use std::path::Path;

#[test]
fn every_expansion_has_its_input() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("expand");
    let mut pairs = 0;
    for entry in std::fs::read_dir(folder).expect("the folder exists") {
        let path = entry.expect("the folder is readable").path();
        let name = path.to_string_lossy().into_owned();
        let other = match name.strip_suffix(".expanded.rs") {
            Some(stem) => format!("{stem}.rs"),
            None => name.replace(".rs", ".expanded.rs"),
        };
        assert!(Path::new(&other).exists(), "{name} has no {other}");
        pairs += 1;
    }
    assert!(pairs > 0);
}

/// What the macros make of a function is not linted as if the user had typed it: `cargo clippy` is the test.
#[deny(warnings, clippy::pedantic)]
mod strictly_linted {
    use std::future::ready;

    use cache_runtime::{cached, invalidates};

    #[cached(key = "owned:{name}", ttl = "1s")]
    pub(super) async fn owned(name: String) -> usize {
        ready(name.len()).await
    }

    #[cached(key = "optional:{name}", ttl = "1s")]
    pub(super) async fn optional(name: Option<&str>) -> usize {
        ready(name.map_or(0, str::len)).await
    }

    #[cached(key = "seven:{a}:{b}:{c}:{d}:{e}:{f}:{mutable}", ttl = "1s")]
    #[allow(clippy::many_single_char_names)]
    pub(super) async fn seven(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, mut mutable: u8) -> u8 {
        mutable += a + b + c + d + e + f;
        ready(mutable).await
    }

    #[invalidates(owned(name.to_owned()), optional(Some(name)), tags = ["{name}"])]
    pub(super) async fn renamed(name: &str) -> usize {
        ready(name.len()).await
    }
}

#[test]
fn strictly_linted_functions_can_be_called() {
    drop(strictly_linted::owned(String::new()));
    drop(strictly_linted::optional(None));
    drop(strictly_linted::seven(1, 1, 1, 1, 1, 1, 1));
    drop(strictly_linted::renamed(""));
}
