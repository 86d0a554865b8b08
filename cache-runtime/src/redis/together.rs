//! How many names one script may be about: many, where one master has all of them.
//!
//! What spreads one address over several servers refuses such a script (`CROSSSLOT`, or `ERR` with words of its own), and a
//! user who may not write one of the names is refused all of them (`NOPERM`). Nothing has been done then, and each name
//! gets a script to itself.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::server::CHUNK;
use super::{Failure, Server};
use crate::budget::Budget;

impl Server {
    /// As many of `names` as one script may be about.
    pub(super) async fn together(self: &Arc<Self>, budget: &mut Budget, names: &[String]) -> Result<usize, Failure> {
        let at_one = self.map(budget).await?.only().is_some();
        Ok(if at_one && !self.only_apart.load(Relaxed) { names.len().min(CHUNK) } else { 1 })
    }

    /// Scripts about one name each were taken where one about several was refused.
    pub(super) fn taken_apart(&self, refusal: &Failure) {
        // Permissions are a matter of these names.
        if !refusal.is("NOPERM") {
            self.only_apart.store(true, Relaxed);
        }
    }
}
