//! What happened to a row lately, to be told when a read of it broke a promise.

use std::collections::VecDeque;
use std::time::Instant;

use cache_runtime::Source;

/// How many events of a row are remembered.
const LENGTH: usize = 60;

/// What happened to a version of a row on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Committed,
    Acknowledged,
    /// Its invalidation failed, and is owed, or nobody waited for it.
    Unknown,
    /// Its mutator died under a fence.
    Died,
    Read(Option<Source>),
}

struct Event {
    node: usize,
    what: What,
    version: u64,
    first: Instant,
    last: Instant,
    times: u32,
}

#[derive(Default)]
pub(super) struct History(VecDeque<Event>);

impl History {
    /// Equal reads are one event, until something else happens to the row.
    pub(super) fn note(&mut self, node: usize, what: What, version: u64, from: Instant, to: Instant) {
        let mut reads = self.0.iter_mut().rev().take_while(|event| matches!(event.what, What::Read(_)));
        if matches!(what, What::Read(_))
            && let Some(same) = reads.find(|event| (event.node, event.what, event.version) == (node, what, version))
        {
            same.last = to;
            same.times += 1;
            return;
        }
        self.0.push_back(Event { node, what, version, first: from, last: to, times: 1 });
        if self.0.len() > LENGTH {
            self.0.pop_front();
        }
    }

    /// One line for each event, with its time.
    pub(super) fn tell(&self) -> impl Iterator<Item = (Instant, String)> {
        self.0.iter().map(|Event { node, what, version, first, last, times }| {
            let took = (*last - *first).as_millis();
            let line = match what {
                What::Read(source) => {
                    let source = source.map_or("somewhere", Source::as_str);
                    format!("node {node} read {version} from {source}, {times} times in {took} ms")
                }
                other => format!("node {node}: {version} {other:?}"),
            };
            (*first, line)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::clock::now;

    #[test]
    fn equal_reads_are_one_event_until_something_else_happens() {
        let mut history = History::default();
        let at = now();
        let read = What::Read(Some(Source::Local));
        for (node, what, version) in [(0, read, 1), (1, read, 1), (0, read, 1), (2, What::Committed, 2), (0, read, 1)] {
            history.note(node, what, version, at, at);
        }
        let told: Vec<_> = history.tell().map(|(_, line)| line).collect();
        assert_eq!(
            told,
            [
                "node 0 read 1 from local, 2 times in 0 ms",
                "node 1 read 1 from local, 1 times in 0 ms",
                "node 2: 2 Committed",
                "node 0 read 1 from local, 1 times in 0 ms",
            ]
        );
    }

    #[test]
    fn the_oldest_events_are_forgotten() {
        let mut history = History::default();
        (0..300).for_each(|version| history.note(0, What::Committed, version, now(), now()));
        assert_eq!(history.tell().count(), LENGTH);
    }
}
