//! All keys or tags of a namespace, page by page, at a pace that leaves the server to the others.
//!
//! A page is one `SCAN` with a bounded `COUNT` and at most one pipeline of quick commands. Between two pages there is a
//! pause as long as the last one took, so that the server is never busy with this for more than half of the time.

use std::time::{Duration, Instant};

use cache_runtime::inspect::{Cursor, Inspect, Page};

use crate::clock;
use crate::exit::Problem;
use crate::progress::Progress;

const LONGEST_PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Walk<'a> {
    inspect: &'a Inspect,
    pattern: &'a str,
    tags: bool,
    /// Where the next page begins; `None`: there is none.
    next: Option<Option<Cursor>>,
    handed_out: Option<Instant>,
    progress: Progress,
}

impl<'a> Walk<'a> {
    /// Over the keys that match.
    pub(crate) async fn entries(inspect: &'a Inspect, pattern: &'a str, what: &str) -> Result<Self, Problem> {
        Ok(Self::new(inspect, pattern, false, Progress::new(what, names(inspect).await?)))
    }

    /// Over the tags.
    pub(crate) async fn tags(inspect: &'a Inspect, what: &str) -> Result<Self, Problem> {
        Ok(Self::new(inspect, "*", true, Progress::new(what, names(inspect).await?)))
    }

    fn new(inspect: &'a Inspect, pattern: &'a str, tags: bool, progress: Progress) -> Self {
        Self { inspect, pattern, tags, next: Some(None), handed_out: None, progress }
    }

    /// The next page; what is done with it counts as the work of the server.
    pub(crate) async fn page(&mut self) -> Result<Option<Page>, Problem> {
        if let Some(handed_out) = self.handed_out {
            tokio::time::sleep(handed_out.elapsed().min(LONGEST_PAUSE)).await;
        }
        let Some(cursor) = self.next.take() else { return Ok(None) };
        let began = clock::now();
        let page = match self.tags {
            true => self.inspect.tags(self.pattern, cursor, 1).await?,
            false => self.inspect.entries(self.pattern, cursor, 1).await?,
        };
        self.next = page.next.clone().map(Some);
        self.handed_out = Some(began);
        self.progress.advance(page.looked_at);
        Ok(Some(page))
    }
}

/// How many names the servers have, of everybody: all of them are looked at.
async fn names(inspect: &Inspect) -> Result<Option<u64>, Problem> {
    let servers = inspect.server().await?;
    Ok(servers.iter().map(|server| server.keys).sum())
}
