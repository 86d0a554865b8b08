//! `du`: keys and bytes by template, guessed from the keys or taken from a graph.
//!
//! All keys are counted. Of each template the first 100 keys are measured, and then a share of them, unless all shall be.

use cache_runtime::graph::{Graph, Template};
use cache_runtime::inspect::Size;
use serde::Serialize;
use serde_json::json;

use crate::args::Du;
use crate::exit::{Exit, Problem};
use crate::guess::{Guess, Sum};
use crate::output::{DIM, bytes, count, share};
use crate::session::{self, Session};
use crate::walk::Walk;

/// So many of each template are measured in any case.
const FIRST: u64 = 100;

/// What the keys of a template take.
#[derive(Clone, Debug, Default, Serialize)]
struct Taken {
    keys: u64,
    measured: u64,
    measured_bytes: u64,
    largest: u64,
    /// Of those measured.
    without_ttl: u64,
}

impl Sum for Taken {
    fn keys(&self) -> u64 {
        self.keys
    }

    fn add(&mut self, other: Self) {
        self.keys += other.keys;
        self.measured += other.measured;
        self.measured_bytes += other.measured_bytes;
        self.largest = self.largest.max(other.largest);
        self.without_ttl += other.without_ttl;
    }
}

impl Taken {
    /// Counts a key; true if it is to be measured.
    fn counts(&mut self, percent: u64) -> bool {
        self.keys += 1;
        self.keys <= FIRST || is_due(self.keys, percent)
    }

    fn measure(&mut self, size: Size) {
        self.measured += 1;
        self.measured_bytes += size.bytes;
        self.largest = self.largest.max(size.bytes);
        self.without_ttl += u64::from(size.ttl_ms.is_none());
    }

    /// All keys, going by those that were measured.
    fn bytes(&self) -> u64 {
        let all = u128::from(self.measured_bytes) * u128::from(self.keys) / u128::from(self.measured.max(1));
        u64::try_from(all).unwrap_or(u64::MAX)
    }

    fn mean(&self) -> u64 {
        self.measured_bytes / self.measured.max(1)
    }
}

/// Where keys are sorted into.
struct Templates {
    /// Of a program, with its function; the ones with the fewest placeholders first.
    known: Vec<(Template, String, Taken)>,
    guessed: Guess<Taken>,
}

/// A line of the result.
#[derive(Serialize)]
struct Line {
    template: String,
    /// Whose it is, if that is known.
    function: Option<String>,
    keys: u64,
    bytes: u64,
    mean_bytes: u64,
    largest_bytes: u64,
    measured: u64,
    without_ttl: u64,
}

impl Templates {
    fn new(graph: Option<Graph>) -> Self {
        let functions = graph.map(|graph| graph.functions).unwrap_or_default();
        let known = functions.into_iter().map(|function| (function.key, function.place.path, Taken::default()));
        let mut known: Vec<_> = known.collect();
        known.sort_by_key(|(template, ..)| template.as_str().matches('{').count());
        Self { known, guessed: Guess::new() }
    }

    fn of(&mut self, key: &str) -> &mut Taken {
        match self.known.iter().position(|(template, ..)| template.fits(key)) {
            Some(place) => &mut self.known[place].2,
            None => self.guessed.of(key),
        }
    }

    fn lines(self) -> Vec<Line> {
        let line = |template: String, function: Option<String>, taken: &Taken| Line {
            template,
            function,
            keys: taken.keys,
            bytes: taken.bytes(),
            mean_bytes: taken.mean(),
            largest_bytes: taken.largest,
            measured: taken.measured,
            without_ttl: taken.without_ttl,
        };
        let known = self.known.into_iter().filter(|(.., taken)| taken.keys > 0);
        let known = known.map(|(template, path, taken)| line(template.as_str().to_owned(), Some(path), &taken));
        let guessed = self.guessed.templates().into_iter().map(|(template, taken)| line(template, None, &taken));
        let mut lines: Vec<_> = known.chain(guessed).collect();
        lines.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.template.cmp(&b.template)));
        lines
    }
}

pub(crate) async fn run(session: &Session, given: &Du) -> Result<Exit, Problem> {
    let graph = given.graph.as_deref().map(session::graph).transpose()?;
    let mut templates = Templates::new(graph);
    let percent = if given.full { 100 } else { u64::from(given.sample) };
    // Of some keys only, nobody asks for tags.
    let mut tagged = Taken::default();
    let mut walk = match given.pattern.as_str() {
        "*" => Walk::everything(&session.inspect, "measuring").await?,
        pattern => Walk::matching(&session.inspect, pattern, "measuring").await?,
    };
    while let Some((mut page, tags)) = walk.page().await? {
        page.keys.retain(|key| templates.of(key).counts(percent));
        let sizes = session.inspect.sizes(&page).await?;
        for (key, size) in page.keys.iter().zip(sizes) {
            size.into_iter().for_each(|size| templates.of(key).measure(size));
        }
        if let Some(mut tags) = tags {
            tags.keys.retain(|_| tagged.counts(percent));
            session.inspect.sizes(&tags).await?.into_iter().flatten().for_each(|size| tagged.measure(size));
        }
    }
    drop(walk);
    show(session, given, percent, &templates.lines(), &tagged)
}

/// Whether the key of this number is one of so many in a hundred, evenly.
fn is_due(number: u64, percent: u64) -> bool {
    number * percent / 100 > (number - 1) * percent / 100
}

fn show(session: &Session, given: &Du, percent: u64, lines: &[Line], tags: &Taken) -> Result<Exit, Problem> {
    let out = session.out;
    let keys: u64 = lines.iter().map(|line| line.keys).sum();
    let all: u64 = lines.iter().map(|line| line.bytes).sum();
    let exact = lines.iter().all(|line| line.measured == line.keys) && tags.measured == tags.keys;
    if out.json {
        out.document(&json!({
            "namespace": session.namespace(),
            "keys": keys,
            "bytes": all,
            "exact": exact,
            "templates": lines,
            "tags": { "keys": tags.keys, "bytes": tags.bytes(), "without_ttl": tags.without_ttl },
        }))?;
    } else {
        let mut rows: Vec<_> = lines.iter().take(given.top).map(|line| row(line, all)).collect();
        if let Some(rest) = lines.get(given.top..).filter(|rest| !rest.is_empty()) {
            let (keys, taken) = rest.iter().fold((0, 0), |(keys, taken), line| (keys + line.keys, taken + line.bytes));
            let name = format!("({} more)", rest.len());
            rows.push(vec![name, count(keys), bytes(taken), share(taken, all)]);
        }
        rows.push(vec!["all entries".to_owned(), count(keys), bytes(all), share(all, all)]);
        if tags.keys > 0 {
            let mut row = vec!["tags".to_owned(), count(tags.keys), bytes(tags.bytes())];
            if tags.without_ttl > 0 {
                row.extend([String::new(), String::new(), String::new(), count(tags.without_ttl)]);
            }
            rows.push(row);
        }
        out.table(&["template", "keys", "bytes", "share", "mean", "largest", "without ttl"], &rows)?;
        if !exact {
            let how = format!("bytes by {percent}% of the keys; --full measures all");
            out.note(format_args!("{DIM}{how}{DIM:#}"));
        }
    }
    if keys == 0 {
        out.note(format_args!("no entry of `{}` matches `{}`", session.namespace(), given.pattern));
        return Ok(Exit::Finding);
    }
    Ok(Exit::Fine)
}

fn row(line: &Line, all: u64) -> Vec<String> {
    let function = line.function.as_ref().and_then(|path| path.rsplit("::").next());
    let name = function.map_or_else(|| line.template.clone(), |name| format!("{} ({name})", line.template));
    let forever = if line.without_ttl == 0 { String::new() } else { count(line.without_ttl) };
    vec![
        name,
        count(line.keys),
        bytes(line.bytes),
        share(line.bytes, all),
        bytes(line.mean_bytes),
        bytes(line.largest_bytes),
        forever,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_keys_is_measured_evenly() {
        for percent in [1, 10, 33, 100] {
            let due = (1..=1000).filter(|number| is_due(*number, percent)).count() as u64;
            assert_eq!(due, percent * 10);
        }
        assert_eq!((1..=20).filter(|number| is_due(*number, 10)).collect::<Vec<_>>(), [10, 20]);
    }

    #[test]
    fn what_was_not_measured_is_like_what_was() {
        let taken = Taken { keys: 1000, measured: 10, measured_bytes: 800, largest: 90, without_ttl: 0 };
        assert_eq!((taken.bytes(), taken.mean()), (80_000, 80));
        assert_eq!(Taken::default().bytes(), 0);
    }
}
