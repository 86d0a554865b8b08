//! Who comes in, who may change what, and what is told about it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, StatusCode, header};
use cache_admin::Admin;
use cache_runtime::{Cache, Key, Source, cached, observe};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const TOKEN: &str = "a-token-that-nobody-guesses";
const HERE: &str = "127.0.0.1:50000";

/// The answer to a request from that peer.
async fn ask(app: &Router, from: &str, request: Request<Body>) -> Response<Body> {
    let mut request = request;
    if !from.is_empty() {
        request.extensions_mut().insert(ConnectInfo(from.parse::<SocketAddr>().unwrap()));
    }
    app.clone().oneshot(request).await.unwrap()
}

fn get(path: &str) -> Request<Body> {
    Request::get(format!("/cache{path}")).header("host", "localhost:3000").body(Body::empty()).unwrap()
}

fn post(path: &str, token: &str, body: Value) -> Request<Body> {
    let request = Request::post(format!("/cache{path}")).header("host", "localhost:3000");
    let request = request.header("content-type", "application/json").header("authorization", format!("Bearer {token}"));
    request.body(Body::from(body.to_string())).unwrap()
}

async fn read(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

fn app(admin: Admin) -> Router {
    Router::new().nest("/cache", admin.router())
}

#[tokio::test]
async fn without_a_token_this_machine_looks_and_nobody_else() {
    let cache = Cache::local();
    let app = app(Admin::new(&cache));
    for path in [
        "",
        "/page/main.js",
        "/me",
        "/health",
        "/stats",
        "/functions",
        "/policy",
        "/graph",
        "/history",
        "/server",
        "/entries",
    ] {
        assert_eq!(ask(&app, HERE, get(path)).await.status(), 200, "{path}");
        for (from, why) in [("10.1.2.3:50000", "from elsewhere"), ("", "from nobody knows where")] {
            let (status, problem) = read(ask(&app, from, get(path)).await).await;
            assert_eq!((status, problem["status"].as_u64()), (StatusCode::FORBIDDEN, Some(403)), "{path} {why}");
        }
    }
    let me = read(ask(&app, HERE, get("/me")).await).await.1;
    assert_eq!((&me["name"], &me["may_change"]), (&Value::Null, &json!(false)));

    // A preview is looking.
    cache.put("report", &1, Duration::from_secs(60)).await.unwrap();
    let looked = read(ask(&app, HERE, post("/purge", "", json!({ "key": "report", "dry_run": true }))).await).await;
    assert_eq!(looked.1, json!({ "entries": 1, "keys": ["report"], "complete": true }));
    let (status, problem) = read(ask(&app, HERE, post("/purge", TOKEN, json!({ "key": "report" }))).await).await;
    assert_eq!(status, 403, "{problem}");
    assert!(
        problem["detail"].as_str().is_some_and(|why| why.ends_with("configure one with `Admin::token`")),
        "{problem}"
    );
    assert_eq!(cache.get::<i32>("report").await.unwrap(), Some(1));
}

#[tokio::test]
async fn with_a_token_whoever_has_it_comes_in_from_anywhere() {
    let cache = Cache::local();
    let admin =
        Admin::new(&cache).token("night shift", TOKEN).unwrap().token("deploys", "another-token-as-long").unwrap();
    let app = app(admin);
    for from in [HERE, "10.1.2.3:50000", ""] {
        let response = ask(&app, from, get("/stats")).await;
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer realm=\"cache-admin\"");
        assert_eq!(response.status(), 401, "without a token nobody, not even this machine");
        for (token, name) in [(TOKEN, "night shift"), ("another-token-as-long", "deploys")] {
            let mut request = get("/me");
            request.headers_mut().insert("authorization", format!("bearer {token}").parse().unwrap());
            // The name of the service behind a proxy is not a matter of ours.
            request.headers_mut().insert("host", "shop.example".parse().unwrap());
            request.headers_mut().insert("x-forwarded-for", "10.9.9.9".parse().unwrap());
            let (status, me) = read(ask(&app, from, request).await).await;
            assert_eq!((status, &me["name"], &me["may_change"]), (StatusCode::OK, &json!(name), &json!(true)));
        }
    }
    assert_eq!(ask(&app, "", get("")).await.status(), 200, "the page has nothing in it, and asks for the token");
}

#[tokio::test]
async fn a_change_is_told_with_who_what_and_how_many() {
    let cache = Cache::local();
    let told = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&told);
    let admin = Admin::new(&cache).token("night shift", TOKEN).unwrap();
    let app = app(admin.on_change(move |event| keep.lock().unwrap().push(event.to_string())));
    for n in 1..=3 {
        let key = Key::new(format!("user:{n}")).tag("users");
        cache.put(&key, &n, Duration::from_secs(60)).await.unwrap();
    }
    cache.put("report", &1, Duration::from_secs(60)).await.unwrap();

    let purge = |body| ask(&app, "10.1.2.3:50000", post("/purge", TOKEN, body));
    assert_eq!(read(purge(json!({ "pattern": "user:*", "dry_run": true })).await).await.1["entries"], 3);
    assert_eq!(read(purge(json!({ "pattern": "user:*" })).await).await.1, json!({ "removed": 3 }));
    assert_eq!(read(purge(json!({ "key": "report" })).await).await.1, json!({ "removed": 1 }));
    assert_eq!(purge(json!({ "function": "no::such" })).await.status(), 400);
    let told = told.lock().unwrap().clone();
    assert_eq!(
        told[..2],
        ["night shift (10.1.2.3): purge pattern user:*: 3", "night shift (10.1.2.3): purge key report: 1"]
    );
    assert!(told[2].starts_with("night shift (10.1.2.3): purge function no::such: failed: "), "{told:?}");
    assert_eq!(told.len(), 3, "a preview is no change");
}

#[tokio::test]
async fn an_open_feed_tells_changes_and_does_not_hold_up_the_end_of_the_service() {
    let cache = Cache::local();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let admin = Admin::new(&cache).token("night shift", TOKEN).unwrap().until(async { drop(stopped.await) });
    let app = app(admin);
    let mut request = get("/feed");
    request.headers_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    let feed = ask(&app, HERE, request).await;
    assert_eq!(
        (feed.status(), &feed.headers()[header::CONTENT_TYPE]),
        (StatusCode::OK, &"text/event-stream".parse().unwrap())
    );
    assert_eq!(ask(&app, HERE, post("/purge", TOKEN, json!({ "key": "report" }))).await.status(), 200);
    let reader = tokio::spawn(to_bytes(feed.into_body(), 1 << 20));
    stop.send(()).unwrap();
    let told = String::from_utf8(reader.await.unwrap().unwrap().to_vec()).unwrap();
    assert!(told.starts_with("event: open\n"), "{told}");
    assert!(told.contains("event: change\n") && told.contains("purge key report"), "{told}");
}

#[tokio::test]
async fn there_are_only_so_many_feeds() {
    let app = app(Admin::new(&Cache::local()));
    let mut feeds = Vec::new();
    for _ in 0..16 {
        feeds.push(ask(&app, HERE, get("/feed")).await);
    }
    assert!(feeds.iter().all(|feed| feed.status() == 200));
    let (status, problem) = read(ask(&app, HERE, get("/feed")).await).await;
    assert_eq!((status, &problem["detail"]), (StatusCode::TOO_MANY_REQUESTS, &json!("too many feeds are open")));
    feeds.pop();
    assert_eq!(ask(&app, HERE, get("/feed")).await.status(), 200, "one that is closed makes room");
}

#[tokio::test]
async fn there_are_only_so_many_purges_in_a_minute() {
    let cache = Cache::local();
    let app = app(Admin::new(&cache).token("night shift", TOKEN).unwrap().purges_per_minute(3));
    for _ in 0..3 {
        assert_eq!(ask(&app, HERE, post("/purge", TOKEN, json!({ "tag": "users" }))).await.status(), 200);
    }
    let refused = ask(&app, HERE, post("/purge", TOKEN, json!({ "tag": "users" }))).await;
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    let looking = post("/purge", TOKEN, json!({ "key": "report", "dry_run": true }));
    assert_eq!(ask(&app, HERE, looking).await.status(), 200, "looking is not limited");
}

#[tokio::test]
async fn nothing_is_kept_framed_or_sniffed() {
    let app = app(Admin::new(&Cache::local()));
    for path in ["", "/page/style.css", "/stats", "/nowhere", "/entries?limit=0"] {
        let response = ask(&app, HERE, get(path)).await;
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!((header("cache-control"), header("x-content-type-options")), ("no-store".into(), "nosniff".into()));
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        if !response.status().is_success() {
            assert_eq!(header("content-type"), "application/problem+json");
        }
    }
}

#[cached(key = "steered:{id}", ttl = "10m", cache = cache, skip(cache))]
async fn steered(cache: &Cache, id: u64) -> u64 {
    id
}

#[tokio::test]
async fn a_function_is_switched_off_and_on_and_timed_anew() {
    let cache = Cache::local();
    let told = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&told);
    let admin = Admin::new(&cache).token("night shift", TOKEN).unwrap();
    let app = app(admin.on_change(move |event| keep.lock().unwrap().push(event.to_string())));
    let source = async || observe(steered(&cache, 1)).await.1.source;
    let steer = |name: &str, body| ask(&app, HERE, post(&format!("/functions/{name}"), TOKEN, body));
    source().await;
    assert_eq!(source().await, Source::Local);

    let (status, answer) = read(steer("access::steered", json!({ "enabled": false, "ttl": "5m" })).await).await;
    assert_eq!(
        (status, &answer["rule"]["enabled"], &answer["rule"]["ttl"]),
        (StatusCode::OK, &json!(false), &json!("5m"))
    );
    assert_eq!(source().await, Source::Bypassed);
    let mut request = get("/functions");
    request.headers_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    let functions = read(ask(&app, HERE, request).await).await.1;
    let listed = functions.as_array().unwrap().iter().find(|function| function["key"] == "steered:{id}").unwrap();
    assert_eq!((&listed["by_hand"]["enabled"], &listed["rule"]["enabled"]), (&json!(false), &json!(false)));

    assert_eq!(steer("access::steered", json!({})).await.status(), 200);
    source().await;
    assert_eq!(source().await, Source::Local);
    for (name, body) in [
        ("no::such", json!({ "enabled": false })),
        ("steered", json!({ "ttl": "0s" })),
        ("steered", json!({ "percent": 101 })),
        ("steered", json!({ "percent": "50%" })),
        ("steered", json!({ "percent": null })),
        ("steered", json!({ "enable": false })),
        ("steered", json!([])),
    ] {
        let (status, problem) = read(steer(name, body.clone()).await).await;
        assert_eq!(status, 400, "{name} {body}: {problem}");
    }
    let told = told.lock().unwrap().clone();
    assert_eq!(told[0], "night shift (127.0.0.1): steer access::steered: enabled = false, ttl = \"5m\"");
    assert_eq!(told[1], "night shift (127.0.0.1): steer access::steered: nothing by hand");

    let wrong = ask(&app, HERE, post("/functions/steered", "a-token-that-is-wrong", json!({ "enabled": false }))).await;
    assert_eq!(wrong.status(), 401);
    assert_eq!(source().await, Source::Local);
}

/// Where it is nested is what a client asked for: it is not written into the page as it came.
#[tokio::test]
async fn the_page_finds_its_files_wherever_it_is_nested() {
    let cache = Cache::local();
    let app: Router = Router::new().nest("/of/{team}/cache", Admin::new(&cache).router());
    for (path, base) in [("/of/shop/cache", "/of/shop/cache"), ("/of/a&b/cache", "/of/a&amp;b/cache")] {
        let request = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
        let response = ask(&app, HERE, request).await;
        let page = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let page = String::from_utf8(page.to_vec()).unwrap();
        assert!(page.contains(&format!("href=\"{base}/page/style.css\"")), "{page}");
    }
    let entry = Request::get("/of/shop/cache/entries/a%20key%2Fwith:%C3%BC").header("host", "localhost");
    let explained = read(ask(&app, HERE, entry.body(Body::empty()).unwrap()).await).await.1;
    assert_eq!(explained["key"], "a key/with:ü");
}
