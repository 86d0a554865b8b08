//! The cache protocol as a model that a checker can exhaust: every order of every step, in small worlds.
//!
//! `cargo test -p model` searches the small worlds and breaks every rule once; it takes seconds.
//! `cargo run -p model --release -- --deep` searches the large ones too, and prints a table.
//!
//! # The protocol
//!
//! One entry `e`, with one tag `t` or with none, and one row in a source of truth, which is a version number.
//!
//! ```text
//! READ        GET e, GET t          a hit if e is a value, its stamp is what t holds, and both have the
//!                                   history of the connection
//! ENSURE      what e holds, or else T; what t holds, or else s, also in place of a stamp of another history: a
//!             script for each. T and s carry fresh ids and the connection's history
//! LOAD        only now; joined by readers of the node who observed the same id, stamp and history
//! FILL        if e still holds the id: SET e V, with the stamp and history observed before the load
//! INVALIDATE  commit; UNLINK t (or e); PUBLISH; void the own tier; acknowledge
//! ```
//!
//! A node keeps values in process under generations and an epoch, which were captured before READ was sent.
//!
//! 1. *Observe before load.* Id and stamp under which a value is stored were read before it was loaded.
//! 2. *Compare and set.* FILL stores only over what was observed.
//! 3. *Fresh ids.* Tokens, values and stamps are named anew by each attempt, also when a command is sent again.
//!    A missing stamp is a miss.
//! 4. *History.* Everything carries the history of the server that answered READ, and counts only in that history.
//! 5. *Joining.* A flight is joined only by a reader with the same observation, history included.
//! 6. *Order of a mutation.* Commit, UNLINK, PUBLISH (one unit: a failover between the two repeats both), own
//!    bump, acknowledgement.
//! 7. *Order of a read.* Epoch and generations are captured before READ is sent; a value is kept only if they are
//!    unchanged, and only if the channel's history is that of the connection that answered.
//! 8. *Lease.* A local hit counts only if the last answered heartbeat was sent less than `H` ago, and the channel's
//!    history is that of the data connection.
//! 9. *Epoch.* It changes when SUBSCRIBE is confirmed.
//!
//! Each [`Mutant`] breaks one of them.
//!
//! # What is promised
//!
//! The *floor* is the newest mutation that has been acknowledged. A writer that dies before is not acknowledged, and
//! needs no step of its own: a writer may stop anywhere for ever.
//!
//! - [`G1`]: what the server or a flight answers is not older than the floor when the read began.
//! - [`G2`]: what a tier answers is not older than the newest mutation that was acknowledged on its own node.
//! - [`G3`]: what a tier answers is not older than any mutation that was acknowledged more than `H` ago.
//!
//! Nothing is promised to a read that a deposed master answered, nor to a tier whose data connection is left on one.
//! So that this shows something, each world must also reach a hit on the server, a local hit, a local hit behind the
//! floor, a join and a refused fill, as far as they can be in it.
//!
//! # Time
//!
//! There is no clock. *`H` has passed since this acknowledgement* is an event of each mutation, which may happen at
//! any time after it. A heartbeat remembers what was acknowledged when it was sent; a lease is over as soon as `H`
//! has passed since something that its heartbeat did not know of. A lease that ends for any other reason only
//! takes hits away. Messages, confirmations and heartbeat answers travel in one first-in-first-out queue per
//! subscriber, however slowly; a subscription that breaks loses its queue and, until SUBSCRIBE, all messages, and
//! its node goes on with its lease in ignorance.
//!
//! # What makes the worlds small, without hiding anything
//!
//! - No step depends on a version, and an older version is never better. So a load reads the source as soon as it
//!   begins, and ends in a later step.
//! - A read begins, and captures, where the first command of its READ is executed: to begin earlier is to begin
//!   with a lower floor, and to capture earlier is to refuse more. A mutation is acknowledged where it voids.
//! - A generation is only ever compared, so a bump voids at once what was captured before; nothing is counted.
//! - A local hit changes nothing. So it is no step: what a tier would answer is checked in every state.
//! - Ids are only ever compared: a state is renamed in the order in which they appear.
//! - What nobody can ask for any more is forgotten: a deposed master without connections, a tier without readers.
//!
//! # What is left out
//!
//! - More than one key, tag or row; several tags; collisions in the generation table; its wraparound.
//! - Several masters at a time. Entry and tag may be asked in any order ([`Config::spread`]), but they share their
//!   history and fail over together. Message loss between the masters of a cluster is not there.
//! - Expiry (it is an eviction), `remove_matching`, `put`, the queue of invalidations that could not be delivered,
//!   fences, budgets, the breaker, failing or abandoned loads, waiting for the fill of another process.
//! - Mutations that a deposed master acknowledged: a writer talks to the current one. A second failover.
//! - The atomics: capture, comparison and insertion are atomic steps here, not loads and stores.
//! - A row's transactions: a load sees whatever was committed when it begins.

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
pub use check::{Verdict, check, shortest};
pub use config::{Config, NODES, Protocol, READERS, Target, WRITERS};
pub use mutant::Mutant;
pub use properties::{G1, G2, G3};
pub use state::State;
pub use writer::Operation;
