//! What the macros accept, and what they say to what they do not: `tests/ui/<topic>/<mistake>.rs`.
//!
//! `TRYBUILD=overwrite cargo test -p tests --test ui` writes the messages anew; read them as a user would.

#[test]
fn macros_accept_and_refuse() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    for topic in ["coverage", "duration", "function", "invalidates", "key_part", "options", "template", "types"] {
        cases.compile_fail(format!("ui/{topic}/*.rs"));
    }
}
