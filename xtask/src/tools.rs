//! The programs that tasks run: cargo, and others, which are installed where that is possible.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs cargo in the workspace.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Result<(), String> {
    cargo_with(root, arguments, &[])
}

/// Runs cargo in the workspace with more in its environment.
pub(crate) fn cargo_with(root: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    eprintln!("$ cargo {}", arguments.join(" "));
    succeed(Command::new(cargo).args(arguments).current_dir(root).envs(environment.iter().copied()))
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status().map_err(|error| format!("{name} cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} ended with {status}")) }
}

/// Finds redis-server, or installs it.
pub(crate) fn redis_server() -> Result<PathBuf, String> {
    match std::env::var_os("REDIS_SERVER") {
        Some(named) => Ok(named.into()),
        None => find("redis-server", "redis-server"),
    }
}

/// Finds valgrind, or installs it.
pub(crate) fn valgrind() -> Result<PathBuf, String> {
    find("valgrind", "valgrind")
}

/// Finds chromedriver, and Chromium with it, or installs them.
pub(crate) fn browser() -> Result<PathBuf, String> {
    match std::env::var_os("CHROMEDRIVER") {
        Some(named) => Ok(named.into()),
        None => find("chromedriver", "chromium-driver"),
    }
}

/// What the program prints to its standard error.
pub(crate) fn complaints(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let name = program.display();
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{name}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(text) } else { Err(format!("{name} ended with {}:\n{text}", output.status)) }
}

/// A program, and the Debian package that it is in.
fn find(program: &str, package: &str) -> Result<PathBuf, String> {
    if let Some(found) = on_path(program) {
        return Ok(found);
    }
    let missing = || format!("{program} is missing; install it with: sudo apt-get install -y {package}");
    if !is_root() || on_path("apt-get").is_none() {
        return Err(missing());
    }
    eprintln!("{program} is missing; installing it");
    let apt =
        |arguments: &[&str]| succeed(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    // Its failure is not the end: the lists that are there may do.
    if let Err(problem) = apt(&["update", "-qq"]) {
        eprintln!("{problem}");
    }
    // Without a service: the tests start their own servers.
    let policy = Path::new("/usr/sbin/policy-rc.d");
    let ours = !policy.exists() && std::fs::write(policy, "#!/bin/sh\nexit 101\n").is_ok();
    if ours {
        succeed(Command::new("chmod").arg("+x").arg(policy))?;
    }
    let installed = apt(&["install", "-y", "-qq", package]);
    if ours {
        // Left behind, it would keep every later package from starting its service.
        std::fs::remove_file(policy).map_err(|error| format!("{} cannot be removed: {error}", policy.display()))?;
    }
    installed?;
    on_path(program).ok_or_else(missing)
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
