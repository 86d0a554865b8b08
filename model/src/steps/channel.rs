//! The subscription: what arrives on it, and how it breaks and is dialled again.

use crate::Mutant;
use crate::config::Config;
use crate::node::Wire;
use crate::state::State;

/// Bumps generations or epoch of a node: all that is kept, and all that was captured, is void.
pub(crate) fn void(config: &Config, state: &mut State, n: usize) {
    state.nodes[n].kept = None;
    for (reader, (node, _)) in state.readers.iter_mut().zip(config.readers) {
        if usize::from(*node) == n {
            reader.call.clean = false;
        }
    }
}

/// Messages are applied in the order of the wire, before any answer behind them.
pub(crate) fn deliver(config: &Config, state: &mut State, n: usize) {
    let acked = state.acked;
    let Some(channel) = &mut state.nodes[n].channel else { return };
    match channel.wire.remove(0) {
        Wire::Message => void(config, state, n),
        Wire::Confirmed => {
            channel.history = channel.server.unwrap_or(channel.history);
            if !config.breaks_rule(Mutant::NoEpochAtSubscribe) && !config.breaks_rule(Mutant::EpochAtBreak) {
                void(config, state, n);
            }
        }
        Wire::Pong(sent) => channel.lease = if config.breaks_rule(Mutant::LeaseFromReceipt) { acked } else { sent },
    }
}

/// Executed as soon as it is sent: a later execution would only put more messages ahead of the answer.
pub(crate) fn heartbeat(state: &mut State, n: usize) {
    let acked = state.acked;
    state.nodes[n].channel.iter_mut().for_each(|channel| channel.wire.push(Wire::Pong(acked)));
}

/// What was on its way is lost. What arrived before the break has arrived in an earlier step.
pub(crate) fn cut(config: &Config, state: &mut State, n: usize) {
    state.breaks -= 1;
    if let Some(channel) = &mut state.nodes[n].channel {
        channel.server = None;
        channel.wire.clear();
    }
    if config.breaks_rule(Mutant::EpochAtBreak) {
        void(config, state, n);
    }
}

pub(crate) fn redial(state: &mut State, n: usize) {
    if let Some(channel) = &mut state.nodes[n].channel {
        channel.server = Some(state.current);
        channel.wire.clear();
        channel.wire.push(Wire::Confirmed);
    }
}
