//! An HTTP service over a database, cached by declaration: `cargo run -p examples --bin service`.
//!
//! - `users`: a function that caches absence too, and mutations that name what they change;
//! - `organisations`: cached methods;
//! - `dashboard`: an aggregation over several tables, stored as JSON, voided by changes in any of them;
//! - `search`: a key made of a whole filter;
//! - `http`: routes, and what a request may ask of the cache.
//!
//! And what people on call have:
//!
//! - the page of `cache-admin` at <http://127.0.0.1:3000/admin/cache>: `cargo run -p examples --bin load` makes it move;
//! - `metrics`: what Prometheus scrapes, at `/metrics`;
//! - `examples/policy.toml`, or the file that `CACHE_POLICY` names: functions are switched off and re-timed while it runs.
//!
//! `SERVICE_ADDR` is where it listens (default `127.0.0.1:3000`), `SERVICE_DB` the database file, **deleted and made
//! anew at each start** (default: in the system's temporary directory). With `ADMIN_TOKEN` (16 characters or more) the admin
//! page asks for it and may purge; without, it is for looking only, from this machine. With `CACHE_URL` or `REDIS_URL` entries are in
//! Redis, without them in this process.
//!
//! ```sh
//! curl -i localhost:3000/users/1                     # x-cache: Loaded
//! curl -i localhost:3000/users/1                     # x-cache: Local, or Redis
//! curl -i localhost:3000/users/1?fresh=1             # x-cache: Loaded
//! curl -i -X PATCH localhost:3000/users/1 -H 'content-type: application/json' -d '{"name": "Ada L."}'
//! curl -i 'localhost:3000/search?q=ada&org=1'
//! curl -i localhost:3000/orgs/1/dashboard
//! curl -i localhost:3000/orders -H 'content-type: application/json' -d '{"user_id": 1, "amount_cents": 4200}'
//! ```

mod dashboard;
mod db;
mod http;
mod metrics;
mod organisations;
mod problem;
mod search;
mod users;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use cache_admin::Admin;
use cache_runtime::{Cache, CacheBuilder};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// How long requests under way may take when the service is told to stop.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the service ends");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    // Before the first cached function is called: it would take the environment's cache by itself.
    let prometheus = metrics::recorder()?;
    let cache = CacheBuilder::from_env().policy(policy_path()).build()?;
    cache.install()?;

    let path = db_path();
    let db =
        db::open(&path).await.map_err(|error| format!("the database {} cannot be made: {error}", path.display()))?;
    let addr = env_or("SERVICE_ADDR", "127.0.0.1:3000");
    let listener = TcpListener::bind(&addr).await.map_err(|error| format!("cannot listen on `{addr}`: {error}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    tracing::info!(namespace = cache.namespace(), tier = ?cache.health().tier, "started");

    let app = http::routes(http::App::new(db.clone(), cache.clone()))
        .merge(metrics::routes(cache.clone(), prometheus))
        .nest("/admin/cache", admin(&cache)?.router());
    // The admin routes go by the peer's address where no token is configured.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(told_to_stop());
    let out_of_patience = async {
        told_to_stop().await;
        tracing::info!("told to stop; requests under way are finished");
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = server.into_future() => served?,
        () = out_of_patience => tracing::warn!("requests under way were given up"),
    }

    // Requests are over. Invalidations that the server did not take yet are delivered now, or never.
    if let Err(error) = cache.shutdown().await {
        tracing::warn!(%error, "the cache did not end in order");
    }
    db.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// The admin routes, with the token of the environment, if there is one: an empty one is a mistake, not none.
///
/// Without one they are for this machine only. Behind a proxy, also one on this machine, set it: to these routes all that
/// comes through the proxy may come from here.
fn admin(cache: &Cache) -> Result<Admin, Box<dyn Error>> {
    let admin = Admin::new(cache).until(told_to_stop());
    match std::env::var("ADMIN_TOKEN") {
        Ok(token) => Ok(admin.token("admin", &token).map_err(|error| format!("`ADMIN_TOKEN`: {error}"))?),
        Err(_) => Ok(admin),
    }
}

fn env_or(name: &str, default: &str) -> String {
    std::env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
}

/// What the cache is told at run time: `CACHE_POLICY`, or the file beside these sources.
fn policy_path() -> PathBuf {
    env_or("CACHE_POLICY", concat!(env!("CARGO_MANIFEST_DIR"), "/policy.toml")).into()
}

fn db_path() -> PathBuf {
    match env_or("SERVICE_DB", "") {
        path if path.is_empty() => std::env::temp_dir().join("cache-example-service.db"),
        path => path.into(),
    }
}

/// Ends at ctrl-c or SIGTERM.
async fn told_to_stop() {
    let interrupted = async {
        tokio::signal::ctrl_c().await.expect("a handler for ctrl-c can be set");
    };
    #[cfg(unix)]
    let terminated = async {
        let mut signals = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .expect("a handler for SIGTERM can be set");
        signals.recv().await;
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();

    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}

#[cfg(test)]
mod tests {
    /// Every tag and key that is invalidated is carried, and the other way round.
    #[test]
    fn what_is_cached_and_what_is_invalidated_fit() -> Result<(), cache_runtime::graph::Findings> {
        cache_runtime::graph().check()
    }
}
