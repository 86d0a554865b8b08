//! The pictures in `docs/pictures/`: the example service under load, seen by a browser. `cargo x screenshots` runs it.
//!
//! The first argument is the folder with the programs, the second the one for the pictures.

mod terminal;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;
use tests::{Browser, RedisServer};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// For so long there is traffic before the first picture: the charts show five minutes.
const TRAFFIC: Duration = Duration::from_secs(330);

fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [programs, pictures] = &arguments[..] else { panic!("usage: pictures <programs> <pictures>") };
    let seconds = std::env::var("PICTURES_AFTER").ok().and_then(|given| given.parse().ok());
    let traffic = seconds.map_or(TRAFFIC, Duration::from_secs);
    let redis = RedisServer::start();
    let mut service = start(
        programs,
        "service",
        &[
            ("SERVICE_ADDR", "127.0.0.1:0"),
            ("REDIS_URL", &redis.url()),
            ("CACHE_NAMESPACE", "shop"),
            ("ADMIN_TOKEN", TOKEN),
            ("RUST_LOG", "warn"),
        ],
    );
    let addr = service.says("listening on http://");
    let _load = start(programs, "load", &[("LOAD_ADDR", &addr)]);
    let browser = Browser::start();
    browser.look(1280, 880, false);
    sleep(traffic);

    browser.open(&format!("http://{addr}/admin/cache"));
    browser.wait("!document.querySelector('#unlock').hidden");
    browser.write("#token", TOKEN);
    browser.click("#unlock button");
    browser.wait("document.querySelectorAll('#ratio-chart path.line').length > 3");
    browser.wait("document.querySelectorAll('#feed li').length > 8");
    browser.wait("document.querySelectorAll('#graph .node').length > 8");
    let take = |name: &str, whole: bool| {
        // What has just changed is drawn.
        sleep(Duration::from_millis(300));
        std::fs::write(pictures.join(name), browser.picture(whole)).expect("the folder can be written to");
    };
    take("admin-light.png", false);
    browser.look(1280, 880, true);
    take("admin-dark.png", false);
    browser.look(1280, 760, false);
    browser.run("document.querySelector('#graph').scrollIntoView()");
    browser.run("[...document.querySelectorAll('#graph .node.invalidation')].find((node) => node.textContent.includes('rename_user')).dispatchEvent(new MouseEvent('click'))");
    take("admin-graph.png", false);
    browser.look(1280, 620, true);
    browser.run("document.querySelector('#functions').scrollIntoView()");
    browser.click("[data-function$='::search_users'] button");
    take("admin-function.png", false);
    browser.click("[data-function$='::search_users'] button");
    browser.run("document.querySelector('#entries').scrollIntoView()");
    browser.write("#pattern", "\u{e003}dash*\u{e007}");
    browser.wait("document.querySelectorAll('#entries .results li').length > 0");
    browser.click("#entries .results button");
    browser.wait("document.querySelector('#entry .verdict')");
    browser.write("#purge-name", "org:1");
    browser.click("#preview");
    browser.wait("!document.querySelector('#purge-now').disabled");
    take("admin-purge.png", false);
    browser.look(360, 780, false);
    browser.run("scrollTo(0, 0)");
    take("admin-narrow.png", false);
    if std::env::var_os("PICTURES_WHOLE").is_some() {
        for (name, width, dark) in [
            ("whole-light", 1280, false),
            ("whole-dark", 1280, true),
            ("whole-narrow", 360, false),
            ("whole-middle", 800, true),
        ] {
            browser.look(width, 900, dark);
            take(&format!("{name}.png"), true);
        }
    }
    let shown = [&["stats"][..], &["du"], &["explain", "dashboard:1"], &["doctor"]]
        .map(|arguments| cachectl(programs, &redis.url(), arguments));
    std::fs::write(pictures.join("cachectl.svg"), terminal::drawn(&shown.join("\n")))
        .expect("the folder can be written to");
    assert_eq!(browser.run("return document.title"), json!("Cache shop"));
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|told| told.contains("401")), "{complaints:?}");
}

/// What is typed, and what `cachectl` prints to a terminal.
fn cachectl(programs: &Path, url: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(programs.join("cachectl"));
    command.args(arguments).env("CACHE_URL", url).env("CACHE_NAMESPACE", "shop").env("CLICOLOR_FORCE", "1");
    let output = command.stderr(Stdio::inherit()).output().unwrap_or_else(|error| panic!("cachectl: {error}"));
    format!(
        "\u{1b}[2m$\u{1b}[0m \u{1b}[1mcachectl {}\u{1b}[0m\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stdout)
    )
}

/// A program that ends with its value.
struct Running(Child);

fn start(programs: &Path, name: &str, environment: &[(&str, &str)]) -> Running {
    let program = programs.join(name);
    let mut command = Command::new(&program);
    command.envs(environment.iter().copied()).stdout(Stdio::piped());
    Running(command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display())))
}

impl Running {
    /// What is on the line behind `words`; reads on after that, so that the program is not held up.
    fn says(&mut self, words: &str) -> String {
        let mut lines = BufReader::new(self.0.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let found = lines.find_map(|line| line.strip_prefix(words).map(str::to_owned));
        std::thread::spawn(move || lines.for_each(drop));
        found.expect("the program says what it is to say")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
