//! A reader: how far its current read has come, and what it knows.

use crate::server::{Entry, Expected, Stamp};

/// A caller of a cached function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Reader {
    /// How many reads it has not begun.
    pub(crate) left: u8,
    pub(crate) phase: Phase,
    pub(crate) call: Call,
}

/// How far a read has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    #[default]
    Idle,
    /// READ was sent; these have not been executed.
    Reading { entry: bool, tag: bool },
    /// A value came, from the server or from a flight, and has been returned; the tier has not seen it.
    Returned,
    /// ENSURE was sent; these have not been executed.
    Ensuring { entry: bool, tag: bool },
    /// Leads a flight: the source has been read, and the load has not returned.
    Loading,
    /// The load has returned; FILL has not been executed. The flight can still be joined.
    Filling,
    /// Joined the flight of this reader.
    Waiting(u8),
}

/// What a read knows. Whatever is not needed any more goes back to its default, so that equal states are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    /// The newest mutation that was acknowledged before the read began.
    pub(crate) floor: u8,
    /// A deposed server answered: nothing is promised.
    pub(crate) exempt: bool,
    /// Neither generations nor epoch have changed since they were captured.
    pub(crate) clean: bool,
    /// The history of the connection that READ was sent over.
    pub(crate) history: u8,
    pub(crate) entry: Option<Entry>,
    pub(crate) stamp: Option<Stamp>,
    pub(crate) expected: Option<Expected>,
    pub(crate) version: Option<u8>,
}

impl Reader {
    /// Whether others may join what this reader leads.
    pub(crate) fn joinable(&self) -> bool {
        matches!(self.phase, Phase::Loading | Phase::Filling)
    }

    /// The read is over.
    pub(crate) fn finish(&mut self) {
        self.phase = Phase::Idle;
        self.call = Call::default();
    }
}
