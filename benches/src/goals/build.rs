//! What annotations cost the one who builds: `cargo check` of a crate with 300 functions, beyond that of the same crate
//! without annotations. Its dependencies are checked before.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::Bench;
use crate::table::Row;

const FUNCTIONS: usize = 300;

/// A crate: its name, what it depends on, what it imports, and what stands above function `n`.
type Variant = (&'static str, String, &'static str, fn(usize) -> String);

fn variants() -> [Variant; 3] {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("cache-runtime");
    [
        ("plain", String::new(), "", |_| String::new()),
        ("ours", format!("cache-runtime = {{ path = {runtime:?} }}"), "use cache_runtime::cached;", |n| {
            format!("#[cached(key = \"f{n}:{{id}}\", ttl = \"10m\", skip(db))]")
        }),
        (
            "theirs",
            "cached = { version = \"4.1\", features = [\"async\"] }".to_owned(),
            "use cached::macros::concurrent_cached;",
            |n| {
                format!(
                    "#[concurrent_cached(key = \"String\", convert = r#\"{{ format!(\"f{n}:{{id}}\") }}\"#, ttl_secs = 600)]"
                )
            },
        ),
    ]
}

fn source(imports: &str, annotation: fn(usize) -> String) -> String {
    let mut source = format!(
        "{imports}\nuse serde::{{Deserialize, Serialize}};\n\n\
         #[derive(Clone, Serialize, Deserialize)]\npub struct User {{ pub id: u64, pub name: String }}\n\
         #[derive(Clone, Debug)]\npub struct Missing;\n\
         pub struct Db;\n\
         impl Db {{\n    async fn user(&self, id: u64) -> Result<User, Missing> {{ Ok(User {{ id, name: id.to_string() }}) }}\n}}\n"
    );
    for n in 0..FUNCTIONS {
        writeln!(
            source,
            "\n{}\npub async fn f{n}(db: &Db, id: u64) -> Result<User, Missing> {{\n    db.user(id + {n}).await\n}}",
            annotation(n)
        )
        .expect("a string takes everything");
    }
    source
}

/// Writes the three crates, in a workspace with the versions of `lock`.
fn generate(folder: &Path, lock: &str) {
    let write = |path: PathBuf, text: &str| {
        fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    };
    write(folder.join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"plain\", \"ours\", \"theirs\"]\n");
    write(folder.join("Cargo.lock"), lock);
    for (name, dependency, imports, annotation) in variants() {
        let manifest = format!(
            "[package]\nname = {name:?}\nedition = \"2024\"\n\n[dependencies]\nserde = {{ version = \"1\", features = [\"derive\"] }}\n{dependency}\n"
        );
        write(folder.join(name).join("Cargo.toml"), &manifest);
        write(folder.join(name).join("src/lib.rs"), &source(imports, annotation));
    }
}

/// Seconds of one check.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn check(folder: &Path, name: &str) -> f64 {
    let file = folder.join(name).join("src/lib.rs");
    let text = fs::read_to_string(&file).expect("written before");
    fs::write(&file, text + "\n").expect("a file can be written");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["check", "--package", name]).current_dir(folder);
    cargo.env("CARGO_INCREMENTAL", "0").env("CARGO_TARGET_DIR", folder.join("target"));
    let started = Instant::now();
    let output = cargo.stdin(Stdio::null()).output().expect("cargo can be started");
    let took = started.elapsed().as_secs_f64();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    took
}

pub(super) fn rows(bench: &Bench) -> Vec<Row> {
    let program = std::env::current_exe().expect("a program has a path");
    let folder = program.with_file_name("build-cost");
    generate(&folder, bench.peers.lock);
    let names = variants().map(|(name, ..)| name);
    for name in names {
        check(&folder, name);
    }
    let rounds = (0..bench.rounds()).map(|_| {
        let [plain, ours, theirs] = names.map(|name| check(&folder, name));
        (ours - plain, theirs - plain)
    });
    let path = format!("cargo check of {FUNCTIONS} annotated functions, beyond plain ones");
    vec![Row::less(&path, "cached's macro", "s", rounds.collect(), 2.0)]
}
