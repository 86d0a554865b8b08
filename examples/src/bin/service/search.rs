//! Search: a filter of several fields is one hash in the key.

use cache_runtime::cached;
use serde::Serialize;
use sqlx::SqlitePool;

use crate::db::DbError;
use crate::users::User;

/// What is searched for. Every field is in the key, a field that is added later too.
#[derive(Debug, Serialize)]
pub(crate) struct Filter {
    q: String,
    org: Option<i64>,
    limit: u32,
}

impl Filter {
    /// Brought into one form, so that ` Ada` and `ada` share an entry.
    pub(crate) fn new(q: &str, org: Option<i64>, limit: u32) -> Self {
        Self { q: q.trim().to_lowercase(), org, limit }
    }
}

/// The users whose name contains what is searched for.
///
/// Any user may be in any answer, hence one tag for all of them; the ttl is short, as few questions come twice.
#[cached(key = "search:{filter:hash}", ttl = "30s", tags = ["users"], skip(db))]
pub(crate) async fn search_users(db: &SqlitePool, filter: &Filter) -> Result<Vec<User>, DbError> {
    tracing::debug!(?filter, "the database is searched");
    let rows: Vec<(i64, i64, String)> = sqlx::query_as(
        "select id, org_id, name from users
         where instr(lower(name), ?1) > 0 and (?2 is null or org_id = ?2) order by name, id limit ?3",
    )
    .bind(&filter.q)
    .bind(filter.org)
    .bind(filter.limit)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(User::from_row).collect())
}
