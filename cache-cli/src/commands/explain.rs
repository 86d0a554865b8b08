//! `explain`: what is under a key, and why a read of it would hit or miss.

use cache_runtime::Key;
use cache_runtime::inspect::{Explanation, Held, Outcome, Stored, TagStanding};

use crate::args::Explain;
use crate::exit::{Exit, Problem};
use crate::output::{BAD, BOLD, GOOD, ODD, Out, bytes, millis, time_of_day};
use crate::progress::Progress;
use crate::session::{self, Session};

pub(crate) async fn run(session: &Session, given: &Explain) -> Result<Exit, Problem> {
    let mut inspect = session.inspect.clone();
    if let Some(path) = &given.graph {
        inspect = inspect.with_graph(&session::graph(path)?);
    }
    let key = given.tags.iter().fold(Key::new(&given.key), Key::tag);
    let progress = Progress::spinner("looking");
    let told = match given.quick {
        true => inspect.explain(key).await?,
        false => inspect.explain_searching(key).await?,
    };
    drop(progress);
    match session.out.json {
        true => session.out.document(&told)?,
        false => print(&session.out, &told)?,
    }
    Ok(match told.verdict.outcome {
        Outcome::Hit => Exit::Fine,
        _ => Exit::Finding,
    })
}

fn print(out: &Out, told: &Explanation) -> Result<(), Problem> {
    let (style, outcome) = match told.verdict.outcome {
        Outcome::Hit => (GOOD, "hit"),
        Outcome::Miss => (BAD, "miss"),
        _ => (ODD, "unknown"),
    };
    out.line(format_args!("{BOLD}{}{BOLD:#}  {style}{outcome}{style:#}", told.key))?;
    out.line(format_args!("  {}", told.verdict.why))?;
    let held = match told.held {
        Held::Nothing => "nothing",
        Held::Token => "the token of a load",
        Held::Fence => "the mark of a mutation",
        Held::Hint => "the names of tags",
        Held::Value => "a value",
        _ => "something else",
    };
    out.field("holds", format_args!("{held}, {}", bytes(told.bytes)))?;
    if told.held != Held::Nothing {
        out.field("left", told.ttl_left_ms.map_or_else(|| "for ever".to_owned(), millis))?;
    }
    if let Some(value) = &told.value {
        of_value(out, value)?;
    }
    for place in &told.functions {
        out.field("function", format_args!("{} ({}:{})", place.path, place.file, place.line))?;
    }
    for tag in &told.tags {
        let (style, standing) = match tag.standing {
            TagStanding::Stands => (GOOD, "stands"),
            TagStanding::Void => (BAD, "was invalidated"),
            TagStanding::Missing => (BAD, "is gone"),
            TagStanding::Fenced => (ODD, "is being changed"),
            _ => (ODD, "is not known here"),
        };
        let name = tag.name.as_deref().unwrap_or("(name unknown)");
        out.field("tag", format_args!("{name} {style}{standing}{style:#}"))?;
    }
    if let Some(master) = &told.master {
        out.field("at", master)?;
    }
    Ok(())
}

fn of_value(out: &Out, value: &Stored) -> Result<(), Problem> {
    let age = millis(value.age_ms);
    out.field("loaded", format_args!("{age} ago, at {}", time_of_day(value.written_at_ms)))?;
    out.field("ttl", millis(value.ttl_ms))?;
    let mut payload = bytes(value.payload_bytes);
    for (is, word) in [(value.compressed, ", compressed"), (value.negative, ", a cached `None`")] {
        payload.push_str(if is { word } else { "" });
    }
    out.field("payload", payload)?;
    out.field("shape", &value.shape)?;
    let standing = if value.history_is_current { "the present one" } else { "a former one" };
    out.field("history", format_args!("{}, {standing}", value.history))?;
    Ok(())
}
