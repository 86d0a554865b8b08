//! The routes that look into the store: which entries there are, and why one hits or misses.

use axum::Json;
use axum::extract::State;
use cache_runtime::inspect::{Cursor, Explanation, Page};
use serde::{Deserialize, Serialize};

use crate::input::{Asked, Named, Nothing};
use crate::problem::Problem;
use crate::state::Shared;

/// A cache without a server gives all that match at once.
const MOST: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(rename = "match")]
    pattern: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// What `GET /entries` answers.
#[derive(Serialize)]
pub(crate) struct EntriesAnswer {
    #[serde(flatten)]
    page: Page,
    /// How many matched beyond those that are told.
    left_out: usize,
}

/// A page of keys that match a glob; `next` is the `cursor` of the page behind it.
pub(crate) async fn list(State(admin): Shared, Asked(wanted): Asked<Wanted>) -> Result<Json<EntriesAnswer>, Problem> {
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=1_000).contains(&limit) {
        return Err(Problem::bad_input("`limit` is from 1 to 1000"));
    }
    let cursor = wanted.cursor.as_deref().map(str::parse::<Cursor>).transpose()?;
    let _walk = admin.walk()?;
    let mut page = admin.inspect.entries(wanted.pattern.as_deref().unwrap_or("*"), cursor, limit).await?;
    let left_out = page.keys.len().saturating_sub(MOST);
    page.keys.truncate(MOST);
    Ok(Json(EntriesAnswer { page, left_out }))
}

#[derive(Deserialize)]
pub(crate) struct Entry {
    key: String,
}

/// What is stored under a key. A key that is not there is explained as well: 200.
pub(crate) async fn explain(
    State(admin): Shared,
    Named(Entry { key }): Named<Entry>,
    _: Asked<Nothing>,
) -> Result<Json<Explanation>, Problem> {
    Ok(Json(admin.inspect.explain(&*key).await?))
}
