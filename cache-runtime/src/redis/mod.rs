//! The server, or the servers: each line of the protocol is one round trip.
//!
//! ```text
//! READ        MGET e t..                                  in a Cluster: MGET of each, one pipeline per master
//! ENSURE      SET e T NX GET; SET t s NX GET of each tag that has no stamp      or a script of the same effect
//! FILL        script: if e still starts with what was expected, SET e V PX ttl                 of several in one
//! RELEASE     script: if e still starts with what was expected, UNLINK e
//! INVALIDATE  VOID e.. t..; PUBLISH bus                   script: UNLINK, except what others have fenced
//! FENCE       FENCE e.. t..; PUBLISH bus
//! ```
//!
//! ```text
//! server: ensure, fill, several, void     the operations; that before a load and that behind it, reads at several
//!                                         masters, those that void
//!   owner                                 one command to the master of its name
//!   together                              whether a script may be about several names
//!   scatter (redirect)                    each name's commands to its master
//!     topology: look (cluster, sentinel)  who is master of what
//!       node: gather, request, lanes      one master: shared reads, requests, connections
//!         connection (driver, replies)    what is sent and what comes back, in the same order
//!         command                         commands, as they are sent
//!         mget  held                      names that are asked for, and their values where they came in
//!         probe                           recovery
//!         channel                         whether it is heard what others invalidated
//! listen: message                         hearing it
//! survey  overhear                        what is asked, and heard, by those who look from outside
//! address  keyspace  script  history  failure
//! ```

mod address;
mod answers;
mod channel;
#[cfg(feature = "cluster")]
mod cluster;
mod command;
mod connection;
mod ensure;
mod failure;
mod fill;
mod gather;
mod held;
mod history;
mod keyspace;
mod lanes;
mod lasting;
mod list;
mod listen;
mod look;
mod message;
mod mget;
mod node;
#[cfg(feature = "inspect")]
mod overhear;
mod owner;
mod probe;
#[cfg(feature = "cluster")]
mod redirect;
mod request;
mod scatter;
#[cfg(any(feature = "cluster", feature = "sentinel"))]
mod scout;
mod script;
#[cfg(feature = "sentinel")]
mod sentinel;
mod server;
mod several;
#[cfg(feature = "inspect")]
mod survey;
mod together;
mod told;
mod topology;
mod trip;
mod void;

pub(crate) use address::{Address, Certificates, redacted};
pub(crate) use answers::Answers;
pub(crate) use failure::{Cause, Failure};
pub(crate) use fill::Fill;
pub(crate) use keyspace::Names;
pub(crate) use node::Node;
#[cfg(feature = "inspect")]
pub(crate) use overhear::{Ear, Said};
pub(crate) use server::Server;
#[cfg(feature = "inspect")]
pub(crate) use survey::{Taken, Told};
pub(crate) use void::Voided;
