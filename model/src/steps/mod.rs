//! What each step does to the state.

mod channel;
mod fault;
mod mutation;
pub(crate) mod reading;

use crate::action::Action;
use crate::config::Config;
use crate::state::State;

/// Takes one step.
pub(crate) fn take(config: &Config, state: &mut State, action: Action) {
    match action {
        Action::ReadEntry(r) => reading::read(config, state, r.into(), true),
        Action::ReadTag(r) => reading::read(config, state, r.into(), false),
        Action::EnsureEntry(r) => reading::ensure_entry(config, state, r.into()),
        Action::EnsureTag(r) => reading::ensure_tag(config, state, r.into()),
        Action::EndLoad(r) => reading::end_load(config, state, r.into()),
        Action::Fill(r) => reading::fill(config, state, r.into()),
        Action::Keep(r) => reading::keep_returned(config, state, r.into()),
        Action::Mutate(w, operation) => mutation::mutate(config, state, w.into(), operation),
        Action::Deliver(n) => channel::deliver(config, state, n.into()),
        Action::Heartbeat(n) => channel::heartbeat(state, n.into()),
        Action::Elapse(version) => state.elapsed |= crate::node::bit(version),
        Action::Break(n) => channel::cut(config, state, n.into()),
        Action::Redial(n) => channel::redial(state, n.into()),
        Action::MoveLane(n) => state.nodes[usize::from(n)].lane = state.current,
        Action::Retry(r) => fault::retry(state, r.into()),
        Action::LateEnsureEntry => fault::late_entry(config, state),
        Action::LateEnsureTag => fault::late_tag(config, state),
        Action::EvictEntry | Action::EvictTag => fault::evict(state, action == Action::EvictEntry),
        Action::Replicate => fault::replicate(state),
        Action::Failover => fault::failover(state),
    }
}
