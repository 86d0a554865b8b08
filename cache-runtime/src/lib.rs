#![doc = include_str!("../README.md")]
//!
//! # For readers of the source
//!
//! Modules depend downward only:
//!
//! ```text
//! maintain: warm                         what is done from time to time: many calls at a time
//! graph/   inspect/                      what is declared, and what invalidates it | what is stored, for people
//! call   cache   builder   direct        what macros call | the handle | construction | by key
//!       load   fill   ask   invalidate   a call from end to end | storing | what is asked | the write side
//!         read   core   policy/         the read side, over bytes | what a handle points to | what operators say
//!   flight   local/   redis/   recovery  one load per key | in-process | the server | owed invalidations
//!   entry    codec/   facts    breaker   envelope | payloads | value types | health
//!   compression/                         payloads made smaller
//!   shape    canonical  negative minted  what a type looks like | equal values | is it a `None` | own tokens
//!   seeded                               the hash of tables of what is under way
//!   metrics/  span                       what is told of calls, in numbers | one by one
//!   key/  site  found  outcome  context  observation  stats  config  budget  clock  glob  error  sync
//!   named  mistake  suggest                which function is meant | what is mistyped, and what was meant
//! ```

#[cfg(any(doc, doctest))]
#[doc = include_str!("../guide.md")]
pub mod guide {}

mod ask;
mod breaker;
mod budget;
mod builder;
mod cache;
mod call;
mod canonical;
mod clock;
pub mod codec;
mod compression;
mod config;
mod context;
mod core;
mod direct;
mod entry;
mod error;
mod facts;
mod fill;
mod flight;
mod found;
mod glob;
pub mod graph;
#[cfg(feature = "inspect")]
pub mod inspect;
mod invalidate;
mod key;
mod linger;
mod load;
mod local;
mod maintain;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "metrics/off.rs"]
mod metrics;
mod minted;
mod missed;
mod mistake;
#[cfg(not(feature = "mutants"))]
mod mutant;
#[cfg(feature = "mutants")]
#[doc(hidden)]
pub mod mutant;
mod named;
mod negative;
mod observation;
mod observe;
mod operation;
mod outcome;
pub mod policy;
mod read;
mod recovery;
mod redis;
#[cfg(all(test, shuttle))]
mod schedules;
mod seeded;
mod shape;
mod site;
mod span;
mod stats;
/// The closest of a few words: what the macros suggest by, too.
mod suggest {
    cache_macros::__suggest!();
}
mod sync;
mod tally;
mod warm;

pub use cache_macros::{KeyPart, cached, invalidates};

pub use builder::CacheBuilder;
pub use cache::Cache;
pub use codec::CacheCodec;
pub use compression::Compression;
pub use error::{Error, ErrorKind};
pub use graph::graph;
pub use key::{Key, KeyPart, KeyWriter};
pub use maintain::{Job, Maintained, Maintenance};
pub use observation::{Observation, Source};
pub use observe::{bypass, observe, refresh};
pub use operation::Operation;
pub use outcome::Cacheable;
pub use recovery::Swept;
pub use stats::{Counts, FunctionStats, Health, LoadTime, LocalHealth, Stats, Tier};
pub use warm::{Warm, Warmed};

/// What the macros' expansions name. Not for people; no promises.
#[doc(hidden)]
pub mod __private {
    pub use linkme;

    pub use crate::call::Call;
    pub use crate::compression::{pack, unpack};
    #[cfg(feature = "mutants")]
    pub use crate::entry::payload_of;
    pub use crate::found::FoundTags;
    pub use crate::invalidate::Pending;
    pub use crate::key::{HashPart, Parts, Rendered};
    pub use crate::missed::Missed;
    pub use crate::outcome::{
        Load, LoadFallible, LoadPlain, NotCopied, Peeked, Refusable, Returned, ReturnedNested, ReturnedOther,
        ReturnedPlain, ReturnedResult, ReturnedSome, Returns, StoredAs,
    };
    pub use crate::site::{
        Companion, Declaration, Fence, INVALIDATION_SITES, InvalidationDeclaration, InvalidationSite, Local, SITES,
        Segment, Site, Template, Ttl,
    };
}
