//! The routes that tell what is: nothing here changes anything.

use axum::extract::State;
use axum::{Extension, Json};
use cache_runtime::graph::{Graph, Place};
use cache_runtime::inspect::ServerInfo;
use cache_runtime::policy::Rule;
use cache_runtime::{Counts, Health, Stats};
use serde::{Deserialize, Serialize};

use crate::access::Caller;
use crate::clock;
use crate::history::Answer;
use crate::input::{Asked, Nothing};
use crate::problem::Problem;
use crate::state::Shared;

/// What `GET /health` answers.
#[derive(Serialize)]
pub(crate) struct HealthAnswer {
    namespace: String,
    #[serde(flatten)]
    health: Health,
}

/// Always 200: a service is healthy with a cache that is not. `available` tells.
pub(crate) async fn health(State(admin): Shared, _: Asked<Nothing>) -> Json<HealthAnswer> {
    Json(HealthAnswer { namespace: admin.cache.namespace().to_owned(), health: admin.cache.health() })
}

pub(crate) async fn stats(State(admin): Shared, _: Asked<Nothing>) -> Json<Stats> {
    Json(admin.cache.stats())
}

/// What each master says of itself; an empty list without a server.
pub(crate) async fn server(State(admin): Shared, _: Asked<Nothing>) -> Result<Json<Vec<ServerInfo>>, Problem> {
    Ok(Json(admin.inspect.server().await?))
}

/// What `GET /me` answers: what the page may offer.
#[derive(Serialize)]
pub(crate) struct Me {
    #[serde(flatten)]
    caller: Caller,
    may_change: bool,
}

pub(crate) async fn me(Extension(caller): Extension<Caller>, _: Asked<Nothing>) -> Json<Me> {
    Json(Me { may_change: caller.changes().is_ok(), caller })
}

/// A cached function: what is declared, and what it did in this process.
#[derive(Serialize)]
pub(crate) struct FunctionAnswer {
    #[serde(flatten)]
    place: Place,
    key: String,
    tags: Vec<String>,
    /// As declared; `None` where an expression says it at each call.
    ttl_ms: Option<u64>,
    value: String,
    /// Those that void its entries.
    invalidated_by: Vec<String>,
    /// `None` until it is called in this process.
    counts: Option<Counts>,
    /// What is said of it at run time, by the file and by hand; nothing, as a rule.
    rule: Rule,
    /// What of that is said by hand.
    by_hand: Rule,
}

/// Every cached function of the program, called or not.
pub(crate) async fn functions(State(admin): Shared, _: Asked<Nothing>) -> Json<Vec<FunctionAnswer>> {
    let (graph, mut stats, policy) = (&admin.graph, admin.cache.stats(), admin.cache.policy());
    let answers = graph.functions.iter().enumerate().map(|(number, function)| {
        let key = function.key.as_str();
        let called = |stats: &cache_runtime::FunctionStats| stats.function == function.place.path && stats.key == key;
        let counts = stats.functions.iter().position(called).map(|at| stats.functions.swap_remove(at).counts);
        let said = policy.functions.iter().find(|said| said.function == function.place.path && said.key == key);
        let edges = graph.edges.iter().filter(|edge| edge.function == number);
        let mut invalidated_by: Vec<_> =
            edges.map(|edge| graph.invalidations[edge.invalidation].place.path.clone()).collect();
        invalidated_by.dedup();
        FunctionAnswer {
            place: function.place.clone(),
            key: key.to_owned(),
            tags: function.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            ttl_ms: function.ttl_ms,
            value: function.value.clone(),
            invalidated_by,
            counts,
            rule: said.map(|said| said.rule).unwrap_or_default(),
            by_hand: said.map(|said| said.by_hand).unwrap_or_default(),
        }
    });
    Json(answers.collect())
}

/// What `GET /graph` answers.
#[derive(Serialize)]
pub(crate) struct GraphAnswer {
    #[serde(flatten)]
    graph: Graph,
    findings: Vec<FindingAnswer>,
}

#[derive(Serialize)]
struct FindingAnswer {
    id: String,
    /// What is wrong, where, and what to type.
    text: String,
    /// The paths of the functions that are concerned.
    places: Vec<String>,
}

pub(crate) async fn whole_graph(State(admin): Shared, _: Asked<Nothing>) -> Json<GraphAnswer> {
    let graph = admin.graph.clone();
    let findings = graph.findings();
    let findings = findings.iter().map(|finding| FindingAnswer {
        id: finding.id(),
        text: finding.to_string(),
        places: finding.places().iter().map(|place| place.path.clone()).collect(),
    });
    Json(GraphAnswer { findings: findings.collect(), graph })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Since {
    minutes: Option<u64>,
    after_ms: Option<u64>,
}

pub(crate) async fn history(State(admin): Shared, Asked(since): Asked<Since>) -> Result<Json<Answer>, Problem> {
    let minutes = since.minutes.unwrap_or(5);
    if !(1..=60).contains(&minutes) {
        return Err(Problem::bad_input("`minutes` is from 1 to 60"));
    }
    Ok(Json(admin.history.read(minutes, since.after_ms.unwrap_or(0), clock::unix_ms())))
}
