//! `GET /feed`: invalidations by whomever, and changes made here, as they happen (server-sent events).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use cache_runtime::Tier;
use cache_runtime::inspect::{Heard, Invalidation};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

use crate::audit::AuditEvent;
use crate::clock;
use crate::input::{Asked, Nothing};
use crate::problem::Problem;
use crate::state::{Closing, Shared};

/// More names of one invalidation are counted, not told.
const NAMES: usize = 50;
/// A feed that cannot hear ends after so long; the client asks again, and it may be better then.
const DEAF: Duration = Duration::from_secs(10);

struct Feed {
    heard: Option<Heard>,
    changes: Receiver<AuditEvent>,
    /// What is said first.
    first: Option<Event>,
    ends: Option<Instant>,
    closing: Closing,
    _permit: OwnedSemaphorePermit,
}

pub(crate) async fn feed(
    State(admin): Shared,
    _: Asked<Nothing>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let permit = Arc::clone(&admin.feeds).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::too_many("too many feeds are open", DEAF.as_secs()))?;
    let (mut heard, mut first, mut ends) = (None, event("open", &json!({})), None);
    if admin.cache.health().tier == Tier::Redis {
        match admin.inspect.heard().await {
            Ok(listening) => heard = Some(listening),
            Err(error) => {
                first = event("deaf", &json!({ "at_ms": clock::unix_ms(), "cause": error.to_string() }));
                ends = Some(soon());
            }
        }
    }
    let feed = Feed {
        heard,
        changes: admin.changes.subscribe(),
        first: Some(first),
        ends,
        closing: admin.closing.clone(),
        _permit: permit,
    };
    let events = unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((Ok(event), feed))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

impl Feed {
    /// The next event; `None` ends the feed.
    async fn next(&mut self) -> Option<Event> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let heard = async {
                match &mut self.heard {
                    Some(heard) => heard.next().await,
                    None => std::future::pending().await,
                }
            };
            let end = async {
                match self.ends {
                    Some(end) => sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Changes that came before the end are told; invalidations, of which there may be no end, do not put it off.
                biased;
                change = self.changes.recv() => match change {
                    Ok(change) => return Some(event("change", &change)),
                    // Behind by too many: those that are left are the latest.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                () = end => return None,
                () = self.closing.clone() => return None,
                invalidation = heard => return Some(told(invalidation)),
            }
        }
    }
}

fn told(invalidation: Invalidation) -> Event {
    let Invalidation::Names { at_ms, mut names, .. } = invalidation else {
        return event("invalidation", &invalidation);
    };
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    event("invalidation", &json!({ "kind": "names", "at_ms": at_ms, "names": names, "more": more }))
}

fn event(name: &str, data: &impl Serialize) -> Event {
    let data = serde_json::to_string(data).expect("texts and numbers are JSON");
    Event::default().event(name).data(data)
}

fn soon() -> Instant {
    Instant::now() + DEAF
}
