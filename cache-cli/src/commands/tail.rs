//! `tail`: invalidations as they happen.

use std::time::Duration;

use cache_runtime::inspect::{Invalidation, Name};
use tokio::time::MissedTickBehavior;

use crate::args::Tail;
use crate::exit::{Exit, Problem};
use crate::output::{DIM, ODD, time_of_day};
use crate::secret::redacted;
use crate::session::Session;
use crate::walk::Walk;

/// How often names are looked up again while unknown ones are heard.
const AGAIN: Duration = Duration::from_secs(10);

pub(crate) async fn run(session: &Session, given: &Tail) -> Result<Exit, Problem> {
    tokio::select! {
        told = tell(session, given) => told,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Fine),
    }
}

async fn tell(session: &Session, given: &Tail) -> Result<Exit, Problem> {
    let out = session.out;
    // First, so that nothing is missed while names are collected.
    let mut heard = session.inspect.heard().await?;
    if !given.quick {
        learn(session).await;
    }
    out.note(format_args!("{DIM}listening to `{}`; end with Ctrl-C{DIM:#}", session.namespace()));
    let (mut told, mut strangers) = (0, false);
    let mut again = tokio::time::interval(AGAIN);
    // After a pause or a long walk, once.
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    again.reset();
    while given.limit.is_none_or(|limit| told < limit) {
        let invalidation = tokio::select! {
            invalidation = heard.next() => invalidation,
            _ = again.tick(), if strangers && !given.quick => {
                // What is loaded again has its old name.
                strangers = false;
                learn(session).await;
                continue;
            }
        };
        told += 1;
        if let Invalidation::Names { names, .. } = &invalidation {
            strangers |= names.iter().any(|name| matches!(name, Name::Unknown(_)));
        }
        match out.json {
            true => out.record(&invalidation)?,
            false => print(session, &invalidation)?,
        }
    }
    Ok(Exit::Fine)
}

/// Meets all names, so that those that are heard are known. Without them there are hashes to be told.
async fn learn(session: &Session) {
    let walked = async {
        let mut walk = Walk::everything(&session.inspect, "learning names").await?;
        while walk.page().await?.is_some() {}
        Ok::<(), Problem>(())
    };
    if let Err(problem) = walked.await {
        session.out.note(format_args!("{ODD}names could not be learnt:{ODD:#} {}", redacted(&problem.to_string())));
    }
}

fn print(session: &Session, invalidation: &Invalidation) -> Result<(), Problem> {
    let out = session.out;
    let line = |at_ms: u64, kind: &str, what: &str| {
        out.line(format_args!("{DIM}{}{DIM:#}  {kind:<10}  {what}", time_of_day(at_ms)))
    };
    match invalidation {
        Invalidation::Names { at_ms, names, .. } => {
            for name in names {
                match name {
                    Name::Key(key) => line(*at_ms, "key", key)?,
                    Name::Tag(tag) => line(*at_ms, "tag", tag)?,
                    Name::Unknown(hash) => line(*at_ms, "unknown", &format!("{DIM}hash {hash}{DIM:#}"))?,
                    other => line(*at_ms, "other", &other.to_string())?,
                }
            }
        }
        Invalidation::Everything { at_ms, .. } => line(*at_ms, "everything", "that is kept in process")?,
        Invalidation::Gap { at_ms, cause, .. } => line(*at_ms, &format!("{ODD}gap{ODD:#}"), cause)?,
        other => line(0, "other", &format!("{other:?}"))?,
    }
    Ok(())
}
