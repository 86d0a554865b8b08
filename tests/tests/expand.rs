//! Every recorded expansion in `tests/expand/` is of a program that exists; the comparison itself stands in
//! `cache-macros/src/snapshots.rs`, since only there the macros can be called as functions.

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
