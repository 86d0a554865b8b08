//! `POST /functions/{name}`: a function is switched off, on, or given another lifetime.

use axum::extract::State;
use axum::{Extension, Json};
use cache_runtime::policy::{Policy, Rule};
use serde::{Deserialize, Serialize};

use crate::access::Caller;
use crate::input::{Asked, Named, Nothing, Sent};
use crate::problem::Problem;
use crate::state::Shared;

#[derive(Deserialize)]
pub(crate) struct Function {
    name: String,
}

/// What `POST /functions/{name}` answers.
#[derive(Serialize)]
pub(crate) struct Steered {
    function: String,
    /// What is in force now, with what the file says.
    rule: Rule,
}

/// The body is all that is said by hand of the function: a field that is not there says nothing, and `{}` leaves it to
/// the file and its declaration again.
pub(crate) async fn steer(
    State(admin): Shared,
    Extension(caller): Extension<Caller>,
    Named(Function { name }): Named<Function>,
    _: Asked<Nothing>,
    Sent(rule): Sent<Rule>,
) -> Result<Json<Steered>, Problem> {
    caller.changes()?;
    let steered = admin.cache.steer(&name, rule);
    let says = if rule == Rule::new() { "nothing by hand".to_owned() } else { rule.to_string() };
    let outcome = steered.as_ref().map(|()| None).map_err(ToString::to_string);
    admin.changed(&caller, format!("steer {name}: {says}"), outcome);
    steered?;
    Ok(Json(Steered { rule: admin.cache.policy().of(&name), function: name }))
}

/// What is in force: the file, what was said by hand, and what is wrong with the file.
pub(crate) async fn policy(State(admin): Shared, _: Asked<Nothing>) -> Json<Policy> {
    Json(admin.cache.policy())
}
