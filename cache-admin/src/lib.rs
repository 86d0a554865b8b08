//! What a cache does and how it is steered, as routes to nest in an axum service, with a page.
//!
//! [`Admin`] has an example of the wiring; `docs/operations/admin.md` in the repository says what each route answers.
//!
//! # For readers of the source
//!
//! Modules depend downward only:
//!
//! ```text
//! admin  routes                         what is configured | which path is answered by what
//! page   reading   entries              the page | what is | what is stored
//! purging  steering  feed               letting it go | what is cached, and for how long | what happens
//!        state                          what the routes share
//! access  history  audit                who may come in | the last hour | who changed what
//! tokens  limit  input  problem  clock  leaves
//! ```

/// The example in the document compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/operations/admin.md")]
struct Operations;

mod access;
mod admin;
mod audit;
mod clock;
mod entries;
mod feed;
mod history;
mod input;
mod limit;
mod page;
mod problem;
mod purging;
mod reading;
mod routes;
mod state;
mod steering;
mod tokens;

pub use access::Caller;
pub use admin::Admin;
pub use audit::AuditEvent;
pub use tokens::TokenError;
