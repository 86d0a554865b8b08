//! Whether one script may be about several names, which is quicker: where one master has all of them.
//!
//! What spreads one address over several shards refuses such a script, and a user who may not write one of the names is
//! refused all of them. Each name then gets a script to itself. What had been done of it all the same is done again, without
//! harm: nothing is stored where something was, and what was removed is removed once more.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{Failure, Server};
use crate::budget::Budget;

impl Server {
    /// Whether a script about several names is worth a try.
    pub(super) async fn takes_several(self: &Arc<Self>, budget: &mut Budget) -> Result<bool, Failure> {
        Ok(!self.only_apart.load(Relaxed) && self.map(budget).await?.only().is_some())
    }

    /// Scripts about one name each were taken where one about several was refused.
    pub(super) fn taken_apart(&self, refusal: &Failure) {
        // Permissions are a matter of these names.
        if !refusal.is("NOPERM") {
            self.only_apart.store(true, Relaxed);
        }
    }
}
