//! `graph`: checks or draws the graph of invalidation that a program has written.

use serde_json::json;

use crate::args::{self, Format};
use crate::exit::{Exit, Problem};
use crate::output::{GOOD, Out};
use crate::session;

pub(crate) fn run(out: &Out, given: &args::Graph) -> Result<Exit, Problem> {
    let graph = session::graph(&given.file)?;
    if let Some(format) = given.format {
        let text = match format {
            Format::Mermaid => graph.to_mermaid(),
            Format::Dot => graph.to_dot(),
            Format::Json => graph.to_json() + "\n",
        };
        out.raw(text.as_bytes())?;
        return Ok(Exit::Fine);
    }
    let found = graph.check_except(&given.allowed).err();
    let exit = if found.is_some() { Exit::Finding } else { Exit::Fine };
    if out.json {
        let findings = found.as_ref().map(|findings| findings.iter().collect::<Vec<_>>()).unwrap_or_default();
        let each = findings.iter().map(|finding| json!({ "id": finding.id(), "finding": finding }));
        out.document(&json!({ "findings": each.collect::<Vec<_>>() }))?;
        return Ok(exit);
    }
    match found {
        Some(findings) => out.line(findings)?,
        None => {
            let (functions, invalidations) = (graph.functions.len(), graph.invalidations.len());
            let counted = format!("{functions} cached functions, {invalidations} invalidations");
            out.line(format_args!("{GOOD}nothing is wrong{GOOD:#}: {counted}"))?;
        }
    }
    Ok(exit)
}
