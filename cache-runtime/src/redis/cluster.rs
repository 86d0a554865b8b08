//! A Cluster: which slot a name has, and which node owns it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use redis::aio::MultiplexedConnection;
use redis::{ConnectionInfo, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::Failure;
use super::address::moved;
use super::look::{Layout, Look, Looking};
use super::scout::Scout;

const SLOTS: u16 = 16384;

/// The slot of a name: CRC16 of what stands between its first braces, or of all of it.
pub(super) fn slot(name: &str) -> u16 {
    let braced = name.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = braced.filter(|tag| !tag.is_empty()).unwrap_or(name);
    crc16::State::<crc16::XMODEM>::calculate(hashed.as_bytes()) % SLOTS
}

/// Who owns what, as one node told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slots(Vec<Range>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    first: u16,
    last: u16,
    /// Empty: the node that was asked.
    host: String,
    port: u16,
}

impl Slots {
    pub(super) async fn ask(connection: &mut MultiplexedConnection) -> Result<Self, Failure> {
        let value: Value = question().query_async(connection).await?;
        Self::read(&value)
    }

    fn read(value: &Value) -> Result<Self, Failure> {
        let nonsense = || Failure::refused("the server answered CLUSTER SLOTS with something else");
        let Value::Array(ranges) = value else { return Err(nonsense()) };
        let mut slots = Vec::with_capacity(ranges.len());
        for range in ranges {
            let Value::Array(range) = range else { return Err(nonsense()) };
            let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = range.as_slice() else {
                return Err(nonsense());
            };
            let [host, Value::Int(port), ..] = master.as_slice() else { return Err(nonsense()) };
            let host = match host {
                Value::BulkString(host) => String::from_utf8_lossy(host).into_owned(),
                _ => String::new(),
            };
            let (Ok(first), Ok(last), Ok(port)) = (u16::try_from(*first), u16::try_from(*last), u16::try_from(*port))
            else {
                return Err(nonsense());
            };
            slots.push(Range { first, last, host: if host == "?" { String::new() } else { host }, port });
        }
        slots.sort();
        Ok(Self(slots))
    }

    /// Equal for nodes that have the same view.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut text = String::new();
        for Range { first, last, host, port } in &self.0 {
            text += &format!("{first}-{last} {host}:{port}\n");
        }
        xxh3_64(text.as_bytes())
    }
}

fn question() -> redis::Cmd {
    let mut question = redis::cmd("CLUSTER");
    question.arg("SLOTS");
    question
}

/// Whom to ask about the Cluster.
pub(super) struct Scouts {
    seeds: Vec<ConnectionInfo>,
    scouts: Mutex<HashMap<String, Arc<Scout>>>,
}

impl Scouts {
    pub(super) fn new(seeds: Vec<ConnectionInfo>) -> Self {
        Self { seeds, scouts: Mutex::default() }
    }

    /// Asks the masters that are known, and if none of them answers the seeds.
    async fn ask(&self, known: Vec<ConnectionInfo>) -> Result<Layout, Failure> {
        match self.ask_all(&known).await {
            Ok(layout) => Ok(layout),
            // Not together with them: a node that is known by two names would have two votes.
            Err(_) => self.ask_all(&self.seeds).await,
        }
    }

    /// Believes the view that most of them share.
    async fn ask_all(&self, infos: &[ConnectionInfo]) -> Result<Layout, Failure> {
        let scouts: HashMap<String, Arc<Scout>> = {
            let mut scouts = self.scouts.lock().unwrap_or_else(PoisonError::into_inner);
            let wanted = infos.iter().map(|info| {
                let name = info.addr().to_string();
                let scout = scouts.get(&name).cloned().unwrap_or_else(|| Arc::new(Scout::new(info.clone())));
                (name, scout)
            });
            let wanted: HashMap<_, _> = wanted.collect();
            scouts.clone_from(&wanted);
            wanted
        };
        let question = question();
        let asked = scouts.values().map(|scout| async {
            let told = scout.ask::<Value>(&question).await;
            told.and_then(|value| Slots::read(&value)).map(|slots| (slots, &scout.info))
        });
        let mut views: Vec<(Slots, &ConnectionInfo, usize)> = Vec::new();
        let mut failure = None;
        for answer in futures_util::future::join_all(asked).await {
            match answer {
                Ok((slots, by)) => match views.iter_mut().find(|(known, ..)| *known == slots) {
                    Some((_, _, votes)) => *votes += 1,
                    None => views.push((slots, by, 1)),
                },
                Err(error) => failure = Some(error),
            }
        }
        // A node that was cut off or has just come back may know nothing.
        views.retain(|(slots, ..)| !slots.0.is_empty());
        let Some((slots, by, _)) = views.into_iter().max_by_key(|(.., votes)| *votes) else {
            return Err(failure.unwrap_or_else(|| Failure::refused("no node of the Cluster owns a slot")));
        };
        Ok(layout(&slots, by))
    }
}

impl Look for Scouts {
    fn look(&self, known: Vec<ConnectionInfo>) -> Looking<'_, Result<Layout, Failure>> {
        Box::pin(self.ask(known))
    }

    /// It points elsewhere itself, and refuses everything for a while after a restart.
    fn confirms<'a>(&'a self, _master: &'a ConnectionInfo) -> Looking<'a, bool> {
        Box::pin(std::future::ready(true))
    }
}

fn layout(slots: &Slots, by: &ConnectionInfo) -> Layout {
    let mut masters: Vec<ConnectionInfo> = Vec::new();
    let mut ranges = Vec::with_capacity(slots.0.len());
    for Range { first, last, host, port } in &slots.0 {
        let info = if host.is_empty() { moved(by, &host_of(by), *port) } else { moved(by, host, *port) };
        let node = masters.iter().position(|known| known.addr() == info.addr()).unwrap_or_else(|| {
            masters.push(info);
            masters.len() - 1
        });
        ranges.push((*first, *last, node));
    }
    Layout { masters, slots: ranges, fingerprint: Some(slots.fingerprint()) }
}

pub(super) fn host_of(info: &ConnectionInfo) -> String {
    match info.addr() {
        redis::ConnectionAddr::Tcp(host, _) | redis::ConnectionAddr::TcpTls { host, .. } => host.clone(),
        _ => String::new(),
    }
}

/// What a node answered instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    /// The slot is another node's.
    Moved,
    /// This once, ask there.
    Ask(String, u16),
    /// Some of the keys have left and others have not.
    TryAgain,
}

impl Redirect {
    pub(super) fn read(value: &Value) -> Option<Self> {
        let Value::ServerError(error) = value else { return None };
        match error.code() {
            "MOVED" => Some(Self::Moved),
            "TRYAGAIN" => Some(Self::TryAgain),
            "ASK" => {
                // `ASK 3999 127.0.0.1:6381`
                let (host, port) = error.details()?.rsplit(' ').next()?.rsplit_once(':')?;
                Some(Self::Ask(host.to_owned(), port.parse().ok()?))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(slot("123456789"), 12739);
        assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
        assert_eq!(slot("foo{}{bar}"), crc16::State::<crc16::XMODEM>::calculate(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot("foo{{bar}}zap"), slot("{bar"));
    }
}
