//! The service as a client meets it: where answers come from, what changes make of them, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

/// The running service, with a database of its own; killed when a test fails.
struct Service {
    child: Child,
    addr: String,
    db: PathBuf,
}

impl Service {
    fn start() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let db = std::env::temp_dir().join(format!("cache-service-test-{}-{number}.db", std::process::id()));
        let child = Command::new(env!("CARGO_BIN_EXE_service"))
            .env("SERVICE_ADDR", "127.0.0.1:0")
            .env("SERVICE_DB", &db)
            .env("RUST_LOG", "warn")
            .env_remove("ADMIN_TOKEN")
            .env_remove("CACHE_POLICY")
            .env_remove("CACHE_URL")
            .env_remove("VALKEY_URL")
            .env_remove("REDIS_URL")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the service starts");
        let mut service = Self { child, addr: String::new(), db };
        let mut line = String::new();
        let stdout = service.child.stdout.as_mut().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the service tells its address");
        service.addr = line.trim().strip_prefix("listening on http://").expect("an address").to_owned();
        service
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.send_raw(method, path, &body)
    }

    fn send_raw(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.addr).expect("the service accepts connections");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.addr,
            body.len(),
        )
        .expect("the request is sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("the answer is read to its end");
        Answer::parse(&text)
    }

    #[cfg(unix)]
    fn terminate(mut self) -> ExitStatus {
        let killed = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().expect("`kill` runs");
        assert!(killed.success());
        for _ in 0..100 {
            if let Some(status) = self.child.try_wait().expect("the service can be waited for") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the service still runs ten seconds after SIGTERM");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", self.db.display()));
        }
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    source: String,
    content_type: String,
    body: Value,
}

impl Answer {
    /// With `connection: close` the body ends where the stream does; the service sends no chunks.
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let header = |wanted: &str| {
            let mut headers = lines.clone().filter_map(|line| line.split_once(": "));
            let found = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        Self {
            status: status.expect("a status line"),
            source: header("x-cache"),
            content_type: header("content-type"),
            body: match body {
                "" => Value::Null,
                text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
            },
        }
    }

    #[track_caller]
    fn is(&self, status: u16, source: &str) -> &Value {
        assert_eq!((self.status, self.source.as_str()), (status, source), "{self:?}");
        &self.body
    }

    #[track_caller]
    fn is_problem(&self, status: u16) -> &str {
        assert_eq!((self.status, self.content_type.as_str()), (status, "application/problem+json"), "{self:?}");
        assert_eq!(self.body["status"], status, "{self:?}");
        self.body["detail"].as_str().expect("a detail")
    }
}

#[test]
fn a_second_request_is_a_hit_until_the_user_is_renamed() {
    let service = Service::start();
    let ada = json!({ "id": 1, "org_id": 1, "name": "Ada Lovelace" });
    assert_eq!(*service.get("/users/1").is(200, "Loaded"), ada);
    assert_eq!(*service.get("/users/1").is(200, "Local"), ada);
    assert_eq!(*service.get("/users/1?fresh=1").is(200, "Loaded"), ada);

    let renamed = json!({ "id": 1, "org_id": 1, "name": "Ada King" });
    assert_eq!(*service.send("PATCH", "/users/1", Some(json!({ "name": "Ada King" }))).is(200, "Bypassed"), renamed);
    assert_eq!(*service.get("/users/1").is(200, "Loaded"), renamed);
    assert_eq!(*service.get("/users/1").is(200, "Local"), renamed);

    service.send("DELETE", "/users/1", None).is(204, "Bypassed");
    service.get("/users/1").is(404, "Loaded");
}

#[test]
fn absence_is_remembered_until_the_user_is_made() {
    let service = Service::start();
    service.get("/users/10").is(404, "Loaded");
    service.get("/users/10").is(404, "Local");
    let made = service.send("POST", "/users", Some(json!({ "org_id": 2, "name": "Mavis Batey" })));
    assert_eq!(made.is(201, "Bypassed")["id"], 10);
    assert_eq!(service.get("/users/10").is(200, "Loaded")["name"], "Mavis Batey");
}

#[test]
fn a_dashboard_follows_every_table_it_is_made_of() {
    let service = Service::start();
    let before = service.get("/orgs/1/dashboard");
    before.is(200, "Loaded");
    assert_eq!(*service.get("/orgs/1/dashboard").is(200, "Local"), before.body);
    service.get("/orgs/2/dashboard").is(200, "Loaded");

    let order = service.send("POST", "/orders", Some(json!({ "user_id": 1, "amount_cents": 99_000 })));
    assert_eq!(order.is(201, "Bypassed")["org_id"], 1);
    let after = service.get("/orgs/1/dashboard");
    after.is(200, "Loaded");
    assert_eq!(after.body["orders"], before.body["orders"].as_i64().expect("a count") + 1);
    assert_eq!(after.body["revenue_cents"], before.body["revenue_cents"].as_i64().expect("a sum") + 99_000);
    assert_eq!(after.body["top_spenders"][0], json!({ "user_id": 1, "name": "Ada Lovelace", "spent_cents": 100_000 }));
    service.get("/orgs/2/dashboard").is(200, "Local");

    service.send("PATCH", "/users/1", Some(json!({ "name": "Ada King" }))).is(200, "Bypassed");
    assert_eq!(service.get("/orgs/1/dashboard").is(200, "Loaded")["top_spenders"][0]["name"], "Ada King");
    service.send("DELETE", "/users/1", None).is(204, "Bypassed");
    assert_eq!(service.get("/orgs/1/dashboard").is(200, "Loaded")["users"], 2);

    service.get("/orgs/1").is(200, "Loaded");
    service.get("/orgs/1").is(200, "Local");
    service.send("PATCH", "/orgs/1", Some(json!({ "name": "Engines" }))).is(200, "Bypassed");
    assert_eq!(service.get("/orgs/1").is(200, "Loaded")["name"], "Engines");
    assert_eq!(service.get("/orgs/1/dashboard").is(200, "Loaded")["organisation"], "Engines");
}

#[test]
fn every_field_of_a_search_counts() {
    let service = Service::start();
    let names = |answer: &Answer| -> Vec<String> {
        let users = answer.body.as_array().expect("a list").iter();
        users.map(|user| user["name"].as_str().expect("a name").to_owned()).collect()
    };
    let all = service.get("/search?q=ade");
    all.is(200, "Loaded");
    assert_eq!(names(&all), ["Adele Goldberg", "Adele Goldstine"]);
    service.get("/search?q=%20ADE").is(200, "Local");

    let one = service.get("/search?q=ade&org=3");
    one.is(200, "Loaded");
    assert_eq!(names(&one), ["Adele Goldberg"]);
    service.get("/search?q=ade&limit=1").is(200, "Loaded");
    assert_eq!(*service.get("/search?q=nobody").is(200, "Loaded"), json!([]));

    service.send("POST", "/users", Some(json!({ "org_id": 1, "name": "Adelaide" }))).is(201, "Bypassed");
    let more = service.get("/search?q=ade");
    more.is(200, "Loaded");
    assert_eq!(names(&more), ["Adelaide", "Adele Goldberg", "Adele Goldstine"]);
}

#[test]
fn what_cannot_be_answered_is_a_problem() {
    let service = Service::start();
    assert_eq!(service.get("/users/99").is_problem(404), "there is no user 99");
    assert_eq!(service.get("/orgs/99/dashboard").is_problem(404), "there is no organisation 99");
    assert_eq!(service.get("/nowhere").is_problem(404), "there is nothing at /nowhere");
    assert_eq!(service.send("PATCH", "/users/99", Some(json!({ "name": "X" }))).is_problem(404), "there is no user 99");
    service.send("PUT", "/users/1", None).is_problem(405);

    for path in ["/users/one", "/search", "/search?q=%20", "/search?q=a&limit=0", "/search?q=a&org=b"] {
        service.get(path).is_problem(400);
    }
    service.send_raw("POST", "/users", "{").is_problem(400);
    for (path, body) in [
        ("/users", json!({ "name": "X" })),
        ("/users", json!({ "org_id": 99, "name": "X" })),
        ("/users", json!({ "org_id": 1, "name": " " })),
        ("/users", json!({ "org_id": 1, "name": "X".repeat(101) })),
        ("/orders", json!({ "user_id": 1, "amount_cents": 0 })),
        ("/orders", json!({ "user_id": 99, "amount_cents": 1 })),
    ] {
        service.send("POST", path, Some(body)).is_problem(400);
    }
}

#[test]
fn health_and_stats_tell_about_the_cache() {
    let service = Service::start();
    service.get("/users/1").is(200, "Loaded");
    service.get("/users/1").is(200, "Local");

    let health = service.get("/health");
    assert_eq!(health.is(200, "Bypassed")["tier"], "Local");
    assert_eq!(health.body["available"], true);

    let stats = service.get("/cache/stats");
    let functions = stats.is(200, "Bypassed")["functions"].as_array().expect("a list");
    let users = functions.iter().find(|function| function["key"] == "user:{id}").expect("get_user was called");
    assert_eq!((&users["counts"]["loads"], &users["counts"]["local_hits"]), (&json!(1), &json!(1)), "{users}");
}

#[test]
fn people_on_call_have_a_page_metrics_and_a_policy() {
    let service = Service::start();
    service.get("/users/1").is(200, "Loaded");
    service.get("/users/1").is(200, "Local");
    let page = service.get("/admin/cache");
    assert_eq!((page.status, page.content_type.as_str()), (200, "text/html; charset=utf-8"));
    assert!(page.body.as_str().expect("a page").contains("/admin/cache/page/main.js"), "{page:?}");

    let metrics = service.get("/metrics");
    assert!(metrics.body.as_str().expect("metrics are text").contains("service::users::get_user"), "{metrics:?}");

    let policy = service.get("/admin/cache/policy").body;
    assert_eq!(policy["functions"][0]["function"], "service::search::search_users", "{policy}");
    assert_eq!(policy["functions"][0]["rule"]["local"], "5s", "{policy}");
    let refused = service.send("POST", "/admin/cache/functions/search_users", Some(json!({ "enabled": false })));
    assert!(refused.is_problem(403).starts_with("no token is configured"));
}

#[cfg(unix)]
#[test]
fn sigterm_ends_the_service_in_order() {
    let service = Service::start();
    service.get("/users/1").is(200, "Loaded");
    assert!(service.terminate().success());
}
