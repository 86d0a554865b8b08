//! `ls`: the keys of entries.

use std::collections::BTreeMap;

use cache_runtime::inspect::Size;
use serde_json::json;

use crate::args::Ls;
use crate::exit::{Exit, Problem};
use crate::output::{DIM, bytes, count, millis, or_dash};
use crate::session::Session;
use crate::walk::Walk;

pub(crate) async fn run(session: &Session, given: &Ls) -> Result<Exit, Problem> {
    let mut found: BTreeMap<String, Option<Size>> = BTreeMap::new();
    let mut more = false;
    let mut walk = Walk::matching(&session.inspect, &given.pattern, "looking for entries").await?;
    while let Some((mut page, _)) = walk.page().await? {
        page.keys.retain(|key| !found.contains_key(key));
        more = found.len() + page.keys.len() > given.limit;
        page.keys.truncate(given.limit - found.len());
        let sizes = match given.long {
            true => session.inspect.sizes(&page).await?,
            false => vec![None; page.keys.len()],
        };
        found.extend(page.keys.into_iter().zip(sizes));
        if more {
            break;
        }
    }
    drop(walk);
    let out = session.out;
    if out.json {
        let entry = |(key, size): (&String, &Option<Size>)| match size {
            Some(size) => json!({ "key": key, "bytes": size.bytes, "ttl_ms": size.ttl_ms }),
            None => json!({ "key": key }),
        };
        let entries: Vec<_> = found.iter().map(entry).collect();
        out.document(&json!({ "namespace": session.namespace(), "entries": entries, "more": more }))?;
    } else if given.long {
        let row = |(key, size): (&String, &Option<Size>)| {
            let left = |size: Size| size.ttl_ms.map_or_else(|| "for ever".to_owned(), millis);
            vec![key.clone(), or_dash(*size, |size| bytes(size.bytes)), or_dash(*size, left)]
        };
        let rows: Vec<_> = found.iter().map(row).collect();
        out.table(&["key", "bytes", "left"], &rows)?;
    } else {
        found.keys().try_for_each(|key| out.line(key))?;
    }
    if more {
        out.note(format_args!("{DIM}the first {} that were met; --limit shows more{DIM:#}", count(given.limit as u64)));
    }
    if found.is_empty() {
        out.note(format_args!("no entry of `{}` matches `{}`", session.namespace(), given.pattern));
        return Ok(Exit::Finding);
    }
    Ok(Exit::Fine)
}
