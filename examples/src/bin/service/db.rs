//! The database: its tables, what is in them at the start, and its one kind of error.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

const TABLES: &str = "
    create table organisations (id integer primary key, name text not null);
    create table users (
        id integer primary key autoincrement,
        org_id integer not null references organisations,
        name text not null
    );
    create table orders (
        id integer primary key autoincrement,
        org_id integer not null references organisations,
        user_id integer not null references users on delete cascade,
        amount_cents integer not null
    );
    create index users_by_org on users (org_id);
    create index orders_by_org on orders (org_id, user_id);
";

const ORGANISATIONS: [&str; 3] = ["Analytical Engines", "Bletchley Traders", "Compiler Works"];
const USERS: [&str; 9] = [
    "Ada Lovelace",
    "Charles Babbage",
    "Adele Goldstine",
    "Alan Turing",
    "Joan Clarke",
    "Gordon Welchman",
    "Grace Hopper",
    "Adele Goldberg",
    "Frances Allen",
];

/// What went wrong in the database.
///
/// It is `Clone`, so callers who joined a load that failed are given its error. With an error that is not, each of
/// them would load in turn.
#[derive(Clone, Debug)]
pub(crate) struct DbError(Arc<sqlx::Error>);

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for DbError {}

/// Deletes the database at `path`, if there is one, and makes it anew.
pub(crate) async fn open(path: &Path) -> Result<SqlitePool, DbError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match std::fs::remove_file(PathBuf::from(file)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(sqlx::Error::Io(error).into()),
            _ => {}
        }
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5));
    let db = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
    seed(&db).await?;
    Ok(db)
}

async fn seed(db: &SqlitePool) -> Result<(), DbError> {
    sqlx::raw_sql(TABLES).execute(db).await?;
    let mut tx = db.begin().await?;
    for (id, name) in (1_i64..).zip(ORGANISATIONS) {
        sqlx::query("insert into organisations (id, name) values (?, ?)").bind(id).bind(name).execute(&mut *tx).await?;
    }
    for (id, name) in (1_i64..).zip(USERS) {
        let org_id = (id - 1) / 3 + 1;
        sqlx::query("insert into users (org_id, name) values (?, ?)").bind(org_id).bind(name).execute(&mut *tx).await?;
        for order in 1..=id {
            sqlx::query("insert into orders (org_id, user_id, amount_cents) values (?, ?, ?)")
                .bind(org_id)
                .bind(id)
                .bind(order * 1_000)
                .execute(&mut *tx)
                .await?;
        }
    }
    tx.commit().await?;
    Ok(())
}
