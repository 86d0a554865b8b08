//! Off-switches of single rules: the search must find a counterexample for each of them.

/// A rule of the protocol that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// The expected id and the stamp are read after the load instead of before it.
    StampsAfterLoad,
    /// A value is stored whatever the entry holds.
    PlainSet,
    /// A reader joins any flight of its node, whatever it observed.
    NaiveJoin,
    /// A stamp is a counter: an invalidation increments it, and one that was evicted begins at 0 again.
    CountersWithEviction,
    /// Values and stamps of another history count.
    NoHistory,
    /// The generations are captured when the reply is there instead of before READ is sent.
    GenerationsAfterReply,
    /// A local hit counts however long the channel has been silent.
    NoLease,
    /// The lease counts from the receipt of the heartbeat's answer instead of from its sending.
    LeaseFromReceipt,
    /// Subscribing again is no new epoch.
    NoEpochAtSubscribe,
    /// The new epoch begins when the channel breaks, not when SUBSCRIBE is confirmed.
    EpochAtBreak,
    /// The writer voids its own tier before UNLINK, and not again after the answer.
    OwnBumpBeforeOnly,
    /// The writer leaves its own tier to the message.
    NoOwnBump,
    /// PUBLISH goes out before UNLINK.
    PublishBeforeUnlink,
    /// UNLINK and PUBLISH go out before the commit.
    InvalidateBeforeCommit,
    /// A value is kept in process whatever server answered its READ.
    InsertFromOtherHistory,
    /// A local hit counts even while the channel's server is not that of the data.
    ChannelOfOtherHistory,
    /// Flights are told apart by expected id and stamp, not by history.
    FlightWithoutHistory,
    /// A value is stored with the history of the connection that carries FILL, not of the one that answered READ.
    HistoryOfFill,
    /// An ENSURE that is sent again carries the ids of its first copy.
    RetryReusesToken,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::StampsAfterLoad,
        Self::PlainSet,
        Self::NaiveJoin,
        Self::CountersWithEviction,
        Self::NoHistory,
        Self::GenerationsAfterReply,
        Self::NoLease,
        Self::LeaseFromReceipt,
        Self::NoEpochAtSubscribe,
        Self::EpochAtBreak,
        Self::OwnBumpBeforeOnly,
        Self::NoOwnBump,
        Self::PublishBeforeUnlink,
        Self::InvalidateBeforeCommit,
        Self::InsertFromOtherHistory,
        Self::ChannelOfOtherHistory,
        Self::FlightWithoutHistory,
        Self::HistoryOfFill,
        Self::RetryReusesToken,
    ];
}
