//! The span of a cached call: how it was answered, for whoever follows single requests.
//!
//! Keys may carry what nobody should read in a log. A key is shown as a hash under a secret of this process, unless
//! `trace_keys` was asked for.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::LazyLock;

use sha2::{Digest, Sha256};
use tracing::field::{self, Empty};
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::{Instrument as _, Level, Span};

use crate::ask::{Ask, Counted};
use crate::config::Config;
use crate::context::Mode;
use crate::load::Looked;
use crate::observation::{Observation, Source};
use crate::outcome::Load;
use crate::{Key, entry};

/// Whether anybody listens at the level of spans; one look at a number.
#[inline]
pub(crate) fn are_heard() -> bool {
    Level::DEBUG <= STATIC_MAX_LEVEL && Level::DEBUG <= LevelFilter::current()
}

/// The span of a call, if somebody wants it: nobody is asked while nobody listens at this level, and there is nothing left of
/// this where the program was built without it.
#[inline]
pub(crate) fn of(counted: Counted<'_>) -> Option<Span> {
    if are_heard() { wanted(counted) } else { None }
}

#[cold]
fn wanted(counted: Counted<'_>) -> Option<Span> {
    let (function, template) = counted.labels();
    let span = tracing::debug_span!(
        target: "cache_runtime",
        "cached",
        function = &*function,
        template,
        key = Empty,
        outcome = Empty,
        tier = Empty,
        age_ms = Empty,
        bytes = Empty,
    );
    (!span.is_disabled()).then_some(span)
}

impl Ask<'_> {
    /// [`answer`](Self::answer), counted and told.
    pub(crate) async fn told<L, F>(
        &self,
        mode: Mode,
        looked: Looked,
        span: Span,
        body: Pin<&mut F>,
    ) -> (L::Return, Observation)
    where
        L: Load,
        F: Future<Output = L::Return>,
    {
        if !span.is_disabled() {
            span.record("key", field::display(shown(self.key, &self.core.config)));
        }
        // Pinned where it is: it is large, and would be moved into what enters the span.
        let answer = pin!(self.answer::<L, F>(mode, looked, body));
        let (returned, observation) = answer.instrument(span.clone()).await;
        self.answered(&observation);
        tell(&span, &observation);
        (returned, observation)
    }
}

fn tell(span: &Span, observation: &Observation) {
    if span.is_disabled() {
        return;
    }
    span.record("outcome", observation.outcome());
    if let Source::Local | Source::Redis = observation.source {
        span.record("tier", observation.source.as_str());
    }
    if let Some(age) = observation.age {
        span.record("age_ms", u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    }
    if let Some(bytes) = observation.bytes {
        span.record("bytes", bytes);
    }
}

/// A key, as it may be shown.
pub(crate) fn shown<'a>(key: &'a Key, config: &Config) -> Shown<'a> {
    Shown { key, in_clear: config.trace_keys }
}

pub(crate) struct Shown<'a> {
    key: &'a Key,
    in_clear: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Without it, whoever reads a log could try out what the key might be.
        static SECRET: LazyLock<[u8; 16]> = LazyLock::new(|| {
            let mut secret = [0; 16];
            secret[..8].copy_from_slice(&entry::random8());
            secret[8..].copy_from_slice(&entry::random8());
            secret
        });
        if self.in_clear {
            return f.write_str(self.key.as_str());
        }
        let digest = Sha256::new().chain_update(*SECRET).chain_update(self.key.as_str()).finalize();
        digest[..8].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
