//! `purge`: invalidation by hand, as a service would do it.

use std::io::{self, BufRead, IsTerminal, Write};

use cache_runtime::inspect::{Preview, Purge};
use serde_json::json;

use crate::args;
use crate::exit::{Exit, Problem};
use crate::output::{BOLD, DIM, count};
use crate::progress::Progress;
use crate::session::Session;

pub(crate) async fn run(session: &Session, given: &args::Purge) -> Result<Exit, Problem> {
    let keys = given.keys.iter().cloned().map(Purge::Key);
    let tags = given.tags.iter().cloned().map(Purge::Tag);
    let wanted: Vec<Purge> = keys.chain(tags).chain(given.pattern.clone().map(Purge::Pattern)).collect();
    if given.dry_run {
        return preview(session, &wanted).await;
    }
    let one_thing = matches!(wanted.as_slice(), [Purge::Key(_)]);
    if !given.yes && !one_thing && io::stdin().is_terminal() {
        if session.out.json || !io::stderr().is_terminal() {
            return Err(Problem::usage("somebody is at the terminal, but would not see the question", "give --yes"));
        }
        if !is_meant(session, &wanted).await? {
            session.out.note("nothing was purged");
            return Ok(Exit::Finding);
        }
    }
    let mut removed = Vec::new();
    for purge in &wanted {
        let _progress = Progress::spinner("purging");
        removed.push((purge, purged(session, purge).await?));
    }
    let out = session.out;
    if out.json {
        let each = removed.iter().map(|(purge, removed)| json!({ "purge": purge, "removed": removed }));
        out.document(&json!({ "namespace": session.namespace(), "purged": each.collect::<Vec<_>>() }))?;
    } else {
        for (purge, removed) in &removed {
            let done = match (purge, removed) {
                (Purge::Tag(_), Some(0)) => "nothing stands under it".to_owned(),
                (Purge::Tag(_), _) => "all that carries it is void".to_owned(),
                (_, None) => "gone, though not at once: how many there were is not known".to_owned(),
                (_, Some(0)) => "nothing is there".to_owned(),
                (_, Some(1)) => "1 entry removed".to_owned(),
                (_, Some(removed)) => format!("{} entries removed", count(*removed)),
            };
            out.line(format_args!("{BOLD}{}{BOLD:#}: {done}", named(purge)))?;
        }
    }
    Ok(if removed.iter().all(|(_, removed)| *removed == Some(0)) { Exit::Finding } else { Exit::Fine })
}

/// Removes, and how many; an invalidation that the server did not take at once is given some time, and then that is not
/// known.
async fn purged(session: &Session, purge: &Purge) -> Result<Option<u64>, Problem> {
    let error = match session.inspect.purge(purge).await {
        Ok(purged) => return Ok(Some(purged.removed)),
        Err(error) => error,
    };
    if session.cache.health().owed == 0 {
        return Err(error.into());
    }
    match session.cache.shutdown().await {
        Ok(()) => Ok(None),
        Err(_) => {
            let why = session.cache.health().last_error.unwrap_or_else(|| error.to_string());
            Err(Problem::new(Exit::Unreachable, format!("{} was not purged: {why}", named(purge))))
        }
    }
}

fn named(purge: &Purge) -> String {
    match purge {
        Purge::Key(key) => format!("key {key}"),
        Purge::Tag(tag) => format!("tag {tag}"),
        Purge::Pattern(pattern) => format!("match {pattern}"),
        other => format!("{other:?}"),
    }
}

/// `at least 9 entries`
fn amount(preview: &Preview) -> String {
    let least = if preview.complete { "" } else { "at least " };
    let entries = if preview.entries == 1 { "entry" } else { "entries" };
    format!("{least}{} {entries}", count(preview.entries))
}

async fn preview(session: &Session, wanted: &[Purge]) -> Result<Exit, Problem> {
    let mut found = Vec::new();
    for purge in wanted {
        let _progress = Progress::spinner("looking");
        found.push((purge, session.inspect.preview(purge).await?));
    }
    let out = session.out;
    if out.json {
        let each = found.iter().map(|(purge, preview)| json!({ "purge": purge, "would": preview }));
        let each: Vec<_> = each.collect();
        out.document(&json!({ "namespace": session.namespace(), "dry_run": true, "purged": each }))?;
    } else {
        for (purge, preview) in &found {
            out.line(format_args!("{BOLD}{}{BOLD:#}: {} would go", named(purge), amount(preview)))?;
            preview.keys.iter().try_for_each(|key| out.line(format_args!("  {key}")))?;
            let shown = preview.keys.len() as u64;
            if preview.entries > shown {
                out.line(format_args!("  {DIM}and {} more{DIM:#}", count(preview.entries - shown)))?;
            }
        }
    }
    Ok(if found.iter().all(|(_, preview)| preview.entries == 0) { Exit::Finding } else { Exit::Fine })
}

/// Asks whoever sits at the terminal.
async fn is_meant(session: &Session, wanted: &[Purge]) -> Result<bool, Problem> {
    for purge in wanted {
        let progress = Progress::spinner("looking");
        let preview = session.inspect.preview(purge).await?;
        drop(progress);
        session.out.note(format_args!("{}: {}", named(purge), amount(&preview)));
    }
    anstream::eprint!("purge them from `{}`? [y/N] ", session.namespace());
    anstream::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
