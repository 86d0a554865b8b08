//! All keys or tags of a namespace, page by page, at a pace that leaves the server to the others.
//!
//! A page is one `SCAN` with a bounded `COUNT` and at most one pipeline of quick commands. Between two pages there is a
//! pause as long as the last one took, so that the server is not busy with this for more than half of the time. A page that
//! took long was waiting for something else, as a rule, and then the pause is shorter.

use std::time::{Duration, Instant};

use cache_runtime::inspect::{Cursor, Inspect, Page};

use crate::clock;
use crate::exit::Problem;
use crate::progress::Progress;

const LONGEST_PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Walk<'a> {
    inspect: &'a Inspect,
    /// Of keys; `None`: all keys, and all tags.
    pattern: Option<&'a str>,
    /// Where the next page begins; `None`: there is none.
    next: Option<Option<Cursor>>,
    handed_out: Option<Instant>,
    progress: Progress,
}

impl<'a> Walk<'a> {
    /// Over the keys that match.
    pub(crate) async fn matching(inspect: &'a Inspect, pattern: &'a str, what: &str) -> Result<Self, Problem> {
        Self::new(inspect, Some(pattern), what).await
    }

    /// Over all keys and tags.
    pub(crate) async fn everything(inspect: &'a Inspect, what: &str) -> Result<Self, Problem> {
        Self::new(inspect, None, what).await
    }

    async fn new(inspect: &'a Inspect, pattern: Option<&'a str>, what: &str) -> Result<Self, Problem> {
        // The server looks at the keys of everybody.
        let names = inspect.server().await?.iter().map(|server| server.keys).sum();
        Ok(Self { inspect, pattern, next: Some(None), handed_out: None, progress: Progress::new(what, names) })
    }

    /// The next page of keys, and of tags. What is done with them counts as work of the server.
    pub(crate) async fn page(&mut self) -> Result<Option<(Page, Option<Page>)>, Problem> {
        if let Some(handed_out) = self.handed_out {
            tokio::time::sleep(handed_out.elapsed().min(LONGEST_PAUSE)).await;
        }
        let Some(cursor) = self.next.take() else { return Ok(None) };
        let began = clock::now();
        let (keys, tags) = match self.pattern {
            Some(pattern) => (self.inspect.entries(pattern, cursor, 1).await?, None),
            None => {
                let (keys, tags) = self.inspect.names(cursor, 1).await?;
                (keys, Some(tags))
            }
        };
        self.next = keys.next.clone().map(Some);
        self.handed_out = Some(began);
        self.progress.advance(keys.looked_at);
        Ok(Some((keys, tags)))
    }
}
