//! TODO

mod action;
mod check;
mod config;
mod mutant;
mod node;
mod properties;
mod protocol;
mod reader;
pub mod scenario;
mod server;
mod state;
mod steps;
mod writer;

pub use action::Action;
pub use check::{Verdict, check};
pub use config::{Config, NODES, READERS, Target, WRITERS};
pub use mutant::Mutant;
pub use properties::{G1, G2, G3};
pub use protocol::Protocol;
pub use state::State;
