//! A read: READ, hit or ENSURE, join or load, FILL, and the offer to the tier.

use crate::Mutant;
use crate::config::{Config, READERS};
use crate::reader::{Call, Phase};
use crate::server::{Entry, Stamp, Value};
use crate::state::State;

/// READ. The first command that is executed is where the read begins: an earlier begin has a lower floor, and
/// generations captured earlier are void earlier, so every other placement of these local steps is weaker.
pub(crate) fn read(config: &Config, state: &mut State, r: usize, entry: bool) {
    if state.readers[r].phase == Phase::Idle {
        let node = &state.nodes[usize::from(config.readers[r].0)];
        let call = Call { floor: state.floor(), clean: config.tier, history: node.lane, ..Call::default() };
        let reader = &mut state.readers[r];
        reader.left -= 1;
        reader.call = call;
        reader.phase = Phase::Reading { entry: true, tag: config.tagged() };
    }
    let server = state.servers[usize::from(state.readers[r].call.history)];
    let current = state.current;
    let reader = &mut state.readers[r];
    reader.call.exempt |= reader.call.history != current;
    let Phase::Reading { entry: mut entry_due, tag: mut tag_due } = reader.phase else { return };
    if entry {
        reader.call.entry = server.entry;
        entry_due = false;
    } else {
        reader.call.stamp = server.tag;
        tag_due = false;
    }
    if entry_due || tag_due {
        reader.phase = Phase::Reading { entry: entry_due, tag: tag_due };
        return;
    }
    let call = reader.call;
    if let Some(version) = judge(config, call.entry, call.stamp, call.history) {
        answer(config, state, r, version);
        return;
    }
    let any_history = config.breaks_rule(Mutant::NoHistory);
    let held = call.stamp.is_some_and(|stamp| any_history || stamp.history == call.history);
    let call = &mut state.readers[r].call;
    call.entry = None;
    call.stamp = call.stamp.filter(|_| held);
    state.readers[r].phase = Phase::Ensuring { entry: true, tag: config.tagged() && !held };
}

/// The version of a hit: a value in the current history, under the stamp that its tag holds.
pub(crate) fn judge(config: &Config, held: Option<Entry>, stamp: Option<Stamp>, history: u8) -> Option<u8> {
    let held = held?;
    let value = held.value?;
    let current = |of: u8| config.breaks_rule(Mutant::NoHistory) || of == history;
    let stamped = match (value.stamp, stamp) {
        (None, None) => !config.tagged(),
        (Some(carried), Some(stamp)) => carried == stamp && current(stamp.history),
        _ => false,
    };
    (stamped && current(held.history)).then_some(value.version)
}

/// The read returns a value of the server or of a flight.
fn answer(config: &Config, state: &mut State, r: usize, version: u8) {
    let reader = &mut state.readers[r];
    state.stale |= !reader.call.exempt && version < reader.call.floor;
    let captured = reader.call.clean || config.breaks_rule(Mutant::GenerationsAfterReply);
    if config.tier && captured {
        let Call { clean, history, .. } = reader.call;
        reader.phase = Phase::Returned;
        reader.call = Call { clean, history, version: Some(version), ..Call::default() };
    } else {
        reader.finish();
    }
}

/// The tier keeps a value if nothing was bumped since before READ was sent, and if the connection that answered
/// READ has the history of the channel.
fn keep(config: &Config, state: &mut State, r: usize, version: u8) {
    let call = &state.readers[r].call;
    let node = &mut state.nodes[usize::from(config.readers[r].0)];
    let any_history = config.breaks_rule(Mutant::InsertFromOtherHistory);
    if config.tier
        && call.clean
        && (any_history || node.channel.as_ref().is_some_and(|channel| channel.history == call.history))
    {
        node.kept = Some(version);
    }
}

pub(crate) fn keep_returned(config: &Config, state: &mut State, r: usize) {
    if config.breaks_rule(Mutant::GenerationsAfterReply) {
        state.readers[r].call.clean = true;
    }
    if let Some(version) = state.readers[r].call.version {
        keep(config, state, r, version);
    }
    state.readers[r].finish();
}

pub(crate) fn ensure_entry(config: &Config, state: &mut State, r: usize) {
    let history = state.readers[r].call.history;
    let id = match reused(config, state, r) {
        Some((token, _)) => token,
        None => state.fresh_entry_id(),
    };
    let held = state.servers[usize::from(history)].ensure_entry(Entry { id, history, value: None });
    let current = state.current;
    let reader = &mut state.readers[r];
    reader.call.exempt |= history != current;
    reader.call.entry = Some(held);
    if let Phase::Ensuring { entry, .. } = &mut reader.phase {
        *entry = false;
    }
    ensured(config, state, r);
}

pub(crate) fn ensure_tag(config: &Config, state: &mut State, r: usize) {
    let history = state.readers[r].call.history;
    let id = match reused(config, state, r) {
        Some((_, stamp)) => stamp,
        None if config.breaks_rule(Mutant::CountersWithEviction) => 0,
        None => state.fresh_stamp_id(),
    };
    let any_history = config.breaks_rule(Mutant::NoHistory);
    let held = state.servers[usize::from(history)].ensure_tag(Stamp { id, history }, any_history);
    let current = state.current;
    let reader = &mut state.readers[r];
    reader.call.exempt |= history != current;
    reader.call.stamp = Some(held);
    if let Phase::Ensuring { tag, .. } = &mut reader.phase {
        *tag = false;
    }
    ensured(config, state, r);
}

/// The ids of the first copy of an ENSURE, for a reader that uses them again.
fn reused(config: &Config, state: &State, r: usize) -> Option<(u8, u8)> {
    let late = state.late.filter(|late| usize::from(late.reader) == r)?;
    config.breaks_rule(Mutant::RetryReusesToken).then_some((late.token.id, late.stamp.id))
}

/// Both parts of ENSURE have been answered: a hit after all, or this reader's turn.
fn ensured(config: &Config, state: &mut State, r: usize) {
    if state.readers[r].phase != (Phase::Ensuring { entry: false, tag: false }) {
        return;
    }
    let call = &mut state.readers[r].call;
    if call.version.is_none()
        && let Some(version) = judge(config, call.entry, call.stamp, call.history)
    {
        answer(config, state, r, version);
        return;
    }
    call.expected = call.entry.take().map(|held| held.expected());
    if call.version.is_some() {
        state.readers[r].phase = Phase::Loading;
    } else {
        turn(config, state, r);
    }
}

/// Joins a flight with the same observation, or leads one. A leader reads the source at once: no step depends on
/// the version, and an earlier read can only see an older one.
fn turn(config: &Config, state: &mut State, r: usize) {
    if let Some(leader) = (0..READERS).find(|other| *other != r && same_flight(config, state, r, *other)) {
        let flight = state.readers[leader];
        if flight.phase == Phase::Filling
            && let Some(version) = flight.call.version
        {
            answer(config, state, r, version);
        } else {
            let reader = &mut state.readers[r];
            reader.phase = Phase::Waiting(leader as u8);
            reader.call = Call { expected: None, stamp: None, ..reader.call };
        }
        return;
    }
    let reader = &mut state.readers[r];
    reader.call.clean |= config.tier && config.breaks_rule(Mutant::GenerationsAfterReply);
    reader.call.version = Some(state.version);
    reader.phase = if config.breaks_rule(Mutant::StampsAfterLoad) {
        Phase::Ensuring { entry: true, tag: config.tagged() }
    } else {
        Phase::Loading
    };
}

fn same_flight(config: &Config, state: &State, r: usize, leader: usize) -> bool {
    let same_node = config.readers.get(leader).is_some_and(|(node, _)| *node == config.readers[r].0);
    if !same_node || !state.readers[leader].joinable() {
        return false;
    }
    let (mine, theirs) = (&state.readers[r].call, &state.readers[leader].call);
    let observed = mine.expected == theirs.expected && mine.stamp == theirs.stamp;
    let history = mine.history == theirs.history || config.breaks_rule(Mutant::FlightWithoutHistory);
    config.breaks_rule(Mutant::NaiveJoin) || observed && history
}

/// The load returns, to everybody who waits for it.
pub(crate) fn end_load(config: &Config, state: &mut State, r: usize) {
    let Some(version) = state.readers[r].call.version else { return };
    keep(config, state, r, version);
    let reader = &mut state.readers[r];
    state.stale |= !reader.call.exempt && version < reader.call.floor;
    reader.phase = Phase::Filling;
    reader.call = Call { floor: 0, exempt: false, clean: false, entry: None, ..reader.call };
    for other in 0..READERS {
        if state.readers[other].phase == Phase::Waiting(r as u8) {
            answer(config, state, other, version);
        }
    }
}

/// FILL goes over whatever connection the node has now.
pub(crate) fn fill(config: &Config, state: &mut State, r: usize) {
    let call = state.readers[r].call;
    let lane = state.nodes[usize::from(config.readers[r].0)].lane;
    let id = state.fresh_entry_id();
    let history = if config.breaks_rule(Mutant::HistoryOfFill) { lane } else { call.history };
    let server = &mut state.servers[usize::from(lane)];
    if let (Some(expected), Some(version)) = (call.expected, call.version) {
        let value = Entry { id, history, value: Some(Value { stamp: call.stamp, version }) };
        if config.breaks_rule(Mutant::PlainSet) {
            server.entry = Some(value);
        } else {
            server.fill(expected, value);
        }
    }
    state.readers[r].finish();
}
