//! What is configured, until it becomes routes.

use std::future::{Future, pending};
use std::sync::Arc;

use axum::Router;
use cache_runtime::Cache;
use futures_util::FutureExt as _;

use crate::audit::{AuditEvent, Listener};
use crate::routes;
use crate::state::{Closing, State};
use crate::tokens::{TokenError, Tokens};

/// The admin routes of a cache: what is configured, until [`router`](Self::router) makes them.
///
/// ```
/// use std::net::SocketAddr;
///
/// use axum::Router;
/// use cache_admin::Admin;
/// use cache_runtime::Cache;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cache = Cache::local();
/// let mut admin = Admin::new(&cache);
/// // Behind a proxy, also one on this machine, a token is not optional: see `Admin::new`.
/// if let Ok(token) = std::env::var("ADMIN_TOKEN") {
///     admin = admin.token("operators", &token)?;
/// }
/// let app: Router = Router::new().nest("/admin/cache", admin.router());
/// // The peer's address is what routes without a token go by.
/// let service = app.into_make_service_with_connect_info::<SocketAddr>();
/// # drop(service); Ok(()) }
/// ```
#[must_use = "nothing is served until its `router` is nested"]
pub struct Admin {
    cache: Cache,
    tokens: Tokens,
    purges_per_minute: u32,
    listener: Option<Listener>,
    closing: Closing,
}

impl Admin {
    /// Routes for this cache, without a token: for looking only, and only from this machine.
    ///
    /// **A proxy on this machine can make all the world local**: behind it every peer is this machine. Requests that say that
    /// they were forwarded are refused, and so are those by HTTP/1.0, which some proxies speak by themselves; one that speaks
    /// HTTP/1.1, adds no header and names this machine in `Host` is not told apart. Configure a [`token`](Self::token) behind
    /// any proxy, tunnel or sidecar.
    pub fn new(cache: &Cache) -> Self {
        let closing = pending().boxed().shared();
        Self { cache: cache.clone(), tokens: Tokens::default(), purges_per_minute: 30, listener: None, closing }
    }

    /// Lets in who sends `Authorization: Bearer <token>`, from anywhere, to look and to change; from then on nobody else.
    ///
    /// `name` is who the audit events name. Called again, it adds another token: give each team its own, so that one can be
    /// taken away.
    ///
    /// # Errors
    ///
    /// [`TokenError`] if the token has fewer than 16 characters, or some that the header cannot carry. An empty variable of
    /// the environment is an error too, and does not open the routes.
    pub fn token(mut self, name: &str, token: &str) -> Result<Self, TokenError> {
        self.tokens.add(name, token)?;
        Ok(self)
    }

    /// How many purges there may be in a minute, from all together; 30 by default, at least 1. One that is previewed
    /// (`dry_run`) does not count.
    pub fn purges_per_minute(mut self, count: u32) -> Self {
        self.purges_per_minute = count;
        self
    }

    /// Calls `listener` with every change, after it was made or failed: to keep it where the log is not enough.
    ///
    /// It runs in the request, so it should hand on what takes long.
    pub fn on_change(mut self, listener: impl Fn(&AuditEvent) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Ends the feeds of open pages when `stop` is ready: give it what the service gives to `with_graceful_shutdown`, which
    /// otherwise waits for them.
    pub fn until(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.closing = stop.boxed().shared();
        self
    }

    /// The routes, to be nested: `app.nest("/admin/cache", admin.router())`.
    ///
    /// Inside of a Tokio runtime it begins to count for the charts at once, else at the first request. That ends when the
    /// last clone of the router is gone.
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let state = Arc::new(State::new(self.cache, self.purges_per_minute, self.listener, self.closing));
        state.start_sampling();
        routes::router(state, self.tokens)
    }
}
