//! The example says what happens, and it does.

use std::process::Command;

#[test]
fn the_policy_example_runs_to_its_end() {
    let ran = Command::new(env!("CARGO_BIN_EXE_policy")).output().expect("it is built");
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{told}\n{}", String::from_utf8_lossy(&ran.stderr));
    let answers: Vec<&str> = told
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .filter(|word| ["loaded", "local", "bypassed"].contains(word))
        .collect();
    assert_eq!(answers, ["loaded", "local", "bypassed", "loaded", "local", "local"], "{told}");
    assert!(told.contains("did you mean `price`?"), "{told}");
}
