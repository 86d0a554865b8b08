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
    match state.nodes[n].channel.wire.remove(0) {
        Wire::Message => void(config, state, n),
        Wire::Confirmed => {
            let channel = &mut state.nodes[n].channel;
            channel.history = channel.server.unwrap_or(channel.history);
            if !config.breaks_rule(Mutant::NoEpochAtSubscribe) && !config.breaks_rule(Mutant::EpochAtBreak) {
                void(config, state, n);
            }
        }
        Wire::Pong(sent) => {
            let received = config.breaks_rule(Mutant::LeaseFromReceipt);
            state.nodes[n].channel.lease = if received { state.acked } else { sent };
        }
    }
}

/// Executed as soon as it is sent: a later execution would only put more messages ahead of the answer.
pub(crate) fn heartbeat(state: &mut State, n: usize) {
    state.nodes[n].channel.wire.push(Wire::Pong(state.acked));
}

pub(crate) fn cut(config: &Config, state: &mut State, n: usize) {
    state.breaks -= 1;
    let channel = &mut state.nodes[n].channel;
    channel.server = None;
    channel.wire.clear();
    if config.breaks_rule(Mutant::EpochAtBreak) {
        void(config, state, n);
    }
}

pub(crate) fn redial(state: &mut State, n: usize) {
    let channel = &mut state.nodes[n].channel;
    channel.server = Some(state.current);
    channel.wire.clear();
    channel.wire.push(Wire::Confirmed);
}
