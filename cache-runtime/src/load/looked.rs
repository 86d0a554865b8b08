//! What a call has seen on the short way, before it takes the long one.

use crate::budget::Budget;
use crate::clock;
use crate::entry::Envelope;
use crate::observation::{Observation, Source};
use crate::read::Look;

/// What a call has looked at before it takes the long way.
#[derive(Default)]
pub(crate) struct Looked {
    /// What is kept in process is no hit.
    pub(crate) in_process: bool,
    /// The server held no hit: what [`Seen::Missed`] tells, and what is left of the budget.
    pub(crate) missed: Option<(Option<Box<Look>>, Budget)>,
}

/// A look at the server, with its hit decoded.
pub(crate) enum Seen<V> {
    Value(V, Stored),
    /// Without a look where there was a hit that does not decode.
    Missed(Option<Box<Look>>),
    Trouble,
}

/// What there is to tell of a hit on the server. Its age is not: it takes a look at the clock.
#[derive(Clone, Copy)]
pub(crate) struct Stored {
    written_ms: u64,
    negative: bool,
    bytes: u64,
}

impl Stored {
    pub(crate) fn of(envelope: Envelope<'_>) -> Self {
        Self { written_ms: envelope.created_ms(), negative: envelope.negative(), bytes: envelope.length() as u64 }
    }
}

pub(super) fn from_redis(stored: Stored) -> Observation {
    let Stored { written_ms, negative, bytes } = stored;
    Observation::hit(Source::Redis, clock::since(written_ms), negative, bytes)
}
