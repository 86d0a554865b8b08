//! What metrics and spans cost a hit in process while nobody records and nobody listens: beside the same program, built
//! without either.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Bench;
use crate::table::Row;

/// A name, and what the program is built with.
const VARIANTS: [(&str, &str, &str); 2] = [
    ("with", "", ""),
    (
        "without",
        ", default-features = false",
        "tracing = { version = \"0.1\", default-features = false, features = [\"max_level_off\", \"release_max_level_off\"] }\n",
    ),
];

/// Prints the nanoseconds of a call, in the best of many short batches: what disturbs it only makes it longer, and seldom leaves
/// it alone for long.
const PROGRAM: &str = r#"
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use cache_runtime::{Cache, cached};

#[cached(key = "user:{id}", ttl = "1h", tags = ["user:{id}", "users"])]
async fn user(id: u64) -> Arc<String> {
    Arc::new(format!("user {id}"))
}

fn main() {
    Cache::local().install().expect("the first one");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let batch = async || {
            let started = Instant::now();
            for id in 0..1_000 {
                black_box(user(id).await);
            }
            started.elapsed().as_nanos() as f64 / 1_000.0
        };
        let mut best = f64::MAX;
        for _ in 0..20_000 {
            best = best.min(batch().await);
        }
        println!("{best}");
    });
}
"#;

/// Writes both programs, in a workspace with the versions of ours.
fn generate(folder: &Path) {
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    };
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("cache-runtime");
    write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"with\", \"without\"]\n");
    write("Cargo.lock", include_str!("../../../Cargo.lock"));
    for (name, features, tracing) in VARIANTS {
        let manifest = format!(
            "[package]\nname = {name:?}\nedition = \"2024\"\n\n[dependencies]\n\
             cache-runtime = {{ path = {runtime:?}{features} }}\n\
             tokio = {{ version = \"1\", features = [\"rt\"] }}\n{tracing}"
        );
        write(&format!("{name}/Cargo.toml"), &manifest);
        write(&format!("{name}/src/main.rs"), PROGRAM);
    }
}

fn build(folder: &Path, name: &str) {
    // One at a time: built together, they would be built with the features of both.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--package", name]).current_dir(folder);
    let output = cargo.env("CARGO_TARGET_DIR", folder.join("target")).stdin(Stdio::null()).output();
    let output = output.expect("cargo can be started");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Nanoseconds of a hit.
fn run(folder: &Path, name: &str) -> f64 {
    let program = folder.join("target/release").join(name);
    let output = Command::new(&program).output().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

pub(super) fn rows(bench: &Bench) -> Vec<Row> {
    let folder = std::env::current_exe().expect("a program has a path").with_file_name("overhead");
    generate(&folder);
    VARIANTS.iter().for_each(|(name, ..)| build(&folder, name));
    let rounds = (0..bench.rounds()).map(|_| (run(&folder, "with"), run(&folder, "without"))).collect();
    let path = "in-process hit, with metrics and spans that nobody wants";
    vec![Row::beyond(path, "the same, built without them", "ns", rounds, 5.0)]
}
