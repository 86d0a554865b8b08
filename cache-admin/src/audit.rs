//! Every change and who made it: an event in the log, and one for whoever wants to keep it.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::access::Caller;

/// A change that was made, or tried, through the admin routes.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AuditEvent {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who asked for it.
    pub who: Caller,
    /// What was asked for: `purge tag users`, `steer get_user: enabled = false`.
    pub what: String,
    /// How many entries or tags were concerned; `None` where it failed, or where there is nothing to count.
    pub count: Option<u64>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// `night shift (10.1.2.3): purge pattern user:*: 812`
impl fmt::Display for AuditEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.who, self.what)?;
        match (&self.error, self.count) {
            (Some(error), _) => write!(f, ": failed: {error}"),
            (None, Some(count)) => write!(f, ": {count}"),
            (None, None) => Ok(()),
        }
    }
}

/// What is called with each event.
pub(crate) type Listener = Arc<dyn Fn(&AuditEvent) + Send + Sync>;

/// Logs it, at `info` or, where it failed, at `warn`.
pub(crate) fn log(event: &AuditEvent) {
    let AuditEvent { who, what, count, error, .. } = event;
    match error {
        None => tracing::info!(target: "cache_admin::audit", %who, what, count, "changed"),
        Some(error) => tracing::warn!(target: "cache_admin::audit", %who, what, error, "a change failed"),
    }
}
