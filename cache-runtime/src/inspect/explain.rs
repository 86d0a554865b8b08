//! One entry, taken apart: what is held under its key, by whom it is read, and whether it stands.

use serde::{Deserialize, Serialize};

use super::judge::{Looked, Outcome, Reason, Verdict, absent, unknown};
use super::standing::tags;
use super::steered::Steers;
use super::whose::{Owner, misreader};
use super::{Inspect, budget, failed};
use crate::core::{Remote, Store};
use crate::entry::{Envelope, History, Kind};
use crate::graph::Place;
use crate::local::LocalStore;
use crate::redis::Answers;
use crate::{Error, Key, clock};

/// What is stored under a key, and whether a read would hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Without namespace.
    pub key: String,
    /// `host:port` of the master that owns it; `None` without a server.
    pub master: Option<String>,
    /// What is there.
    pub held: Held,
    /// How many bytes are there, with what is stored in front of the value.
    pub bytes: u64,
    /// How long it has left on the server, in milliseconds; `None` if nothing is there, or if it stays for ever, which is
    /// never the cache's doing.
    pub ttl_left_ms: Option<u64>,
    /// How long a value that is kept in this process has left there, in milliseconds. While it does, this process reads it
    /// there, whatever the server holds.
    pub in_process_ms: Option<u64>,
    /// Of a value.
    pub value: Option<Stored>,
    /// The functions whose key template the key fits.
    pub functions: Vec<Place>,
    /// The tags that it carries, those that its result named at the end.
    pub tags: Vec<TagState>,
    /// Whether a read would hit.
    pub verdict: Verdict,
}

/// What is under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Held {
    /// Nothing.
    Nothing,
    /// The token of a load.
    Token,
    /// The mark of a mutation.
    Fence,
    /// The names of tags that the next load has to observe.
    Hint,
    /// A value.
    Value,
    /// Something else.
    Other,
}

impl From<Kind> for Held {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Nothing => Self::Nothing,
            Kind::Token => Self::Token,
            Kind::Fence => Self::Fence,
            Kind::Hint => Self::Hint,
            Kind::Value => Self::Value,
            Kind::Unknown => Self::Other,
        }
    }
}

/// What is written in front of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stored {
    /// When it was loaded, in milliseconds since 1970, by the clock of who loaded it.
    pub written_at_ms: u64,
    /// How long ago that is by this machine's clock, in milliseconds.
    pub age_ms: u64,
    /// How long it was to live, in milliseconds.
    pub ttl_ms: u64,
    /// The fingerprint of value type, codec and `version`, as 16 hex digits.
    pub shape: String,
    /// The history of the server in which it was loaded, as 8 hex digits. All zero where the server hides it.
    pub history: String,
    /// Whether the server is still in it.
    pub history_is_current: bool,
    /// Whether it is a cached `None`.
    pub negative: bool,
    /// Whether its payload is compressed.
    pub compressed: bool,
    /// How many bytes the payload takes, as it is stored.
    pub payload_bytes: u64,
}

/// A tag of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TagState {
    /// As rendered; `None` if it is not known here: an entry only carries the stamps of its tags.
    pub name: Option<String>,
    /// Whether the result named it.
    pub from_result: bool,
    /// Whether what it held when the entry was loaded is what it holds now.
    pub standing: TagStanding,
}

/// Whether a tag still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TagStanding {
    /// It was not invalidated since.
    Stands,
    /// It was invalidated, and entries were stored under it since.
    Void,
    /// Its stamp is gone: it was invalidated and nothing was loaded since, or it was evicted.
    Missing,
    /// A mutation has announced itself.
    Fenced,
    /// Its name is not known here.
    Unknown,
}

impl Inspect {
    /// What is stored under a key, and why a read of it would hit or miss. Writes nothing, and asks the server twice or
    /// three times.
    ///
    /// An entry does not carry the names of its tags. They are those of `key`, if it has some; else those of the functions
    /// whose key template it fits. Where neither tells, they are unknown here, and so is the verdict, unless something else
    /// decides it. What a function reads is known from its first call in this process on; of a generic function, the type
    /// of that call. What operators say of this cache's reads is known too; what they say in other processes is not.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
    /// use cache_runtime::inspect::Reason;
    ///
    /// let inspect = cache_runtime::Cache::local().inspect();
    /// let explanation = inspect.explain("user:7").await?;
    /// assert_eq!(explanation.verdict.reason, Reason::Absent);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable), [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) or [`ErrorKind::Refused`](crate::ErrorKind::Refused) when the server cannot be asked;
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when the environment does not describe a cache.
    pub async fn explain(&self, key: impl Into<Key>) -> Result<Explanation, Error> {
        let key = key.into();
        self.explained(&key, false).await
    }

    /// As [`explain`](Self::explain), and where the names of tags are not known it looks for them among all tags of the
    /// namespace, which takes a walk over the keys of the server. Of a tag that was invalidated it finds only that it was.
    ///
    /// # Errors
    ///
    /// As [`explain`](Self::explain).
    pub async fn explain_searching(&self, key: impl Into<Key>) -> Result<Explanation, Error> {
        let key = key.into();
        self.explained(&key, true).await
    }

    async fn explained(&self, key: &Key, search: bool) -> Result<Explanation, Error> {
        match &self.core().store {
            Store::Off => Err(Error::no_cache()),
            Store::Local(store) => Ok(self.explain_kept(store, key)),
            Store::Redis(remote) => self.explain_stored(remote, key, search).await,
        }
    }

    async fn explain_stored(&self, remote: &Remote, asked: &Key, search: bool) -> Result<Explanation, Error> {
        let server = &remote.server;
        let name = server.names.entry(asked);
        let bare = Key::new(asked.as_str());
        let entry = server.read(&mut budget(), server.names.of(&bare)).await.map_err(failed)?;
        let left = server.expires_in(&mut budget(), &bare).await.map_err(failed)?;
        let held = entry.held(0).unwrap_or_default();
        let envelope = Envelope::parse(held);
        let history = entry.witness(0).history();

        let proven = |key: &Key| envelope.is_some_and(|envelope| envelope.tagset() == key.tagset());
        let owners = self.functions.owners(asked.as_str());
        let tagged = tagged(asked, &owners, &proven);
        let found = envelope.map(|envelope| envelope.found()).unwrap_or_default();
        let declared: Vec<String> = tagged.iter().flat_map(|key| key.tags()).map(str::to_owned).collect();
        let names = server.names.tagged(declared.iter().chain(&found).map(String::as_bytes));
        let stamps = match declared.len() + found.len() {
            0 => Answers::none(),
            _ => server.read(&mut budget(), names).await.map_err(failed)?,
        };
        let learnt: Vec<String> = declared.iter().chain(&found).map(|tag| server.names.tag(tag)).collect();
        self.known().learn(&server.names, learnt.iter().chain([&name]).map(String::as_str));

        let mut looked = Looked {
            held,
            there: left != -2,
            envelope,
            history,
            owners: &owners,
            right_tags: tagged.as_ref().map(&proven),
            tags: tags(envelope, &declared, &found, &stamps),
            left: u64::try_from(left).ok(),
        };
        if let Some(envelope) = envelope.filter(|_| search && looked.right_tags.is_none()) {
            self.search(remote, envelope, &mut looked.tags).await?;
        }
        let owes = remote.recovery.owes(|owes| {
            let mut tags = looked.tags.iter().filter_map(|tag| tag.name.as_deref());
            owes(&name) || tags.any(|tag| owes(&server.names.tag(tag)))
        });
        let steers = Steers::of(self.core(), asked, &owners);
        let owed = owes.then(|| {
            Verdict::new(
                Reason::Owed,
                "this process has invalidated it and the server has not heard of that yet: until it has, reads of this \
                 process run the function",
            )
        });
        let verdict = steers.switched_off().or(owed).unwrap_or_else(|| match looked.verdict() {
            missed if missed.outcome == Outcome::Miss => missed,
            judged => envelope.and_then(|envelope| steers.too_old(&envelope)).unwrap_or(judged),
        });
        let kept = server.local.as_ref().and_then(|local| local.expires_in(tagged.as_ref().unwrap_or(asked)));
        Ok(Explanation {
            key: asked.as_str().to_owned(),
            master: server.owner(&name).map(|node| node.name.clone()),
            held: looked.kind(),
            bytes: held.len() as u64,
            ttl_left_ms: looked.left,
            in_process_ms: kept.map(clock::millis),
            value: envelope.map(|envelope| stored(&envelope, history)),
            functions: owners.iter().map(|owner| owner.place.clone()).collect(),
            verdict,
            tags: looked.tags,
        })
    }

    /// Of a cache without a server.
    fn explain_kept(&self, store: &LocalStore, asked: &Key) -> Explanation {
        let proven = |key: &Key| store.glance(key).is_some_and(|(_, stands)| stands);
        let owners = self.functions.owners(asked.as_str());
        let tagged = tagged(asked, &owners, &proven);
        let kept = store.glance(tagged.as_ref().unwrap_or(asked));
        let now = clock::now();
        let verdict = match &kept {
            _ if let Some(off) = Steers::of(self.core(), asked, &owners).switched_off() => off,
            None => absent(),
            Some((entry, _)) if entry.expires_at <= now => absent(),
            Some((entry, _)) if let Some(owner) = misreader(&owners, entry.shape) => Verdict::new(
                Reason::OtherShape,
                format!(
                    "it was stored as another type, or with another `version`, than `{}` reads",
                    owner.place.name()
                ),
            ),
            Some((_, true)) => Verdict::new(Reason::Stands, "it is kept in this process and stands"),
            Some((entry, false)) if tagged.is_none() && entry.tag_count() > 0 => unknown(entry.tag_count()),
            Some((entry, false)) if entry.tag_count() > 0 => {
                Verdict::new(Reason::TagVoid, "it, or one of its tags, was invalidated after it was stored")
            }
            Some((_, false)) => Verdict::new(Reason::Absent, "it was invalidated after it was stored"),
        };
        let age = kept.as_ref().map(|(entry, _)| entry.stored_at.elapsed());
        let left = kept.as_ref().map(|(entry, _)| clock::millis(entry.expires_at.saturating_duration_since(now)));
        Explanation {
            key: asked.as_str().to_owned(),
            master: None,
            held: if kept.is_some() { Held::Value } else { Held::Nothing },
            bytes: kept.as_ref().map_or(0, |(entry, _)| entry.weight(asked.as_str())),
            ttl_left_ms: left,
            in_process_ms: left,
            value: kept.as_ref().zip(age).map(|((entry, _), age)| Stored {
                written_at_ms: clock::unix_millis().saturating_sub(clock::millis(age)),
                age_ms: clock::millis(age),
                ttl_ms: clock::millis(age).saturating_add(left.unwrap_or_default()),
                shape: format!("{:016x}", entry.shape),
                history: hex(&[0; 4]),
                history_is_current: true,
                negative: entry.negative,
                compressed: false,
                payload_bytes: entry.bytes,
            }),
            functions: owners.iter().map(|owner| owner.place.clone()).collect(),
            tags: Vec::new(),
            verdict,
        }
    }
}

/// The key with the tags that the entry has, if they are known here: those that the entry proves, else what was asked,
/// else what the only function declares.
fn tagged(asked: &Key, owners: &[Owner], proven: &dyn Fn(&Key) -> bool) -> Option<Key> {
    let known = || owners.iter().filter_map(|owner| owner.key.as_ref());
    let mut candidates = std::iter::once(asked).chain(known());
    let right = candidates.find(|key| proven(key));
    let asked = Some(asked).filter(|key| key.tag_count() > 0);
    right.or(asked).or_else(|| known().next()).cloned()
}

fn stored(envelope: &Envelope<'_>, now: History) -> Stored {
    Stored {
        written_at_ms: envelope.created_ms(),
        age_ms: clock::unix_millis().saturating_sub(envelope.created_ms()),
        ttl_ms: envelope.ttl_ms(),
        shape: format!("{:016x}", envelope.shape()),
        history: hex(envelope.history()),
        history_is_current: envelope.history() == now,
        negative: envelope.negative(),
        compressed: envelope.is_compressed(),
        payload_bytes: envelope.packed().bytes.len() as u64,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
