//! `stats`: what the servers say, and what this namespace has there.

use std::collections::BTreeMap;

use cache_runtime::inspect::{Held, ServerInfo};
use serde::Serialize;
use serde_json::json;

use crate::args::Stats;
use crate::exit::{Exit, Problem};
use crate::output::{BOLD, bytes, count, millis, or_dash, share};
use crate::session::Session;
use crate::walk::Walk;

/// What a namespace has.
#[derive(Default, Serialize)]
struct Has {
    values: u64,
    /// Loads under way.
    tokens: u64,
    /// Mutations under way.
    fences: u64,
    /// Tags that a result named, without its value.
    hints: u64,
    /// Written by something else, or by a later version.
    other: u64,
    tags: u64,
}

pub(crate) async fn run(session: &Session, given: &Stats) -> Result<Exit, Problem> {
    let servers = session.inspect.server().await?;
    let has = match given.quick {
        true => None,
        false => Some(has(session).await?),
    };
    let out = session.out;
    if out.json {
        out.document(&json!({ "namespace": session.namespace(), "servers": servers, "has": has }))?;
        return Ok(Exit::Fine);
    }
    servers.iter().try_for_each(|server| of_server(session, server))?;
    if let Some(has) = has {
        out.line(format_args!("{BOLD}{}{BOLD:#}", session.namespace()))?;
        out.field("values", count(has.values))?;
        out.field("tags", count(has.tags))?;
        out.field("loads", format_args!("{} under way", count(has.tokens)))?;
        out.field("mutations", format_args!("{} under way", count(has.fences)))?;
        let rest = BTreeMap::from([("hints", has.hints), ("other", has.other)]);
        for (name, number) in rest.into_iter().filter(|(_, number)| *number > 0) {
            out.field(name, count(number))?;
        }
    }
    Ok(Exit::Fine)
}

fn of_server(session: &Session, server: &ServerInfo) -> Result<(), Problem> {
    let out = session.out;
    let product = server.product.as_deref().unwrap_or("unknown");
    let version = server.version.as_deref().unwrap_or("-");
    out.line(format_args!("{BOLD}{}{BOLD:#}", server.name))?;
    out.field("version", format_args!("{product} {version}, up {}", or_dash(server.uptime_s, |s| millis(s * 1000))))?;
    let limit = match server.memory_limit {
        Some(0) => "no limit".to_owned(),
        limit => or_dash(limit, |limit| format!("of {}", bytes(limit))),
    };
    let policy = server.memory_policy.as_deref().unwrap_or("-");
    out.field("memory", format_args!("{} {limit}, {policy}", or_dash(server.memory_used, bytes)))?;
    out.field("keys", format_args!("{} on the whole server", or_dash(server.keys, count)))?;
    let (hits, misses) = (server.hits.unwrap_or_default(), server.misses.unwrap_or_default());
    out.field(
        "lookups",
        format_args!("{} hits, {} misses: {}", count(hits), count(misses), share(hits, hits.saturating_add(misses))),
    )?;
    out.field(
        "gone",
        format_args!("{} expired, {} evicted", or_dash(server.expired, count), or_dash(server.evicted, count)),
    )?;
    out.field("clients", or_dash(server.clients, count))?;
    out.field("load", format_args!("{} commands/s", or_dash(server.commands_per_s, count)))?;
    out.field("latency", format_args!("{} us", count(server.latency_us)))?;
    Ok(())
}

async fn has(session: &Session) -> Result<Has, Problem> {
    let inspect = &session.inspect;
    let mut has = Has::default();
    let mut walk = Walk::everything(inspect, "counting").await?;
    while let Some((page, tags)) = walk.page().await? {
        has.tags += tags.map_or(0, |tags| tags.keys.len() as u64);
        for held in inspect.held(&page).await? {
            match held {
                Held::Value => has.values += 1,
                Held::Token => has.tokens += 1,
                Held::Fence => has.fences += 1,
                Held::Hint => has.hints += 1,
                Held::Nothing => {}
                _ => has.other += 1,
            }
        }
    }
    Ok(has)
}
