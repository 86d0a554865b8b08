//! A mutation: commit, deliver, void, acknowledge.

use super::channel::void;
use crate::Mutant;
use crate::config::{Config, Target};
use crate::node::{Wire, bit};
use crate::server::Stamp;
use crate::state::State;
use crate::writer::{Operation, script};

pub(crate) fn mutate(config: &Config, state: &mut State, w: usize, operation: Operation) {
    let n = usize::from(config.writers[w]);
    match operation {
        Operation::Commit => {
            state.version += 1;
            state.writers[w].version = state.version;
        }
        Operation::Unlink | Operation::Publish => {
            if !same_server(state, w) {
                return;
            }
            if operation == Operation::Unlink { invalidate(config, state) } else { publish(state) }
        }
        Operation::Void => void(config, state, n),
        Operation::Acknowledge => acknowledge(state, w, n),
        Operation::VoidAndAcknowledge => {
            void(config, state, n);
            acknowledge(state, w, n);
        }
    }
    let writer = &mut state.writers[w];
    writer.done += 1;
    if usize::from(writer.done) == script(config.mutant).len() {
        (writer.version, writer.server) = (0, None);
    }
}

/// UNLINK and PUBLISH are one unit: if a failover came between them, both are repeated.
fn same_server(state: &mut State, w: usize) -> bool {
    let writer = &mut state.writers[w];
    match writer.server {
        None => writer.server = Some(state.current),
        Some(server) if server == state.current => {}
        Some(_) => {
            writer.server = None;
            writer.done -= 1;
            return false;
        }
    }
    true
}

fn invalidate(config: &Config, state: &mut State) {
    let history = state.current;
    let server = &mut state.servers[usize::from(state.current)];
    match config.target {
        Target::Key => server.entry = None,
        Target::Tag if config.breaks_rule(Mutant::CountersWithEviction) => {
            let id = server.tag.map_or(0, |stamp| stamp.id) + 1;
            server.tag = Some(Stamp { id, history });
        }
        Target::Tag => server.tag = None,
    }
}

fn publish(state: &mut State) {
    for channel in state.nodes.iter_mut().filter_map(|node| node.channel.as_mut()) {
        if channel.server == Some(state.current) {
            channel.wire.push(Wire::Message);
        }
    }
}

fn acknowledge(state: &mut State, w: usize, n: usize) {
    let version = state.writers[w].version;
    state.acked |= bit(version);
    state.nodes[n].own = state.nodes[n].own.max(version);
}
