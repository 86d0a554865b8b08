//! What can happen next, and which of it is possible in a state.

use crate::Mutant;
use crate::config::Config;
use crate::node::{Wire, bit};
use crate::reader::Phase;
use crate::state::State;
use crate::writer::{Operation, script};

/// One atomic step. Numbers are indices of readers, writers and nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The server executes READ's `GET e`. The first of the two begins the read.
    ReadEntry(u8),
    /// The server executes READ's `GET t`. The first of the two begins the read.
    ReadTag(u8),
    /// The server executes ENSURE for the entry.
    EnsureEntry(u8),
    /// The server executes ENSURE for the tag.
    EnsureTag(u8),
    /// The connection breaks with ENSURE on its way; the reader sends it again over another.
    Retry(u8),
    /// The server executes the first copy of the script for the entry, late.
    LateEnsureEntry,
    /// The server executes the first copy of the script for the tag, late.
    LateEnsureTag,
    /// A load returns, to its leader and to those who joined.
    EndLoad(u8),
    /// The server executes FILL.
    Fill(u8),
    /// A value that was returned is offered to the tier.
    Keep(u8),
    /// The next operation of a writer.
    Mutate(u8, Operation),
    /// The next thing on a node's subscription arrives.
    Deliver(u8),
    /// A node sends a heartbeat, and the server answers it.
    Heartbeat(u8),
    /// More than `H` has passed since a mutation was acknowledged.
    Elapse(u8),
    /// A subscription breaks.
    Break(u8),
    /// A node dials its subscription again, and the server executes SUBSCRIBE.
    Redial(u8),
    /// A node's new requests go to the successor.
    MoveLane(u8),
    /// The server drops the entry.
    EvictEntry,
    /// The server drops the tag.
    EvictTag,
    /// The replica gets its last write.
    Replicate,
    /// The replica succeeds the master.
    Failover,
}

/// Lists what is possible.
pub(crate) fn possible(config: &Config, state: &State, actions: &mut Vec<Action>) {
    if state.stale {
        return;
    }
    readers(config, state, actions);
    for (index, _) in config.writers.iter().enumerate() {
        if let Some(operation) = script(config.mutant).get(usize::from(state.writers[index].done)) {
            actions.push(Action::Mutate(index as u8, *operation));
        }
    }
    if config.tier {
        channels(config, state, actions);
    }
    faults(config, state, actions);
}

fn readers(config: &Config, state: &State, actions: &mut Vec<Action>) {
    for (index, reader) in state.readers.iter().enumerate().take(config.readers.len()) {
        let r = index as u8;
        match reader.phase {
            Phase::Idle if reader.left > 0 => {
                actions.push(Action::ReadEntry(r));
                if config.spread && config.tagged() {
                    actions.push(Action::ReadTag(r));
                }
            }
            Phase::Idle | Phase::Waiting(_) => {}
            Phase::Reading { entry, tag } => {
                actions.extend(entry.then_some(Action::ReadEntry(r)));
                actions.extend(tag.then_some(Action::ReadTag(r)));
            }
            Phase::Ensuring { entry, tag } => {
                actions.extend(entry.then_some(Action::EnsureEntry(r)));
                actions.extend((tag && (config.spread || !entry)).then_some(Action::EnsureTag(r)));
                actions.extend((entry && state.retries > 0).then_some(Action::Retry(r)));
            }
            Phase::Loading => actions.push(Action::EndLoad(r)),
            Phase::Filling => actions.push(Action::Fill(r)),
            Phase::Returned => actions.push(Action::Keep(r)),
        }
    }
}

fn channels(config: &Config, state: &State, actions: &mut Vec<Action>) {
    for (index, node) in state.nodes.iter().enumerate().take(config.nodes()) {
        let Some(channel) = &node.channel else { continue };
        let n = index as u8;
        let waiting = channel.wire.iter().any(|thing| matches!(thing, Wire::Pong(_)));
        actions.extend((!channel.wire.is_empty()).then_some(Action::Deliver(n)));
        if channel.server.is_some() {
            // One in flight, and only if its answer would change something.
            let useful = channel.lease != state.acked || config.breaks_rule(Mutant::LeaseFromReceipt);
            actions.extend((!waiting && useful).then_some(Action::Heartbeat(n)));
            actions.extend((state.breaks > 0).then_some(Action::Break(n)));
        }
        actions.extend((channel.server != Some(state.current)).then_some(Action::Redial(n)));
    }
    for version in 1..=config.writers.len() as u8 {
        if (state.acked & !state.elapsed) & bit(version) != 0 {
            actions.push(Action::Elapse(version));
        }
    }
}

fn faults(config: &Config, state: &State, actions: &mut Vec<Action>) {
    if state.current == 1 {
        for (index, node) in state.nodes.iter().enumerate().take(config.nodes()) {
            actions.extend((node.lane == 0).then_some(Action::MoveLane(index as u8)));
        }
    }
    if state.evictions > 0 {
        let server = &state.servers[usize::from(state.current)];
        actions.extend(server.entry.is_some().then_some(Action::EvictEntry));
        actions.extend(server.tag.is_some().then_some(Action::EvictTag));
    }
    if config.failover && state.current == 0 {
        actions.extend((!state.replicated).then_some(Action::Replicate));
        actions.push(Action::Failover);
    }
    if let Some(late) = &state.late {
        actions.extend(late.entry_due.then_some(Action::LateEnsureEntry));
        actions.extend(late.tag_due.then_some(Action::LateEnsureTag));
    }
}
