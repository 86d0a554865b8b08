//! The state of the world, and its canonical form.
//!
//! Ids are random, so only their equality matters: every state is renamed in the order in which ids appear in it,
//! and a fresh id is one more than those in use. An id that nobody remembers can come back under another meaning,
//! which is no loss: a protocol that mints 64 random bits each time never sees it again.

use crate::Mutant;
use crate::config::{Config, NODES, READERS, WRITERS};
use crate::node::{Node, newest};
use crate::reader::{Phase, Reader};
use crate::server::{Entry, Server, Stamp, Value};
use crate::writer::Writer;

/// Everything there is, between two steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The first master, and the one that succeeds it.
    pub(crate) servers: [Server; 2],
    /// The master that counts; the other one is deposed, or not there yet.
    pub(crate) current: u8,
    /// What the successor will begin with.
    pub(crate) replica: Server,
    pub(crate) replicated: bool,
    /// What the source of truth holds.
    pub(crate) version: u8,
    /// The mutations that were acknowledged: a set of bits.
    pub(crate) acked: u8,
    /// Those of them that were acknowledged longer than `H` ago.
    pub(crate) elapsed: u8,
    pub(crate) nodes: [Node; NODES],
    pub(crate) readers: [Reader; READERS],
    pub(crate) writers: [Writer; WRITERS],
    /// The first copy of an ENSURE that was sent twice.
    pub(crate) late: Option<Late>,
    pub(crate) evictions: u8,
    pub(crate) breaks: u8,
    pub(crate) retries: u8,
    /// A read that began after an acknowledgement returned what was there before the mutation.
    pub(crate) stale: bool,
}

/// The copy of an ENSURE whose connection is gone. The server may still execute it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Late {
    pub(crate) reader: u8,
    pub(crate) token: Entry,
    pub(crate) stamp: Stamp,
    pub(crate) entry_due: bool,
    pub(crate) tag_due: bool,
}

impl State {
    pub(crate) fn first(config: &Config) -> Self {
        let stamp = config.tagged().then_some(Stamp { id: 0, history: 0 });
        let value = Value { stamp, version: 0 };
        let warm = Server { entry: Some(Entry { id: 0, history: 0, value: Some(value) }), tag: stamp };
        let server = if config.warm { warm } else { Server::default() };
        let mut readers = [Reader::default(); READERS];
        for (reader, (_, reads)) in readers.iter_mut().zip(config.readers) {
            reader.left = *reads;
        }
        Self {
            servers: [server, Server::default()],
            current: 0,
            replica: Server::default(),
            replicated: !config.failover,
            version: 0,
            acked: 0,
            elapsed: 0,
            nodes: std::array::from_fn(|n| Node::new(config.has_tier(n), config.warm)),
            readers,
            writers: [Writer::default(); WRITERS],
            late: None,
            evictions: config.evictions,
            breaks: config.breaks,
            retries: config.retries,
            stale: false,
        }
    }

    /// The newest mutation that was acknowledged.
    pub(crate) fn floor(&self) -> u8 {
        newest(self.acked)
    }

    /// Forgets what nobody can ask for, and renames ids.
    pub(crate) fn canonical(mut self, config: &Config) -> Self {
        for (n, node) in self.nodes.iter_mut().enumerate() {
            let idle = |r: usize| self.readers[r].left == 0 && self.readers[r].phase == Phase::Idle;
            if node.kept.is_none() && config.reads_on(n).all(idle) {
                node.channel = None;
                node.lane = self.current;
            }
        }
        if self.nodes.iter().all(|node| node.channel.is_none()) {
            self.elapsed = 0;
        }
        let asking = |reader: &Reader| matches!(reader.phase, Phase::Reading { .. } | Phase::Ensuring { .. });
        if self.current == 1
            && self.nodes.iter().all(|node| node.lane == 1)
            && !self.readers.iter().any(|reader| asking(reader) && reader.call.history == 0)
        {
            self.servers[0] = Server::default();
        }
        let mut names = Names::default();
        self.each_entry_id(|id| names.rename(id));
        // A counter is not a name.
        if !config.breaks_rule(Mutant::CountersWithEviction) {
            let mut names = Names::default();
            self.each_stamp(|stamp| names.rename(&mut stamp.id));
        }
        self
    }

    /// An id for an entry that no other entry has.
    pub(crate) fn fresh_entry_id(&mut self) -> u8 {
        let mut next = 0;
        self.each_entry_id(|id| next = next.max(*id + 1));
        next
    }

    /// An id for a stamp that no other stamp has.
    pub(crate) fn fresh_stamp_id(&mut self) -> u8 {
        let mut next = 0;
        self.each_stamp(|stamp| next = next.max(stamp.id + 1));
        next
    }

    fn each_entry(&mut self, mut see: impl FnMut(&mut Entry)) {
        self.servers
            .iter_mut()
            .chain([&mut self.replica])
            .filter_map(|server| server.entry.as_mut())
            .for_each(&mut see);
        self.readers.iter_mut().filter_map(|reader| reader.call.entry.as_mut()).for_each(see);
    }

    fn each_entry_id(&mut self, mut see: impl FnMut(&mut u8)) {
        self.each_entry(|entry| see(&mut entry.id));
        self.readers.iter_mut().filter_map(|reader| reader.call.expected.as_mut()).for_each(|seen| see(&mut seen.id));
        if let Some(late) = &mut self.late {
            see(&mut late.token.id);
        }
    }

    fn each_stamp(&mut self, mut see: impl FnMut(&mut Stamp)) {
        self.each_entry(|entry| entry.value.iter_mut().filter_map(|value| value.stamp.as_mut()).for_each(&mut see));
        self.servers.iter_mut().chain([&mut self.replica]).filter_map(|server| server.tag.as_mut()).for_each(&mut see);
        self.readers.iter_mut().filter_map(|reader| reader.call.stamp.as_mut()).for_each(&mut see);
        if let Some(late) = &mut self.late {
            see(&mut late.stamp);
        }
    }
}

/// New names for ids, in the order in which they come up.
#[derive(Default)]
struct Names {
    seen: [u8; 16],
    count: u8,
}

impl Names {
    fn rename(&mut self, id: &mut u8) {
        let known = &self.seen[..usize::from(self.count)];
        *id = known.iter().position(|seen| seen == id).map_or_else(
            || {
                self.seen[usize::from(self.count)] = *id;
                self.count += 1;
                self.count - 1
            },
            |position| position as u8,
        );
    }
}
