//! `POST /purge`: what would go, and letting it go.

use axum::extract::State;
use axum::{Extension, Json};
use cache_runtime::inspect::{Preview, Purge, Purged};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::access::Caller;
use crate::input::{Asked, Nothing, Sent};
use crate::problem::Problem;
use crate::state::Shared;

/// `{"tag": "users", "dry_run": true}`: one of the four, by name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Order {
    key: Option<String>,
    tag: Option<String>,
    function: Option<String>,
    pattern: Option<String>,
    dry_run: bool,
}

impl Order {
    fn purge(self) -> Result<Purge, Problem> {
        let purge = match (self.key, self.tag, self.function, self.pattern) {
            (Some(key), None, None, None) => Purge::Key(key),
            (None, Some(tag), None, None) => Purge::Tag(tag),
            (None, None, Some(function), None) => Purge::Function(function),
            (None, None, None, Some(pattern)) => Purge::Pattern(pattern),
            _ => return Err(Problem::bad_input("give one of `key`, `tag`, `function` and `pattern`")),
        };
        let (_, name) = words(&purge);
        if name.is_empty() { Err(Problem::bad_input("what is to be purged is empty")) } else { Ok(purge) }
    }
}

/// What `POST /purge` answers.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    /// With `dry_run`: what would go.
    Would(Preview),
    /// What went.
    Did(Purged),
}

/// A preview is looking, which needs no more than looking does. A purge needs a token, and there are only so many of
/// them in a minute. It is carried to its end, and told, also when the client does not wait for it.
pub(crate) async fn purge(
    State(admin): Shared,
    Extension(caller): Extension<Caller>,
    _: Asked<Nothing>,
    Sent(order): Sent<Order>,
) -> Result<Json<Answer>, Problem> {
    let dry_run = order.dry_run;
    if dry_run {
        let purge = order.purge()?;
        let _walk = admin.walk_for(&purge)?;
        return Ok(Json(Answer::Would(admin.inspect.preview(&purge).await?)));
    }
    caller.changes()?;
    let purge = order.purge()?;
    admin
        .purges
        .take(Instant::now())
        .map_err(|seconds| Problem::too_many("there were too many purges in this minute", seconds))?;
    let task = tokio::spawn(async move {
        let _walk = admin.walk_for(&purge)?;
        let purged = admin.inspect.purge(&purge).await;
        let (by, name) = words(&purge);
        let outcome = purged.as_ref().map(|purged| Some(purged.removed)).map_err(ToString::to_string);
        admin.changed(&caller, format!("purge {by} {name}"), outcome);
        Ok::<_, Problem>(Json(Answer::Did(purged?)))
    });
    task.await.map_err(|error| Problem::failed(error.to_string()))?
}

/// `tag users`
pub(crate) fn words(purge: &Purge) -> (&'static str, &str) {
    match purge {
        Purge::Key(key) => ("key", key),
        Purge::Tag(tag) => ("tag", tag),
        Purge::Function(function) => ("function", function),
        Purge::Pattern(pattern) => ("pattern", pattern),
        _ => ("what", "is unknown"),
    }
}
