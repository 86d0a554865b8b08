//! A process: its in-process tier, its data connection and its subscription.

/// A node. The generation table is not counted: whatever is bumped voids what was captured before, at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    /// The version that the tier holds, under generations and epoch that have not changed since.
    pub(crate) kept: Option<u8>,
    /// The newest mutation that was acknowledged here.
    pub(crate) own: u8,
    /// The server that new requests go to.
    pub(crate) lane: u8,
    /// `None` if there is no tier, or if nothing can come out of it any more.
    pub(crate) channel: Option<Channel>,
}

/// A subscription, from both ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Channel {
    /// The server that has the subscription; `None` while it is broken, which the node does not know.
    pub(crate) server: Option<u8>,
    /// The history that the node was told.
    pub(crate) history: u8,
    /// The mutations that were acknowledged before the last answered heartbeat was sent: a set of bits.
    pub(crate) lease: u8,
    /// What is on its way to the node, in the order of the wire.
    pub(crate) wire: Vec<Wire>,
}

/// Something on its way from the server to a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wire {
    /// An invalidation.
    Message,
    /// SUBSCRIBE was executed.
    Confirmed,
    /// The answer to a heartbeat, with the mutations that were acknowledged when it was sent.
    Pong(u8),
}

impl Node {
    pub(crate) fn new(tier: bool, warm: bool) -> Self {
        let channel = Channel { server: Some(0), history: 0, lease: 0, wire: Vec::new() };
        Self { kept: (tier && warm).then_some(0), own: 0, lane: 0, channel: tier.then_some(channel) }
    }
}

/// The bit of a mutation in a set of mutations.
pub(crate) fn bit(version: u8) -> u8 {
    1 << (version - 1)
}

/// The newest mutation in a set.
pub(crate) fn newest(mutations: u8) -> u8 {
    (u8::BITS - mutations.leading_zeros()) as u8
}
