//! Which entries there are, page by page, and which namespaces.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Inspect, budget, failed};
use crate::core::Store;
use crate::entry::History;
use crate::local::LocalStore;
use crate::redis::{Names, Node, Server};
use crate::{Error, ErrorKind, glob};

/// How many names of the server one step looks at.
const STEP: usize = 500;
/// After how many steps a page ends, however few keys it has: its caller waits.
const STEPS: usize = 200;

/// Some keys, and where the next ones are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Page {
    /// The keys without namespace, in no order. One that moved meanwhile may be met twice.
    pub keys: Vec<String>,
    /// Where to go on; `None`: there are no more.
    pub next: Option<Cursor>,
    /// How many names the server looked at for them, at most.
    pub looked_at: u64,
    /// `host:port` of the master that has them; empty without a server.
    pub master: String,
    /// Whether they are tags.
    #[serde(default)]
    pub(super) tags: bool,
}

/// Where a page ends. As text, it can be handed to a client and taken back.
///
/// ```
/// let cursor: cache_runtime::inspect::Cursor = "17-0badcafe@127.0.0.1:6379".parse()?;
/// assert_eq!(cursor.to_string(), "17-0badcafe@127.0.0.1:6379");
/// # Ok::<(), cache_runtime::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    /// The server's own; 0: at the beginning.
    at: u64,
    master: String,
    /// In which history of the server that means something.
    history: Option<History>,
}

/// A namespace that was met on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// How many entries of it were met.
    pub entries: u64,
    /// How many tags.
    pub tags: u64,
}

impl Inspect {
    /// The keys that match a Redis glob (`user:*`), from `cursor` on, at least so many of them if there are, and as many more
    /// as come along. Keys with the token of a load, a hint or a fence are among them.
    ///
    /// One page is of one master, and ends after 100,000 names of the server, so that it can be empty and have a next one.
    /// What was there from the first page to the last is met; what came or went meanwhile may or may not be. If the server is
    /// restarted or replaced meanwhile, that is an error, where it does not hide its history: its cursors mean nothing there.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
    /// # let inspect = cache_runtime::Cache::local().inspect();
    /// let mut cursor = None;
    /// loop {
    ///     let page = inspect.entries("user:*", cursor, 100).await?;
    ///     page.keys.iter().for_each(|key| println!("{key}"));
    ///     cursor = page.next;
    ///     if cursor.is_none() {
    ///         break;
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Argument`] if the master of the cursor is none any more; [`ErrorKind::Unavailable`] also if it was
    /// restarted or replaced; [`ErrorKind::Unavailable`], [`ErrorKind::Timeout`] or [`ErrorKind::Refused`] when the server cannot be asked; [`ErrorKind::Config`] when the
    /// environment does not describe a cache.
    pub async fn entries(&self, pattern: &str, cursor: Option<Cursor>, at_least: usize) -> Result<Page, Error> {
        let kept = |store: &LocalStore| store.keys(|key| glob::matches(pattern, key));
        Ok(self.pages(|names| names.entries(pattern), kept, cursor, at_least).await?.0)
    }

    /// The tags that have a stamp, as [`entries`](Self::entries) gives keys. A cache without a server has none.
    ///
    /// # Errors
    ///
    /// As [`entries`](Self::entries).
    pub async fn tags(&self, pattern: &str, cursor: Option<Cursor>, at_least: usize) -> Result<Page, Error> {
        Ok(self.pages(|names| names.tags(pattern), |_| Vec::new(), cursor, at_least).await?.1)
    }

    /// All keys and all tags in one walk: a page of each, with the same next one.
    ///
    /// # Errors
    ///
    /// As [`entries`](Self::entries).
    pub async fn names(&self, cursor: Option<Cursor>, at_least: usize) -> Result<(Page, Page), Error> {
        self.pages(Names::both, |store| store.keys(|_| true), cursor, at_least).await
    }

    /// The keys and the tags among the names that match.
    async fn pages(
        &self,
        pattern: impl Fn(&Names) -> String,
        kept: impl Fn(&LocalStore) -> Vec<String>,
        cursor: Option<Cursor>,
        at_least: usize,
    ) -> Result<(Page, Page), Error> {
        let remote = match &self.core().store {
            Store::Off => return Err(Error::no_cache()),
            Store::Local(store) => {
                let page =
                    |keys, tags| Page { keys, next: None, looked_at: store.len() as u64, master: String::new(), tags };
                return Ok((page(kept(store), false), page(Vec::new(), true)));
            }
            Store::Redis(remote) => remote,
        };
        let names = &remote.server.names;
        let walked = self.walk(&remote.server, &pattern(names), cursor, at_least).await?;
        self.known().learn(names, walked.names.iter().map(String::as_str));
        let Walked { next, looked_at, .. } = walked;
        let master = walked.node.name.clone();
        let keys = walked.names.iter().filter_map(|name| names.key(name)).map(str::to_owned).collect();
        let tags = walked.names.iter().filter_map(|name| names.tag_in(name)).map(str::to_owned).collect();
        let tags = Page { keys: tags, next, looked_at, master, tags: true };
        Ok((Page { keys, next: tags.next.clone(), master: tags.master.clone(), looked_at, tags: false }, tags))
    }

    /// Which namespaces there are on the server, by the names met until so many were looked at: for somebody who does not
    /// know his own.
    ///
    /// # Errors
    ///
    /// As [`entries`](Self::entries), and [`ErrorKind::Config`] without a server.
    pub async fn namespaces(&self, at_most: u64) -> Result<Vec<Namespace>, Error> {
        let server = &self.remote()?.server;
        let mut found: BTreeMap<String, Namespace> = BTreeMap::new();
        let (mut cursor, mut looked_at) = (None, 0);
        loop {
            let walked = self.walk(server, "*:[et]:*", cursor, 1).await?;
            for name in &walked.names {
                let mut parts = name.splitn(3, ':');
                let (Some(name), Some(kind)) = (parts.next(), parts.next()) else { continue };
                let fresh = || Namespace { name: name.to_owned(), entries: 0, tags: 0 };
                let namespace = found.entry(name.to_owned()).or_insert_with(fresh);
                match kind {
                    "e" => namespace.entries += 1,
                    "t" => namespace.tags += 1,
                    _ => {}
                }
            }
            looked_at += walked.looked_at;
            cursor = walked.next;
            if cursor.is_none() || looked_at >= at_most {
                found.retain(|_, namespace| namespace.entries + namespace.tags > 0);
                return Ok(found.into_values().collect());
            }
        }
    }

    /// Names that match `pattern`, at one master.
    pub(super) async fn walk(
        &self,
        server: &Arc<Server>,
        pattern: &str,
        cursor: Option<Cursor>,
        at_least: usize,
    ) -> Result<Walked, Error> {
        let masters = server.masters(&mut budget()).await.map_err(failed)?;
        let (place, mut at, mut history) = match &cursor {
            None => (0, 0, None),
            Some(cursor) => {
                let place = masters.iter().position(|node| node.name == cursor.master).ok_or_else(|| {
                    let problem = format!("`{}` is no master any more; begin again without a cursor", cursor.master);
                    Error::new(ErrorKind::Argument, problem)
                })?;
                (place, cursor.at, cursor.history)
            }
        };
        let node = Arc::clone(&masters[place]);
        let (mut names, mut looked_at) = (Vec::new(), 0);
        for _ in 0..STEPS {
            let step = server.scan_by(STEP, &mut budget(), &node, at, pattern).await.map_err(failed)?;
            if *history.get_or_insert(step.history) != step.history {
                let problem = format!("`{}` was restarted or replaced during the walk; begin again", node.name);
                return Err(Error::new(ErrorKind::Unavailable, problem));
            }
            names.extend(step.names);
            looked_at += STEP as u64;
            at = step.cursor;
            if at == 0 || names.len() >= at_least.max(1) {
                break;
            }
        }
        let next = match at {
            0 => masters.get(place + 1).map(|node| Cursor { at: 0, master: node.name.clone(), history: None }),
            at => Some(Cursor { at, master: node.name.clone(), history }),
        };
        Ok(Walked { names, next, looked_at, node })
    }
}

/// A page of names.
pub(super) struct Walked {
    pub(super) names: Vec<String>,
    pub(super) next: Option<Cursor>,
    pub(super) looked_at: u64,
    pub(super) node: Arc<Node>,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.at)?;
        if let Some(history) = self.history {
            write!(f, "-{:08x}", u32::from_be_bytes(history))?;
        }
        write!(f, "@{}", self.master)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = || {
            let (place, master) = text.split_once('@')?;
            let (at, history) = match place.split_once('-') {
                Some((at, history)) => (at, Some(u32::from_str_radix(history, 16).ok()?.to_be_bytes())),
                None => (place, None),
            };
            Some(Self { at: at.parse().ok()?, master: master.to_owned(), history })
        };
        parsed().ok_or_else(|| Error::new(ErrorKind::Argument, format!("`{text}` is no cursor; take that of a page")))
    }
}

impl TryFrom<String> for Cursor {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}
