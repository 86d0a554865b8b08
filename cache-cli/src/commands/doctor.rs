//! `doctor`: what is not well, and what to do about it.

use std::time::Duration;

use cache_runtime::inspect::ServerInfo;
use serde::Serialize;
use serde_json::json;

use crate::args::Doctor;
use crate::exit::{Exit, Problem};
use crate::output::{BAD, BOLD, DIM, GOOD, bytes, count};
use crate::session::Session;
use crate::walk::Walk;

/// How many keys a finding names at most.
const NAMED: usize = 5;

/// Something that is not well.
#[derive(Serialize)]
struct Finding {
    /// One word for programs.
    id: &'static str,
    /// Where: a server, or the namespace.
    at: String,
    what: String,
    /// What to do.
    help: String,
    /// Keys that it is about, some of them.
    keys: Vec<String>,
}

/// What was looked at, and what was found.
#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
    well: Vec<String>,
}

impl Report {
    fn found(&mut self, id: &'static str, at: &str, what: impl Into<String>, help: impl Into<String>) {
        let finding = Finding { id, at: at.to_owned(), what: what.into(), help: help.into(), keys: Vec::new() };
        self.findings.push(finding);
    }
}

pub(crate) async fn run(session: &Session, given: &Doctor) -> Result<Exit, Problem> {
    let mut report = Report::default();
    for server in &session.inspect.server().await? {
        version(&mut report, server);
        memory(&mut report, server);
        rest(&mut report, server, given);
    }
    bus(&mut report, session).await;
    if given.probe {
        probe(&mut report, session).await;
    }
    if !given.quick {
        entries(&mut report, session, given).await?;
    }
    show(session, &report)
}

fn version(report: &mut Report, server: &ServerInfo) {
    let Some(version) = &server.version else {
        let help =
            "allow it to this user: `+info`; without it the cache does not notice a failover that loses invalidations";
        return report.found("info", &server.name, "it does not say what it is: INFO is refused", help);
    };
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default();
    match major {
        0..5 => report.found("version", &server.name, format!("its version is {version}"), "upgrade to 5 or later"),
        5 => {
            let help = "upgrade to 6 or later (RESP3); until then nothing is kept in the processes";
            report.found("version", &server.name, format!("its version is {version}"), help);
        }
        _ => report.well.push(format!("{}: version {version}", server.name)),
    }
    match &server.history {
        Some(_) => report.well.push(format!("{}: the history guard is on", server.name)),
        None => report.found(
            "history",
            &server.name,
            "it hides its replication history: a failover that loses invalidations is not noticed",
            "allow `INFO replication`, or keep ttls short where an old value hurts",
        ),
    }
}

fn memory(report: &mut Report, server: &ServerInfo) {
    let (Some(used), Some(limit)) = (server.memory_used, server.memory_limit) else { return };
    let policy = server.memory_policy.as_deref().unwrap_or("unknown");
    if limit == 0 {
        let help = "set `maxmemory` below what the machine has, and `maxmemory-policy allkeys-lru` for a server of caches only";
        return report.found(
            "maxmemory",
            &server.name,
            format!("it may use all memory; it uses {}", bytes(used)),
            help,
        );
    }
    if policy == "noeviction" {
        let help = "set `maxmemory-policy` to `volatile-lru`, or to `allkeys-lru` for a server of caches only";
        let what = format!("its policy is `noeviction`: at {} nothing new is stored", bytes(limit));
        report.found("policy", &server.name, what, help);
    }
    if used.saturating_mul(10) > limit.saturating_mul(9) {
        let help = "see what takes it with `cachectl du`; shorten ttls, or raise `maxmemory`";
        let what = format!("it uses {} of {}", bytes(used), bytes(limit));
        return report.found("memory", &server.name, what, help);
    }
    report.well.push(format!("{}: {} of {} used, {policy}", server.name, bytes(used), bytes(limit)));
}

fn rest(report: &mut Report, server: &ServerInfo, given: &Doctor) {
    if server.latency_us > given.slow.saturating_mul(1000) {
        let help =
            "look for slow commands with `SLOWLOG GET`, for a machine without room, or for a network that is far";
        report.found("latency", &server.name, format!("it takes {} us to answer", count(server.latency_us)), help);
    } else {
        report.well.push(format!("{}: answers in {} us", server.name, count(server.latency_us)));
    }
    if let (Some(clients), Some(limit)) = (server.clients, server.clients_limit)
        && clients.saturating_mul(10) > limit.saturating_mul(9)
    {
        let help = "raise `maxclients`, or look for who opens them with `CLIENT LIST`";
        report.found("clients", &server.name, format!("{clients} of {limit} clients are connected"), help);
    }
}

/// Whether invalidations can be heard.
async fn bus(report: &mut Report, session: &Session) {
    match session.inspect.heard().await {
        Ok(_) => report.well.push("invalidations can be heard".to_owned()),
        Err(error) => {
            let help =
                "allow `+subscribe` and the channel `<namespace>:bus`; until then nothing is kept in the processes";
            report.found("bus", session.namespace(), format!("invalidations cannot be heard: {error}"), help);
        }
    }
}

/// Whether this user may do what the cache does.
async fn probe(report: &mut Report, session: &Session) {
    let key = format!("cachectl:probe:{}", std::process::id());
    let cache = &session.cache;
    let probed = async {
        cache.put(&key, &true, Duration::from_secs(10)).await?;
        let got = cache.get::<bool>(&key).await?;
        cache.remove([&key]).await?;
        Ok::<_, cache_runtime::Error>(got == Some(true))
    };
    let help = "allow what `docs/consistency.md` lists under Permissions";
    match probed.await {
        Ok(true) => report.well.push("an entry can be stored, read and removed".to_owned()),
        Ok(false) => report.found("probe", session.namespace(), "what was stored was not there", help),
        Err(error) => report.found("probe", session.namespace(), error.to_string(), help),
    }
}

/// Keys and tags of ours that should not be as they are.
async fn entries(report: &mut Report, session: &Session, given: &Doctor) -> Result<(), Problem> {
    let (mut all, mut forever, mut large) = (0, Vec::new(), Vec::new());
    let (mut forever_count, mut large_count) = (0_u64, 0_u64);
    let (mut tags, mut forever_tags, mut forever_tags_count) = (0, Vec::new(), 0_u64);
    let mut walk = Walk::everything(&session.inspect, "examining entries").await?;
    while let Some((page, tag_page)) = walk.page().await? {
        if let Some(page) = tag_page {
            let sizes = session.inspect.sizes(&page).await?;
            for (tag, size) in page.keys.into_iter().zip(sizes) {
                let Some(size) = size else { continue };
                tags += 1;
                forever_tags_count += u64::from(size.ttl_ms.is_none());
                if size.ttl_ms.is_none() && forever_tags.len() < NAMED {
                    forever_tags.push(tag);
                }
            }
        }
        let sizes = session.inspect.sizes(&page).await?;
        for (key, size) in page.keys.into_iter().zip(sizes) {
            let Some(size) = size else { continue };
            all += 1;
            let note = |is: bool, number: &mut u64, keys: &mut Vec<String>| {
                *number += u64::from(is);
                if is && keys.len() < NAMED {
                    keys.push(key.clone());
                }
            };
            note(size.ttl_ms.is_none(), &mut forever_count, &mut forever);
            note(size.bytes > given.large, &mut large_count, &mut large);
        }
    }
    if forever_count > 0 {
        let what =
            format!("{} of {} entries have no ttl: the cache never writes such", count(forever_count), count(all));
        let help = "look for who writes under this prefix or calls PERSIST; remove them with `cachectl purge --key`";
        report.found("ttl", session.namespace(), what, help);
        report.findings.last_mut().into_iter().for_each(|finding| finding.keys.clone_from(&forever));
    }
    if forever_tags_count > 0 {
        let (some, tags) = (count(forever_tags_count), count(tags));
        let what = format!("{some} of {tags} tags have no ttl: the cache never writes such");
        let help = "look for who calls PERSIST or restored a dump; remove them with `cachectl purge --tag`";
        report.found("tag_ttl", session.namespace(), what, help);
        report.findings.last_mut().into_iter().for_each(|finding| finding.keys.clone_from(&forever_tags));
    }
    if large_count > 0 {
        let what = format!("{} of {} entries are larger than {}", count(large_count), count(all), bytes(given.large));
        let help = "cache less in one entry, compress it (`.compress(..)`), or lower `.max_entry_bytes(..)`";
        report.found("size", session.namespace(), what, help);
        report.findings.last_mut().into_iter().for_each(|finding| finding.keys.clone_from(&large));
    }
    if forever_count + forever_tags_count + large_count == 0 {
        report.well.push(format!("{} entries have a ttl and are not too large", count(all)));
    }
    Ok(())
}

fn show(session: &Session, report: &Report) -> Result<Exit, Problem> {
    let out = session.out;
    if out.json {
        out.document(&json!({
            "namespace": session.namespace(),
            "findings": report.findings,
            "well": report.well,
        }))?;
    } else {
        report.well.iter().try_for_each(|well| out.line(format_args!("{GOOD}ok{GOOD:#}       {well}")))?;
        for finding in &report.findings {
            out.line(format_args!("{BAD}finding{BAD:#}  {BOLD}{}{BOLD:#}: {}", finding.at, finding.what))?;
            finding.keys.iter().try_for_each(|key| out.line(format_args!("           {key}")))?;
            out.line(format_args!("         {DIM}help:{DIM:#} {}", finding.help))?;
        }
    }
    Ok(if report.findings.is_empty() { Exit::Fine } else { Exit::Finding })
}
