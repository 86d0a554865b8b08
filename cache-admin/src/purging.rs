//! `POST /purge`: what would go, and letting it go.

use axum::extract::State;
use axum::{Extension, Json};
use cache_runtime::inspect::{Preview, Purge, Purged};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::access::Caller;
use crate::input::{Asked, Nothing, Sent};
use crate::problem::Problem;
use crate::state::{Shared, State as Admin};

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
        // The entries of a key need no looking for; those of a tag do.
        let _walk = if matches!(purge, Purge::Key(_)) { None } else { Some(admin.walk()?) };
        return Ok(Json(Answer::Would(admin.inspect.preview(&purge).await?)));
    }
    caller.changes()?;
    let purge = order.purge()?;
    let (by, name) = words(&purge);
    let what = format!("purge {by} {name}");
    let walk = match admit(&admin, &purge) {
        Ok(walk) => walk,
        Err(refusal) => {
            admin.changed(&caller, what, Err(refusal.to_string()));
            return Err(refusal);
        }
    };
    let task = tokio::spawn(async move {
        let _walk = walk;
        let purged = admin.inspect.purge(&purge).await;
        let outcome = purged.as_ref().map(|purged| Some(purged.removed)).map_err(ToString::to_string);
        admin.changed(&caller, what, outcome);
        Ok::<_, Problem>(Json(Answer::Did(purged?)))
    });
    task.await.map_err(|error| Problem::failed(error.to_string()))?
}

/// One of the purges of this minute, and a walk for those that walk: a purge by tag writes a stamp. The walk first, so that
/// who has to wait for it has not used up a purge.
fn admit(admin: &Admin, purge: &Purge) -> Result<Option<OwnedSemaphorePermit>, Problem> {
    let walks = matches!(purge, Purge::Function(_) | Purge::Pattern(_));
    let walk = walks.then(|| admin.walk()).transpose()?;
    let taken = admin.purges.take(Instant::now());
    taken.map_err(|seconds| Problem::too_many("there were too many purges in this minute", seconds))?;
    Ok(walk)
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use std::future::pending;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use cache_runtime::Cache;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::audit::Listener;

    #[tokio::test]
    async fn while_others_walk_a_tag_is_purged_and_what_walks_is_refused_and_told() {
        let cache = Cache::local();
        cache.put(cache_runtime::Key::new("user:1").tag("users"), &1, Duration::from_secs(60)).await.unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&told);
        let listener: Listener = Arc::new(move |event| keep.lock().unwrap().push(event.to_string()));
        let admin = Arc::new(Admin::new(cache.clone(), 1, Some(listener), pending().boxed().shared()));
        let order = async |order: Order| {
            let caller = Caller { name: Some("night shift".into()), peer: None };
            purge(State(Arc::clone(&admin)), Extension(caller), Asked(Nothing {}), Sent(order)).await.map(drop)
        };
        let pattern = || Order { pattern: Some("user:*".into()), ..Order::default() };
        let tag = || Order { tag: Some("users".into()), ..Order::default() };

        let walks = [admin.walk().unwrap(), admin.walk().unwrap()];
        assert!(admin.walk().is_err(), "two walk at once");
        assert!(order(pattern()).await.is_err());
        assert!(order(Order { dry_run: true, ..tag() }).await.is_err(), "a preview by tag looks through the keys");
        // There is one in a minute: what was refused has not used it up.
        order(tag()).await.unwrap();
        assert_eq!(cache.get::<i32>(cache_runtime::Key::new("user:1").tag("users")).await.unwrap(), None);
        drop(walks);
        assert!(order(pattern()).await.is_err(), "there was the one of this minute");
        let told = told.lock().unwrap().clone();
        assert_eq!(told[0], "night shift: purge pattern user:*: failed: others walk through the keys; try again");
        assert!(told[1].starts_with("night shift: purge tag users: "), "{told:?}");
        assert_eq!(told[2..], ["night shift: purge pattern user:*: failed: there were too many purges in this minute"]);
    }
}
