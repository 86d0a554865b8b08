//! Who is asked about the masters: the Sentinels, or the nodes of a Cluster.

use std::pin::Pin;

use redis::ConnectionInfo;

use super::Failure;

/// Where maps come from, unless there is only one.
pub(super) trait Look: Send + Sync {
    /// Asks around. `known`: the masters in use.
    fn look(&self, known: Vec<ConnectionInfo>) -> Looking<'_, Result<Layout, Failure>>;

    /// Whether this is still a master, asked after a connection to it was made. Yes if nobody can be asked.
    ///
    /// One that was replaced and has come back says that it is a master, until somebody tells it otherwise.
    fn confirms<'a>(&'a self, master: &'a ConnectionInfo) -> Looking<'a, bool>;
}

/// A look under way.
pub(super) type Looking<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a look found: the masters, and who owns what.
pub(super) struct Layout {
    pub(super) masters: Vec<ConnectionInfo>,
    /// As in [`Owners::Slots`](super::topology::Owners::Slots).
    #[cfg(feature = "cluster")]
    pub(super) slots: Vec<(u16, u16, usize)>,
    pub(super) fingerprint: Option<u64>,
}
