//! Users: one entry per user, absence included, and mutations that say what they change.

use cache_runtime::{cached, invalidates};
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;

use crate::db::DbError;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) org_id: i64,
    pub(crate) name: String,
}

impl User {
    pub(crate) fn from_row((id, org_id, name): (i64, i64, String)) -> Self {
        Self { id, org_id, name }
    }
}

/// The user, if there is one. That there is none is remembered too, for a shorter time.
#[cached(key = "user:{id}", ttl = "10m", negative_ttl = "30s", skip(db))]
pub(crate) async fn get_user(db: &SqlitePool, id: i64) -> Result<Option<User>, DbError> {
    tracing::debug!(id, "the database is asked for a user");
    let row = sqlx::query_as("select id, org_id, name from users where id = ?").bind(id).fetch_optional(db).await?;
    Ok(row.map(User::from_row))
}

/// Makes a user; `None` if there is no such organisation.
///
/// `get_user(return.id)` voids the absence that may have been cached for the new id.
#[invalidates(get_user(return.id), tags = ["users", "org:{org_id}:members"])]
pub(crate) async fn create_user(db: &SqlitePool, org_id: i64, name: &str) -> Result<Option<User>, DbError> {
    let row = sqlx::query_as(
        "insert into users (org_id, name) select id, ? from organisations where id = ? returning id, org_id, name",
    )
    .bind(name)
    .bind(org_id)
    .fetch_optional(db)
    .await?;
    Ok(row.map(User::from_row))
}

/// Renames a user; `None` if there is no such user.
///
/// The organisation is not among the arguments: `{return.org_id}` takes it from the user that is returned. When the
/// database fails nothing is returned, and only what the arguments name is voided: the dashboard then waits for its ttl.
#[invalidates(get_user(id), tags = ["users", "org:{return.org_id}:members"])]
pub(crate) async fn rename_user(db: &SqlitePool, id: i64, name: &str) -> Result<Option<User>, DbError> {
    let row = sqlx::query_as("update users set name = ? where id = ? returning id, org_id, name")
        .bind(name)
        .bind(id)
        .fetch_optional(db)
        .await?;
    Ok(row.map(User::from_row))
}

/// Deletes a user and the orders of that user; `None` if there is no such user.
#[invalidates(get_user(id), tags = ["users", "org:{return.org_id}:members"])]
pub(crate) async fn delete_user(db: &SqlitePool, id: i64) -> Result<Option<User>, DbError> {
    let row =
        sqlx::query_as("delete from users where id = ? returning id, org_id, name").bind(id).fetch_optional(db).await?;
    Ok(row.map(User::from_row))
}
