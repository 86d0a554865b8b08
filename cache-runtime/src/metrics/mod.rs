//! What is measured, for any recorder of the [`metrics`](https://docs.rs/metrics) facade.
//!
//! ```text
//! publish    counters and gauges, from what is counted anyway
//! record     histograms, where something is timed
//! table      the name, unit, labels and meaning of each
//! ```
//! Nothing here is done for a hit in process, and nothing at all until there is a recorder.

mod publish;
mod record;
mod table;

pub(crate) use publish::{Publisher, attend, publish};
pub(crate) use record::{Series, Timer, hit, is_recorded, loaded, stored};
pub use table::{Kind, METRICS, Metric, Unit};
