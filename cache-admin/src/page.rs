//! The page and its files, as they were built in.

use axum::extract::OriginalUri;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::input::Named;
use crate::problem::Problem;

const INDEX: &str = include_str!("../page/index.html");

/// Name, content type and text.
const FILES: [(&str, &str, &str); 12] = [
    ("style.css", CSS, include_str!("../page/style.css")),
    ("main.js", JS, include_str!("../page/main.js")),
    ("api.js", JS, include_str!("../page/api.js")),
    ("dom.js", JS, include_str!("../page/dom.js")),
    ("overview.js", JS, include_str!("../page/overview.js")),
    ("charts.js", JS, include_str!("../page/charts.js")),
    ("graph.js", JS, include_str!("../page/graph.js")),
    ("entries.js", JS, include_str!("../page/entries.js")),
    ("feed.js", JS, include_str!("../page/feed.js")),
    ("purge.js", JS, include_str!("../page/purge.js")),
    ("steer.js", JS, include_str!("../page/steer.js")),
    ("server.js", JS, include_str!("../page/server.js")),
];
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Nothing from anywhere else, nothing inline, no frame around it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The page. Its links begin with where it is nested, because `/cache` and `/cache/` resolve others differently.
pub(crate) async fn index(OriginalUri(uri): OriginalUri) -> Response {
    let base = escaped(uri.path().trim_end_matches('/'));
    let text = INDEX.replace("{base}", &base);
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], [(header::CONTENT_SECURITY_POLICY, POLICY)], text)
        .into_response()
}

#[derive(Deserialize)]
pub(crate) struct File {
    file: String,
}

pub(crate) async fn file(Named(File { file }): Named<File>) -> Result<Response, Problem> {
    let found = FILES.iter().find(|(name, ..)| *name == file);
    let (_, content_type, text) = found.ok_or_else(|| Problem::not_found("the page has no such file"))?;
    Ok(([(header::CONTENT_TYPE, *content_type)], *text).into_response())
}

/// For an attribute: a path is what a client sent.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}
