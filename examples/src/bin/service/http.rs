//! The routes, and what a request may ask of the cache.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use cache_runtime::{Cache, Health, Stats, observe, refresh};
use serde::Deserialize;
use sqlx::SqlitePool;

use crate::dashboard::{Dashboard, Order, get_dashboard, place_order};
use crate::organisations::{Organisation, Organisations};
use crate::problem::Problem;
use crate::search::{Filter, search_users};
use crate::users::{User, create_user, delete_user, get_user, rename_user};

/// One order may not cost more, so that sums stay far away from overflowing.
const MAX_AMOUNT_CENTS: i64 = 100_000_000;

#[derive(Clone)]
pub(crate) struct App {
    db: SqlitePool,
    organisations: Organisations,
    cache: Cache,
}

impl App {
    pub(crate) fn new(db: SqlitePool, cache: Cache) -> Self {
        Self { organisations: Organisations::new(db.clone()), db, cache }
    }
}

pub(crate) fn routes(app: App) -> Router {
    Router::new()
        .route("/users", post(add_user))
        .route("/users/{id}", get(show_user).patch(change_user).delete(remove_user))
        .route("/orgs/{id}", get(show_organisation).patch(change_organisation))
        .route("/orgs/{id}/dashboard", get(show_dashboard))
        .route("/orders", post(add_order))
        .route("/search", get(search))
        .route("/health", get(health))
        .route("/cache/stats", get(stats))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn(with_cache))
        .with_state(app)
}

type Answer<T> = Result<Json<T>, Problem>;
type Created<T> = Result<(StatusCode, Json<T>), Problem>;
type Id = Result<Path<i64>, PathRejection>;
type Body<T> = Result<Json<T>, JsonRejection>;

/// `?fresh=1` loads anew, and `x-cache` tells where the answer came from.
///
/// Both work around a whole request, as they do around a single call. A service that strangers use would not let
/// everybody ask for fresh values.
async fn with_cache(request: Request, next: Next) -> Response {
    #[derive(Deserialize)]
    struct Switches {
        fresh: Option<String>,
    }
    let switches = Query::<Switches>::try_from_uri(request.uri());
    let fresh =
        request.method() == Method::GET && switches.is_ok_and(|switches| switches.fresh.as_deref() == Some("1"));
    let (mut response, seen) =
        if fresh { observe(refresh(next.run(request))).await } else { observe(next.run(request)).await };
    let source = HeaderValue::try_from(format!("{:?}", seen.source)).expect("a variant's name is a header value");
    response.headers_mut().insert("x-cache", source);
    response
}

async fn show_user(State(app): State<App>, id: Id) -> Answer<User> {
    let Path(id) = id?;
    get_user(&app.db, id).await?.map(Json).ok_or_else(|| Problem::not_found("user", id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    org_id: i64,
    name: String,
}

async fn add_user(State(app): State<App>, body: Body<NewUser>) -> Created<User> {
    let Json(new) = body?;
    let user = create_user(&app.db, new.org_id, name(&new.name)?).await?;
    let user = user.ok_or_else(|| Problem::bad_input(format!("there is no organisation {}", new.org_id)))?;
    Ok((StatusCode::CREATED, Json(user)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    name: String,
}

async fn change_user(State(app): State<App>, id: Id, body: Body<Rename>) -> Answer<User> {
    let (Path(id), Json(rename)) = (id?, body?);
    let user = rename_user(&app.db, id, name(&rename.name)?).await?;
    user.map(Json).ok_or_else(|| Problem::not_found("user", id))
}

async fn remove_user(State(app): State<App>, id: Id) -> Result<StatusCode, Problem> {
    let Path(id) = id?;
    match delete_user(&app.db, id).await? {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => Err(Problem::not_found("user", id)),
    }
}

async fn show_organisation(State(app): State<App>, id: Id) -> Answer<Organisation> {
    let Path(id) = id?;
    app.organisations.get(id).await?.map(Json).ok_or_else(|| Problem::not_found("organisation", id))
}

async fn change_organisation(State(app): State<App>, id: Id, body: Body<Rename>) -> Answer<Organisation> {
    let (Path(id), Json(rename)) = (id?, body?);
    let organisation = app.organisations.rename(id, name(&rename.name)?).await?;
    organisation.map(Json).ok_or_else(|| Problem::not_found("organisation", id))
}

async fn show_dashboard(State(app): State<App>, id: Id) -> Answer<Dashboard> {
    let Path(id) = id?;
    get_dashboard(&app.db, id).await?.map(Json).ok_or_else(|| Problem::not_found("organisation", id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    user_id: i64,
    amount_cents: i64,
}

async fn add_order(State(app): State<App>, body: Body<NewOrder>) -> Created<Order> {
    let Json(new) = body?;
    if !(1..=MAX_AMOUNT_CENTS).contains(&new.amount_cents) {
        return Err(Problem::bad_input(format!("`amount_cents` is from 1 to {MAX_AMOUNT_CENTS}")));
    }
    let order = place_order(&app.db, new.user_id, new.amount_cents).await?;
    let order = order.ok_or_else(|| Problem::bad_input(format!("there is no user {}", new.user_id)))?;
    Ok((StatusCode::CREATED, Json(order)))
}

#[derive(Deserialize)]
struct Search {
    q: String,
    org: Option<i64>,
    limit: Option<u32>,
}

async fn search(State(app): State<App>, query: Result<Query<Search>, QueryRejection>) -> Answer<Vec<User>> {
    let Query(Search { q, org, limit }) = query?;
    if q.trim().is_empty() {
        return Err(Problem::bad_input("`q` is empty"));
    }
    let limit = limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Problem::bad_input("`limit` is from 1 to 100"));
    }
    Ok(Json(search_users(&app.db, &Filter::new(&q, org, limit)).await?))
}

/// Answers 200 also when the cache is in trouble: the service then asks the database, and is well.
async fn health(State(app): State<App>) -> Json<Health> {
    Json(app.cache.health())
}

async fn stats(State(app): State<App>) -> Json<Stats> {
    Json(app.cache.stats())
}

async fn no_such_route(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

async fn no_such_method(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} does not answer {method}", uri.path()))
}

/// A name that can be stored, or what is wrong with it.
fn name(given: &str) -> Result<&str, Problem> {
    match given.trim() {
        "" => Err(Problem::bad_input("`name` is empty")),
        name if name.chars().count() > 100 => Err(Problem::bad_input("`name` has more than 100 characters")),
        name => Ok(name),
    }
}
