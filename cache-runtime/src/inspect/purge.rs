//! Purging: what would go, and letting it go.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::page::Walked;
use super::{Inspect, budget, failed};
use crate::core::{Remote, Store};
use crate::graph::Template;
use crate::invalidate::{Targets, invalidate};
use crate::{Error, Key, entry, glob, recovery};

/// How many names of the server a preview looks at, at most.
const LOOKED_AT: u64 = 1_000_000;
/// How many keys a preview shows.
const SHOWN: usize = 20;

/// What is to be purged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Purge {
    /// One entry, by its key.
    Key(String),
    /// All that carries a tag.
    Tag(String),
    /// All entries of a cached function, by its path or the end of it: those whose key fits its template. A key over 512
    /// bytes is cut, and then only its beginning tells: those of other functions whose templates begin with the same text
    /// go as well. Of several functions on one path, such as methods of one module, the entries of all.
    Function(String),
    /// All entries whose keys match a Redis glob: `user:*`.
    Pattern(String),
}

/// What a purge would meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Preview {
    /// How many entries were met. By tag, those that stand under it; else also tokens of loads, hints and fences.
    pub entries: u64,
    /// Some of their keys, 20 at most.
    pub keys: Vec<String>,
    /// Whether all of the server was looked at; if not, there may be more.
    pub complete: bool,
}

impl Preview {
    /// That is all.
    fn of(mut keys: Vec<String>) -> Self {
        let entries = keys.len() as u64;
        keys.truncate(SHOWN);
        Self { entries, keys, complete: true }
    }
}

/// What a purge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Purged {
    /// How many names were removed on the server. For a tag that is its stamp, 1 or 0, however many entries became void by
    /// that.
    pub removed: u64,
}

/// Which names are removed, where not one alone.
struct Choice {
    pattern: String,
    /// Those of the templates' functions; `None`: all that match.
    templates: Option<Vec<Template>>,
}

impl Choice {
    fn matching(pattern: &str) -> Self {
        Self { pattern: pattern.to_owned(), templates: None }
    }

    fn takes(&self, key: &str) -> bool {
        self.templates.as_ref().is_none_or(|templates| templates.iter().any(|template| template.may_have(key)))
    }
}

impl Inspect {
    /// Counts what [`purge`](Self::purge) would meet, and changes nothing. A cache without a server cannot count by tag.
    ///
    /// Looks at 1,000,000 names of the server at most. By tag, it reads of each entry which stamps it carries.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
    /// # use std::time::Duration;
    /// use cache_runtime::inspect::Purge;
    ///
    /// let cache = cache_runtime::Cache::local();
    /// cache.put_many([("user:1", 1), ("user:2", 2), ("org:1", 3)], Duration::from_secs(60)).await?;
    /// let users = Purge::Pattern("user:*".into());
    /// assert_eq!(cache.inspect().preview(&users).await?.entries, 2);
    /// assert_eq!(cache.inspect().purge(&users).await?.removed, 2);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Argument`](crate::ErrorKind::Argument) for a function that there is not, or a name that is that of several; else as
    /// [`entries`](Self::entries).
    pub async fn preview(&self, purge: &Purge) -> Result<Preview, Error> {
        let choice = match purge {
            Purge::Key(key) => return self.preview_key(&Key::new(key)).await,
            Purge::Tag(tag) => return self.preview_tag(&Key::new(tag)).await,
            Purge::Function(name) => self.of_function(name)?,
            Purge::Pattern(pattern) => Choice::matching(pattern),
        };
        match &self.core().store {
            Store::Off => Err(Error::no_cache()),
            Store::Local(store) => {
                Ok(Preview::of(store.keys(|key| glob::matches(&choice.pattern, key) && choice.takes(key))))
            }
            Store::Redis(remote) => self.count(remote, &choice.pattern, None, &|key| choice.takes(key)).await,
        }
    }

    async fn preview_key(&self, key: &Key) -> Result<Preview, Error> {
        let there = match &self.core().store {
            Store::Off => return Err(Error::no_cache()),
            Store::Local(store) => !store.keys(|there| there == key.as_str()).is_empty(),
            Store::Redis(remote) => remote.server.expires_in(&mut budget(), key).await.map_err(failed)? != -2,
        };
        Ok(Preview::of(there.then(|| key.as_str().to_owned()).into_iter().collect()))
    }

    /// `tag`: a tag, rendered as keys are.
    async fn preview_tag(&self, tag: &Key) -> Result<Preview, Error> {
        let remote = match &self.core().store {
            Store::Off => return Err(Error::no_cache()),
            // Which entries carry a tag is known to nobody there.
            Store::Local(_) => return Ok(Preview { complete: false, ..Preview::of(Vec::new()) }),
            Store::Redis(remote) => remote,
        };
        let names = remote.server.names.tagged(std::iter::once(tag.bytes()));
        let held = remote.server.read(&mut budget(), names).await.map_err(failed)?;
        match held.held(0).filter(|held| held.len() == size_of::<entry::Stamp>()) {
            Some(stamp) => self.count(remote, "*", Some(stamp), &|_| true).await,
            // Whatever carries it is void already.
            None => Ok(Preview::of(Vec::new())),
        }
    }

    /// Invalidates, by what `remove`, `invalidate_tags` and `remove_matching` do: loads under way are refused, and other
    /// processes are told.
    ///
    /// By function or pattern it walks over all keys of the server, and everything that is kept in process becomes void in
    /// every process: what is kept need not be on the server any more.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Argument`](crate::ErrorKind::Argument) for a function that there is not, or a name that is that of several; for a key or a tag as
    /// [`Cache::remove`](crate::Cache::remove), which queues what it could not deliver; else as
    /// [`Cache::remove_matching`](crate::Cache::remove_matching), which does not.
    ///
    /// # Cancel safety
    ///
    /// As these two: a key or a tag is delivered in the background, a walk ends where it was dropped.
    pub async fn purge(&self, purge: &Purge) -> Result<Purged, Error> {
        let removed = match purge {
            Purge::Key(key) => self.cache.remove([key]).await?,
            Purge::Tag(tag) => {
                let tags = vec![Key::new(tag).as_str().to_owned()];
                invalidate(self.core(), Targets { tags, ..Targets::default() }).await?
            }
            Purge::Function(name) => self.remove(self.of_function(name)?).await?,
            Purge::Pattern(pattern) => self.remove(Choice::matching(pattern)).await?,
        };
        Ok(Purged { removed })
    }

    fn of_function(&self, name: &str) -> Result<Choice, Error> {
        let templates: Vec<_> = self.functions.named(name)?.into_iter().map(|function| function.key.clone()).collect();
        let pattern = match templates.as_slice() {
            [template] => template.pattern(),
            _ => "*".to_owned(),
        };
        Ok(Choice { pattern, templates: Some(templates) })
    }

    async fn remove(&self, choice: Choice) -> Result<u64, Error> {
        match &self.core().store {
            Store::Off => Err(Error::no_cache()),
            Store::Local(store) => Ok(store.sweep(|key| glob::matches(&choice.pattern, key) && choice.takes(key))),
            Store::Redis(remote) => {
                let names = remote.server.names.clone();
                let pattern = names.entries(&choice.pattern);
                let chosen = move |name: &str| names.key(name).is_some_and(|key| choice.takes(key));
                recovery::remove_chosen(&remote.server, &pattern, &chosen).await.map_err(failed)
            }
        }
    }

    /// Counts the entries that match and are taken; with `stamp`, those that carry it.
    async fn count(
        &self,
        remote: &Remote,
        pattern: &str,
        stamp: Option<&[u8]>,
        takes: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Preview, Error> {
        let server = &remote.server;
        let mut preview = Preview { entries: 0, keys: Vec::new(), complete: false };
        // SCAN gives some names twice.
        let mut met = HashSet::new();
        let (mut cursor, mut looked_at) = (None, 0);
        while looked_at < LOOKED_AT {
            let Walked { mut names, next, looked_at: more, node } =
                self.walk(server, &server.names.entries(pattern), cursor, 1).await?;
            looked_at += more;
            if let Some(stamp) = stamp {
                let heads = node.heads(&mut budget(), &names, entry::STAMPS_END).await.map_err(failed)?;
                let mut carries = heads.iter().map(|head| {
                    head.as_deref().is_some_and(|head| entry::stamps_in(head).any(|carried| carried == stamp))
                });
                names.retain(|_| carries.next().unwrap_or(false));
            }
            for key in names.iter().filter_map(|name| server.names.key(name)).filter(|key| takes(key)) {
                if met.insert(xxh3_64(key.as_bytes())) {
                    preview.entries += 1;
                    if preview.keys.len() < SHOWN {
                        preview.keys.push(key.to_owned());
                    }
                }
            }
            cursor = next;
            if cursor.is_none() {
                preview.complete = true;
                break;
            }
        }
        Ok(preview)
    }
}
