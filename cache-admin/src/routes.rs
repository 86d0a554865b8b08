//! Which path is answered by what, and what holds for all of them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

use crate::problem::Problem;
use crate::tokens::Tokens;
use crate::{access, entries, feed, page, purging, reading, state, steering};

/// No body that is meant is larger.
const LARGEST_BODY: usize = 16 * 1024;

pub(crate) fn router<S: Clone + Send + Sync + 'static>(state: Arc<state::State>, tokens: Tokens) -> Router<S> {
    let page = Router::new()
        .route("/", get(page::index))
        .route("/page/{file}", get(page::file))
        .route_layer(middleware::from_fn_with_state(tokens.clone(), access::guard_page));
    let data = Router::new()
        .route("/me", get(reading::me))
        .route("/health", get(reading::health))
        .route("/stats", get(reading::stats))
        .route("/functions", get(reading::functions))
        .route("/functions/{name}", post(steering::steer))
        .route("/policy", get(steering::policy))
        .route("/graph", get(reading::whole_graph))
        .route("/history", get(reading::history))
        .route("/server", get(reading::server))
        .route("/entries", get(entries::list))
        .route("/entries/{*key}", get(entries::explain))
        .route("/feed", get(feed::feed))
        .route("/purge", post(purging::purge))
        .route_layer(middleware::from_fn_with_state(tokens, access::guard));
    page.merge(data)
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&state), around))
        .with_state(state)
}

/// What is said with every answer: it is nobody else's, for now only, and what it says it is.
async fn around(State(admin): state::Shared, request: Request, next: Next) -> Response {
    admin.start_sampling();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NO_PAGE);
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// JSON, if somebody opens it as a page.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const ALWAYS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

async fn no_such_route() -> Problem {
    Problem::not_found("there is nothing here: the routes are in docs/operations/admin.md")
}

async fn no_such_method(method: Method) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("this route does not answer {method}"))
}
