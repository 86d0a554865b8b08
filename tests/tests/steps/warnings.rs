//! What the library tells those who run the service.

use std::fmt::{Debug, Write};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, span};

/// Collects warnings from here on, of this thread: for tests whose runtime has no other.
pub(crate) struct Warnings {
    told: Told,
    _while_it_lives: DefaultGuard,
}

/// As long as there is only one subscriber in the program, a warning that another thread gives first is asked about on
/// that thread, where nobody subscribes, and is off from then on for all. So there are two.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

type Told = Arc<Mutex<Vec<String>>>;

impl Warnings {
    pub(crate) fn collect() -> Self {
        LazyLock::force(&SECOND);
        let told = Told::default();
        let guard = tracing::subscriber::set_default(Collector(Arc::clone(&told)));
        Self { told, _while_it_lives: guard }
    }

    /// Each with its fields, in one line.
    pub(crate) fn so_far(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Collector(Told);

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with("cache_runtime")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}
