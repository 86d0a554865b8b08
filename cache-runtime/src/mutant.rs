//! Off-switches of single rules of the protocol: the checker must notice each of them.
//!
//! Without the feature `mutants`, which is for tests, there are none, and the compiler leaves out what they would do.

/// A rule that a cache under test breaks.
#[cfg_attr(not(feature = "mutants"), expect(unreachable_pub, reason = "for the checker only"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// The expected id and the stamps are read after the load instead of before it.
    StampsAfterLoad,
    /// The value is stored by a plain `SET`, whatever the entry holds.
    PlainSet,
    /// Values that share a script are stored by it whatever their entries hold.
    PlainFills,
    /// A caller joins any flight of the key, whatever he observed.
    NaiveJoin,
    /// Stamps count up from one, so that an evicted one begins at a number that old entries carry.
    Counters,
    /// The history of the server is not looked at.
    NoHistory,
    /// A request that is sent a second time brings the token and the stamps of the first.
    RetryReusesToken,
    /// A flight is joined whatever the history of the connection that answered the caller.
    FlightWithoutHistory,
    /// The counters of the in-process tier are read after the server's answer.
    GenerationsAfterReply,
    /// What is in process is served however long nothing was heard.
    NoLease,
    /// The lease counts from the answer of the heartbeat, not from its sending.
    LeaseFromReceipt,
    /// A new subscriber connection does not begin a new epoch.
    NoEpochOnGap,
    /// The epoch changes when the connection is lost, and not when the new one is subscribed.
    EpochAtDisconnectOnly,
    /// A process voids its own entries before it sends an invalidation, and not after.
    OwnBumpBeforeOnly,
    /// A process does not void its own entries; it waits for its own message.
    NoOwnBump,
    /// The message goes out before the removal.
    PublishBeforeUnlink,
    /// No message goes out.
    NoPublish,
    /// Where a master of a Cluster points elsewhere, the removal is repeated there, and the message is not.
    #[cfg(feature = "cluster")]
    MessageNotRepeated,
    /// Messages are handed to somebody else, who may apply them behind the answer to a heartbeat.
    MessagesBehindHeartbeat,
    /// The subscriber's history is not compared with that of the data connections.
    DeposedSubscriber,
    /// Where the history is hidden, the subscriber stays where it is when a data connection is dialed anew.
    HiddenSubscriberStays,
    /// A value is kept in process whatever the history of the connection that answered its READ.
    InsertFromOtherHistory,
    /// Of several masters, only the first one's channel must be alive.
    OneSubscriber,
    /// A master's own view of who owns what is not compared with the one in use.
    SlotsNotWatched,
    /// `fence` does not fence.
    NoFence,
}

/// Which rules a cache keeps: all of them, unless a checker has switched one off.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    #[cfg(feature = "mutants")]
    pub(crate) broken: Option<Mutant>,
}

impl Rules {
    #[cfg(feature = "mutants")]
    pub(crate) fn are_without(self, mutant: Mutant) -> bool {
        self.broken == Some(mutant)
    }

    #[cfg(not(feature = "mutants"))]
    pub(crate) const fn are_without(self, _: Mutant) -> bool {
        false
    }
}
