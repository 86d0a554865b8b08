//! The history checker: many readers and mutators on several nodes, faults, and a specification that every single
//! read is held against.
//!
//! Rows live in memory and have a version each; a cached read of a row returns the version that it saw. A mutation
//! raises the version (its commit) and then invalidates. When the invalidation was acknowledged, the row's floor
//! rises to that version. Each node is a cache of its own, with its own connections, subscriber, flights and
//! in-process tier, as a process has them.
//!
//! | | what a read must return |
//! |---|---|
//! | P1 | from the server, a flight or a load: at least the floor at its start |
//! | P2 | from anywhere: at least what its own node had acknowledged at its start |
//! | P3 | from the in-process tier: at least the floor of one lease before its start |
//! | P4 | nothing that had not been committed when it ended |
//! | P5 | of a mutator who died after its commit under a fence: as if acknowledged a fence's ttl later |
//! | P6 | no call is stuck; the run as a whole has hits, on each tier, and stored values |
//! | P7 | when the faults are over, all that is owed is delivered, and a lease later each node returns what is committed |
//!
//! Outcomes that are not known (an invalidation that failed and was queued, or whose caller went away) never raise a
//! floor; P7 alone is about them. That both the old and the new value are right between a commit and its
//! acknowledgement is why this is no linearizability checker.
//!
//! The check is exact and needs no recorded history: a row keeps its recent floors with their times, and a read is
//! judged when it ends. The last events of each row are kept to be told with a violation. All times come from one clock.
//!
//! Modules depend downward only: `run` over `reader`, `mutator` and `settle`, those over `scene`, that over `spec` and
//! `plan`; `report` over `spec` and `plan`; `faults` over `network` and `servers`, those over `fault`,
//! and that over `system`.

mod clock;
mod fault;
mod faults;
mod floors;
mod history;
mod mutator;
mod network;
mod plan;
mod reader;
mod report;
mod run;
mod scene;
mod servers;
mod settle;
mod spec;
mod system;
mod tally;

pub use faults::Faults;
pub use plan::{Load, Plan};
pub use report::Report;
pub use run::run;
pub use spec::Violation;
pub use system::{Kind, System};
