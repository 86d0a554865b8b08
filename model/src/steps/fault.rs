//! What goes wrong: evictions, commands that are executed late, and a failover that loses writes.

use crate::Mutant;
use crate::config::Config;
use crate::reader::Phase;
use crate::server::{Entry, Stamp};
use crate::state::{Late, State};

pub(crate) fn evict(state: &mut State, entry: bool) {
    state.evictions -= 1;
    let server = &mut state.servers[usize::from(state.current)];
    if entry { server.entry = None } else { server.tag = None }
}

/// The first copy of the ENSURE stays under way; the reader begins it anew.
pub(crate) fn retry(state: &mut State, r: usize) {
    let history = state.readers[r].call.history;
    let token = Entry { id: state.fresh_entry_id(), history, value: None };
    let stamp = Stamp { id: state.fresh_stamp_id(), history };
    let tag_due = matches!(state.readers[r].phase, Phase::Ensuring { tag: true, .. });
    state.retries -= 1;
    state.late = Some(Late { reader: r as u8, token, stamp, entry_due: true, tag_due });
}

pub(crate) fn late_entry(config: &Config, state: &mut State) {
    if let Some(mut late) = state.late {
        state.servers[usize::from(late.token.history)].ensure_entry(late.token);
        late.entry_due = false;
        set(config, state, late);
    }
}

pub(crate) fn late_tag(config: &Config, state: &mut State) {
    if let Some(mut late) = state.late {
        state.servers[usize::from(late.stamp.history)].ensure_tag(late.stamp, true);
        late.tag_due = false;
        set(config, state, late);
    }
}

/// What is executed is forgotten, except by a reader that uses the ids again.
fn set(config: &Config, state: &mut State, late: Late) {
    let remembered = late.entry_due || late.tag_due || config.breaks_rule(Mutant::RetryReusesToken);
    state.late = remembered.then_some(late);
}

pub(crate) fn replicate(state: &mut State) {
    state.replica = state.servers[0];
    state.replicated = true;
}

pub(crate) fn failover(state: &mut State) {
    state.servers[1] = std::mem::take(&mut state.replica);
    state.current = 1;
    state.replicated = true;
}
