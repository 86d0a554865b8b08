//! The in-process tier: decoded values, bounded by weight, voided by generation.

mod generation;
mod store;

use generation::{Generations, Seen};
pub(crate) use store::{Fresh, LocalStore};
