//! What several names held, and on whose word.

use bytes::Bytes;
use redis::Value;
use smallvec::{SmallVec, smallvec};

use super::request::Witness;

/// What a name held.
pub(crate) type Reply = Option<Bytes>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    pub(crate) replies: SmallVec<[Reply; 4]>,
    /// One for all, or one for each.
    witnesses: SmallVec<[Witness; 1]>,
}

impl Answers {
    /// From one master.
    pub(super) fn of_one(replies: SmallVec<[Reply; 4]>, witness: Witness) -> Self {
        Self { replies, witnesses: smallvec![witness] }
    }

    /// From whoever owns each name.
    pub(super) fn of_each(answers: impl Iterator<Item = (Reply, Witness)>) -> Self {
        let (replies, witnesses) = answers.unzip();
        Self { replies, witnesses }
    }

    /// Who answered for a name.
    pub(crate) fn witness(&self, name: usize) -> Witness {
        self.witnesses[if self.witnesses.len() == 1 { 0 } else { name }]
    }

    /// Whether all of them may be kept in process.
    pub(crate) fn in_step(&self) -> bool {
        self.witnesses.iter().all(|witness| witness.in_step)
    }

    /// Adds those to another question.
    pub(crate) fn extend(&mut self, more: Self) {
        let witnesses = |answers: &Self| (0..answers.replies.len()).map(|name| answers.witness(name)).collect();
        let mut all: SmallVec<[Witness; 1]> = witnesses(self);
        all.extend::<SmallVec<[Witness; 1]>>(witnesses(&more));
        self.witnesses = all;
        self.replies.extend(more.replies);
    }

    /// Answers to several questions, so many to each.
    pub(crate) fn deal(mut self, counts: impl Iterator<Item = usize>) -> impl Iterator<Item = Self> {
        let mut each = (0..self.replies.len()).map(move |name| (self.replies[name].take(), self.witness(name)));
        counts.map(move |count| Self::of_each(each.by_ref().take(count)))
    }
}

pub(super) fn reply(value: Value) -> Reply {
    match value {
        Value::BulkString(bytes) => Some(bytes.into()),
        Value::SimpleString(text) => Some(text.into_bytes().into()),
        _ => None,
    }
}
