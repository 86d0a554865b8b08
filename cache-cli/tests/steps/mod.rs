//! Steps that tests of the program have in common.

#![allow(dead_code, reason = "each test program takes those that it needs")]

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use cache_runtime::{Cache, Key};
use serde_json::Value;
use tests::RedisServer;

pub(crate) const TTL: Duration = Duration::from_secs(60);

/// What came of it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("it is text");
        Self { exit: output.status.code().expect("it ended"), out: text(&output.stdout), err: text(&output.stderr) }
    }

    #[track_caller]
    pub(crate) fn exits(self, exit: i32) -> Self {
        assert_eq!(self.exit, exit, "{}\n{}", self.out, self.err);
        assert!(!self.out.contains('\x1b') && !self.err.contains('\x1b'), "piped, it has no colours: {self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.out.contains(text), "{text:?} is not in:\n{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn notes(self, text: &str) -> Self {
        assert!(self.err.contains(text), "{text:?} is not in:\n{}", self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

/// The program with nothing of the environment that it looks at.
pub(crate) fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachectl"));
    let services = ["CACHE_URL", "VALKEY_URL", "REDIS_URL", "CACHE_NAMESPACE", "CACHE_POLICY", "CACHE_DISABLED"];
    for name in services.into_iter().chain(["NO_COLOR", "CLICOLOR_FORCE"]) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

pub(crate) fn run(command: &mut Command) -> Done {
    Done::of(&command.output().expect("it was built"))
}

/// A server, and the namespace `shop` on it.
pub(crate) struct Shop {
    pub(crate) server: RedisServer,
    pub(crate) cache: Cache,
}

impl Shop {
    pub(crate) fn open() -> Self {
        Self::at(RedisServer::start())
    }

    pub(crate) fn at(server: RedisServer) -> Self {
        let cache = Cache::builder().namespace("shop").redis(server.url()).local_tier(false);
        let cache = cache.budget(Duration::from_secs(5)).build().expect("in order");
        Self { server, cache }
    }

    /// With entries of a few kinds.
    pub(crate) async fn stocked() -> Self {
        let shop = Self::open();
        for id in 0..30 {
            let user = Key::new(format!("user:{id}")).tag(format!("user:{id}")).tag("users");
            shop.cache.put(&user, &id, TTL).await.expect("up");
            shop.cache.put(format!("user:{id}:orders"), &"x".repeat(1000), TTL).await.expect("up");
        }
        shop.cache.put("settings", &1, TTL).await.expect("up");
        shop
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(arguments);
        command.env("CACHE_URL", self.server.url()).env("CACHE_NAMESPACE", "shop");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        run(&mut self.command(arguments))
    }
}
