//! Organisations: cached methods, which have no typed targets and are invalidated through tags.

use cache_runtime::{cached, invalidates};
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;

use crate::db::DbError;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Organisation {
    pub(crate) id: i64,
    pub(crate) name: String,
}

#[derive(Clone)]
pub(crate) struct Organisations {
    db: SqlitePool,
}

impl Organisations {
    pub(crate) fn new(db: SqlitePool) -> Self {
        Self { db }
    }

    #[cached(key = "org:{id}", ttl = "10m", tags = ["org:{id}"], skip(self))]
    pub(crate) async fn get(&self, id: i64) -> Result<Option<Organisation>, DbError> {
        tracing::debug!(id, "the database is asked for an organisation");
        let row =
            sqlx::query_as("select id, name from organisations where id = ?").bind(id).fetch_optional(&self.db).await?;
        Ok(row.map(|(id, name)| Organisation { id, name }))
    }

    /// Renames an organisation; `None` if there is no such organisation.
    #[invalidates(tags = ["org:{id}"])]
    pub(crate) async fn rename(&self, id: i64, name: &str) -> Result<Option<Organisation>, DbError> {
        let row = sqlx::query_as("update organisations set name = ? where id = ? returning id, name")
            .bind(name)
            .bind(id)
            .fetch_optional(&self.db)
            .await?;
        Ok(row.map(|(id, name)| Organisation { id, name }))
    }
}
