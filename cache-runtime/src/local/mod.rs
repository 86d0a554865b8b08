//! The in-process tier: decoded values, bounded by weight, voided by generation, served under a lease.

mod entry;
mod front;
mod generation;
mod lease;
mod store;
mod tie;

pub(crate) use entry::LocalEntry;
pub(crate) use front::{Called, Forms};
use generation::{Generations, Seen};
pub(crate) use lease::Lease;
pub(crate) use store::{Fresh, LocalObservation, LocalStore};
