//! The dashboard of an organisation: a value made of three tables, with a tag for each of them.

use cache_runtime::codec::Json;
use cache_runtime::{cached, invalidates};
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;

use crate::db::DbError;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Dashboard {
    organisation: String,
    #[serde(flatten)]
    totals: Totals,
    top_spenders: Vec<Spender>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Totals {
    users: i64,
    orders: i64,
    revenue_cents: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Spender {
    user_id: i64,
    name: String,
    spent_cents: i64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Order {
    id: i64,
    org_id: i64,
    user_id: i64,
    amount_cents: i64,
}

/// The figures of an organisation, if there is one.
///
/// Stored as JSON: `serde(flatten)` needs a format that describes itself, which the default one does not.
#[cached(
    key = "dashboard:{org_id}",
    ttl = "1m",
    tags = ["org:{org_id}", "org:{org_id}:members", "org:{org_id}:orders"],
    codec = Json,
    skip(db),
)]
pub(crate) async fn get_dashboard(db: &SqlitePool, org_id: i64) -> Result<Option<Dashboard>, DbError> {
    tracing::debug!(org_id, "the database is asked for a dashboard");
    // One transaction, so that the figures are of one moment. It begins inside of the cached function: one that was
    // begun before could show less than the last invalidation promises.
    let mut tx = db.begin().await?;
    let row: Option<(String, i64, i64, i64)> = sqlx::query_as(
        "select name,
                (select count(*) from users where org_id = organisations.id),
                (select count(*) from orders where org_id = organisations.id),
                (select coalesce(sum(amount_cents), 0) from orders where org_id = organisations.id)
         from organisations where id = ?",
    )
    .bind(org_id)
    .fetch_optional(&mut *tx)
    .await?;
    let Some((organisation, users, orders, revenue_cents)) = row else { return Ok(None) };
    let spenders: Vec<(i64, String, i64)> = sqlx::query_as(
        "select users.id, users.name, sum(amount_cents) as spent
         from orders join users on users.id = orders.user_id
         where orders.org_id = ? group by users.id order by spent desc, users.id limit 3",
    )
    .bind(org_id)
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Some(Dashboard {
        organisation,
        totals: Totals { users, orders, revenue_cents },
        top_spenders: spenders
            .into_iter()
            .map(|(user_id, name, spent_cents)| Spender { user_id, name, spent_cents })
            .collect(),
    }))
}

/// Places an order for the organisation of the user; `None` if there is no such user.
#[invalidates(tags = ["org:{return.org_id}:orders"])]
pub(crate) async fn place_order(db: &SqlitePool, user_id: i64, amount_cents: i64) -> Result<Option<Order>, DbError> {
    let row: Option<(i64, i64, i64, i64)> = sqlx::query_as(
        "insert into orders (org_id, user_id, amount_cents) select org_id, id, ? from users where id = ?
         returning id, org_id, user_id, amount_cents",
    )
    .bind(amount_cents)
    .bind(user_id)
    .fetch_optional(db)
    .await?;
    Ok(row.map(|(id, org_id, user_id, amount_cents)| Order { id, org_id, user_id, amount_cents }))
}
