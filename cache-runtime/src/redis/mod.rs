//! The server: each method is one line of the protocol, and one round trip.
//!
//! ```text
//! READ        GET e + GET of each tag
//! ENSURE      SET e T NX PX; GET e; per missing tag SET t s NX PX; GET t
//! FILL        script: if e still starts with what was expected, SET e V PX ttl
//! RELEASE     script: if e still starts with what was expected, UNLINK e
//! INVALIDATE  UNLINK e.. t..
//! ```

mod failure;
mod history;
mod keyspace;
mod lanes;
mod probe;
mod request;
mod script;
mod server;

pub(crate) use failure::{Cause, Failure};
pub(crate) use keyspace::Names;
pub(crate) use server::Server;
