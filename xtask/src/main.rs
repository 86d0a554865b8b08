//! `cargo x <task>`: what people and CI run. The tasks are listed by `cargo x`.

mod errors;
mod instructions;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tools::{browser, cargo, redis_server};

/// A task: its name, what it does, and how.
type Task = (&'static str, &'static str, fn(&Path, &[String]) -> Result<(), String>);

const TASKS: [Task; 9] = [
    ("test", "all tests; finds redis-server, chromium and valgrind or installs them (as root, through apt-get)", test),
    (
        "instructions",
        "those of a hit in process, by valgrind, beside what is recorded (`--record`: records them)",
        instructions,
    ),
    ("schedules", "the concurrent parts, in thousands of schedules that shuttle chooses", schedules),
    (
        "consistency",
        "reads held against the promises under faults (`--seconds N`, `--seed S`, `--plan P`)",
        consistency,
    ),
    ("ci", "formatting, lints, documents, features, then all tests: what CI runs", ci),
    ("errors", "writes docs/errors/ from tests/ui/ (`--check`: only compares)", errors),
    (
        "bench",
        "each path beside its goal and the peers; or `codec`, `du`, `lag`, `tags`, `memory` (`--quick`: in short)",
        bench,
    ),
    (
        "screenshots",
        "docs/pictures/: the admin page and `cachectl`, over the example service after minutes of traffic",
        screenshots,
    ),
    ("fuzz", "a million random and damaged envelopes through the reader", fuzz),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let Some((_, _, run)) = TASKS.iter().find(|(task, _, _)| *task == name) else {
        eprintln!("usage: cargo x <task>\n");
        for (task, what, _) in TASKS {
            eprintln!("  {task:<12} {what}");
        }
        return ExitCode::from(2);
    };
    match run(&root(), &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("cargo x {name}: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the workspace").to_owned()
}

/// Where cargo builds.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn test(root: &Path, rest: &[String]) -> Result<(), String> {
    redis_server()?;
    browser()?;
    // Whoever names tests does not mean these.
    if rest.is_empty() {
        schedules(root, &[])?;
        instructions(root, &[])?;
    }
    let mut arguments = vec!["test", "--workspace", "--all-features"];
    arguments.extend(rest.iter().map(String::as_str));
    cargo(root, &arguments)
}

fn schedules(root: &Path, rest: &[String]) -> Result<(), String> {
    // Flags that are set already stay; a target directory of its own, because other flags rebuild everything.
    let flags = format!("{} --cfg shuttle", std::env::var("RUSTFLAGS").unwrap_or_default());
    let target = target(root).join("shuttle");
    let target = target.to_str().ok_or_else(|| format!("{} is not Unicode", target.display()))?;
    let mut arguments = vec!["test", "-p", "cache-runtime", "--lib", "schedules"];
    arguments.extend(rest.iter().map(String::as_str));
    let environment =
        [("RUSTFLAGS", flags.trim_start()), ("CARGO_TARGET_DIR", target), ("SHUTTLE_SILENCE_WARNINGS", "1")];
    tools::cargo_with(root, &arguments, &environment)
}

fn instructions(root: &Path, rest: &[String]) -> Result<(), String> {
    cargo(root, &["build", "--release", "-p", "benches", "--bin", "instructions"])?;
    let program = target(root).join("release/instructions");
    instructions::check(root, &program, rest.iter().any(|argument| argument == "--record"))
}

fn consistency(root: &Path, rest: &[String]) -> Result<(), String> {
    redis_server()?;
    let mut arguments = vec!["run", "--release", "-p", "tests", "--bin", "consistency", "--"];
    arguments.extend(rest.iter().map(String::as_str));
    cargo(root, &arguments)
}

fn ci(root: &Path, _: &[String]) -> Result<(), String> {
    cargo(root, &["fmt", "--all", "--check"])?;
    cargo(root, &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])?;
    let features = features(root)?;
    for feature in std::iter::once("").chain(features.iter().map(String::as_str)) {
        let alone = ["clippy", "-p", "cache-runtime", "--no-default-features", "--features", feature];
        cargo(root, &[&alone[..], &["--", "-D", "warnings"]].concat())?;
    }
    tools::cargo_with(
        root,
        &["doc", "--workspace", "--all-features", "--no-deps"],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )?;
    errors::generate(root, true)?;
    redis_server()?;
    // As users are given it: without the off-switches that the checker needs, and without what has to be asked for.
    let bare = ["local", "invalidation", "fence", "without_compression"].map(|name| ["--test", name]).concat();
    cargo(root, &[&["test", "-p", "tests", "--no-default-features"], &bare[..]].concat())?;
    // Last, so that its summary ends the log.
    test(root, &[])
}

/// The features of the runtime, as its manifest lists them: a new one is built alone without being entered anywhere.
fn features(root: &Path) -> Result<Vec<String>, String> {
    let manifest = root.join("cache-runtime/Cargo.toml");
    let text = std::fs::read_to_string(&manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
    let section =
        text.lines().skip_while(|line| *line != "[features]").skip(1).take_while(|line| !line.starts_with('['));
    let names = section.filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim());
    Ok(names.filter(|name| !name.starts_with('#') && *name != "default").map(str::to_owned).collect())
}

fn errors(root: &Path, rest: &[String]) -> Result<(), String> {
    errors::generate(root, rest.iter().any(|argument| argument == "--check"))
}

fn bench(root: &Path, rest: &[String]) -> Result<(), String> {
    redis_server()?;
    let mut rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let alone = ["codec", "du", "lag", "tags", "memory"].into_iter().find(|name| rest.first() == Some(name));
    let Some(program) = alone else {
        // With the peers, in a package that is no member of the workspace.
        let peers = root.join("benches/peers");
        cargo(&peers, &["build", "--release"])?;
        return cargo(&peers, &[&["run", "--release", "--bin", "bench-peers", "--"], &rest[..]].concat());
    };
    rest.remove(0);
    if program == "du" {
        cargo(root, &["build", "--release", "-p", "cache-cli"])?;
    }
    cargo(root, &[&["run", "--release", "-p", "benches", "--bin", program, "--"], &rest[..]].concat())
}

fn screenshots(root: &Path, rest: &[String]) -> Result<(), String> {
    if let [unwanted, ..] = rest {
        return Err(format!("takes no argument, such as `{unwanted}`"));
    }
    redis_server()?;
    browser()?;
    let programs = ["-p", "examples", "-p", "cache-cli", "--bin", "service", "--bin", "load", "--bin", "cachectl"];
    cargo(root, &[&["build"], &programs[..]].concat())?;
    let programs = target(root).join("debug");
    let pictures = root.join("docs/pictures");
    std::fs::create_dir_all(&pictures).map_err(|error| format!("{}: {error}", pictures.display()))?;
    let [programs, pictures] =
        [&programs, &pictures].map(|path| path.to_str().ok_or_else(|| format!("{} is not Unicode", path.display())));
    cargo(root, &["run", "-p", "tests", "--bin", "pictures", "--", programs?, pictures?])
}

fn fuzz(root: &Path, _: &[String]) -> Result<(), String> {
    cargo(root, &["test", "--release", "-p", "tests", "--test", "envelope"])
}
