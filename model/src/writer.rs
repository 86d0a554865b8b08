//! A writer: the order in which a mutation is committed, delivered and acknowledged.

use crate::Mutant;

/// A caller of a mutating function. One that stops anywhere for ever has died there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Writer {
    /// How many operations of its script are done.
    pub(crate) done: u8,
    /// The version that it committed.
    pub(crate) version: u8,
    /// The server that the first command of the pair went to.
    pub(crate) server: Option<u8>,
}

/// One atomic operation of a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The source of truth changes.
    Commit,
    /// `UNLINK` of what is invalidated.
    Unlink,
    /// The message to every subscriber.
    Publish,
    /// The writer's own tier.
    Void,
    /// The caller is told that it is done.
    Acknowledge,
    /// Both in one step: an earlier acknowledgement only raises the floor earlier.
    VoidAndAcknowledge,
}

/// What a mutation does, in order.
pub(crate) fn script(mutant: Option<Mutant>) -> &'static [Operation] {
    use Operation::{Acknowledge, Commit, Publish, Unlink, Void, VoidAndAcknowledge};
    match mutant {
        Some(Mutant::OwnBumpBeforeOnly) => &[Commit, Void, Unlink, Publish, Acknowledge],
        Some(Mutant::NoOwnBump) => &[Commit, Unlink, Publish, Acknowledge],
        Some(Mutant::PublishBeforeUnlink) => &[Commit, Publish, Unlink, VoidAndAcknowledge],
        Some(Mutant::InvalidateBeforeCommit) => &[Unlink, Publish, Void, Commit, Acknowledge],
        _ => &[Commit, Unlink, Publish, VoidAndAcknowledge],
    }
}
