//! What must always hold, and what must be possible, or else nothing was shown.

use stateright::Property;

use crate::Mutant;
use crate::config::{Config, Protocol};
use crate::node::newest;
use crate::reader::Phase;
use crate::state::State;
use crate::steps::reading::judge;

/// No read that began after an acknowledgement returns what was there before the mutation.
pub const G1: &str = "G1: what the server or a flight answers is not older than the floor";
/// The same for the tier of the acknowledging node.
pub const G2: &str = "G2: what the tier answers is not older than the node's own mutations";
/// Other tiers are at most `H` behind.
pub const G3: &str = "G3: what the tier answers is not older than what was acknowledged H ago";

/// The properties that a configuration is checked for.
pub(crate) fn properties(config: &Config) -> Vec<Property<Protocol>> {
    let mut properties = vec![Property::always(G1, |_, state: &State| !state.stale)];
    if config.tier {
        properties.push(Property::always(G2, |model: &Protocol, state: &State| {
            tiers(&model.config, state).all(|(n, kept)| kept >= state.nodes[n].own)
        }));
        properties.push(Property::always(G3, |model: &Protocol, state: &State| {
            tiers(&model.config, state).all(|(_, kept)| kept >= newest(state.elapsed))
        }));
        properties.push(Property::sometimes("a local hit", |model: &Protocol, state: &State| {
            tiers(&model.config, state).next().is_some()
        }));
        if config.nodes() > 1 {
            properties.push(Property::sometimes("a local hit behind the floor", |model: &Protocol, state: &State| {
                tiers(&model.config, state).any(|(_, kept)| kept < state.floor())
            }));
        }
    }
    if !config.readers.is_empty() {
        properties.push(Property::sometimes("a hit on the server", |model: &Protocol, state: &State| {
            let server = &state.servers[usize::from(state.current)];
            let asks = state.readers.iter().any(|reader| reader.phase == Phase::Idle && reader.left > 0);
            asks && judge(&model.config, server.entry, server.tag, state.current).is_some()
        }));
        properties.push(Property::sometimes("a refused fill", refused_fill));
    }
    if config
        .readers
        .iter()
        .enumerate()
        .any(|(index, (node, _))| config.readers[..index].iter().any(|(other, _)| other == node))
    {
        properties.push(Property::sometimes("a join", |_, state: &State| {
            state.readers.iter().any(|reader| matches!(reader.phase, Phase::Waiting(_)))
        }));
    }
    properties
}

fn refused_fill(model: &Protocol, state: &State) -> bool {
    state.readers.iter().zip(model.config.readers).any(|(reader, (node, _))| {
        let lane = state.nodes[usize::from(*node)].lane;
        let held = state.servers[usize::from(lane)].entry.map(|held| held.expected());
        reader.phase == Phase::Filling && held != reader.call.expected
    })
}

/// The nodes whose tier would answer a read that begins now, and with what: lease, history, epoch and generations
/// all hold. A local hit changes nothing, so it is not a step: whatever could be returned is checked in every state.
/// Nothing is promised to a node whose data connection is left on a deposed master.
fn tiers<'a>(config: &'a Config, state: &'a State) -> impl Iterator<Item = (usize, u8)> + 'a {
    state.nodes.iter().take(config.nodes()).enumerate().filter_map(|(n, node)| {
        let channel = node.channel.as_ref()?;
        let leased = state.elapsed & !channel.lease == 0 || config.breaks_rule(Mutant::NoLease);
        let same = channel.history == node.lane || config.breaks_rule(Mutant::ChannelOfOtherHistory);
        node.kept.filter(|_| leased && same && node.lane == state.current).map(|kept| (n, kept))
    })
}
