//! What the library tells those who run the service.

use std::fmt::{Debug, Write};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, span};

/// Collects warnings from here on.
pub(crate) struct Warnings {
    told: Told,
    _while_it_lives: Option<DefaultGuard>,
}

/// As long as there is only one subscriber in the program, a warning that another thread gives first is asked about on
/// that thread, where nobody subscribes, and is off from then on for all. So there are two.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

type Told = Arc<Mutex<Vec<String>>>;

impl Warnings {
    /// Those of this thread: for tests whose runtime has no other.
    pub(crate) fn collect() -> Self {
        LazyLock::force(&SECOND);
        let told = Told::default();
        let guard = tracing::subscriber::set_default(Collector(Arc::clone(&told)));
        Self { told, _while_it_lives: Some(guard) }
    }

    /// Those of all threads, for what the library's own threads say; in a program with no test that collects its own.
    pub(crate) fn of_all_threads() -> Self {
        static TOLD: LazyLock<Told> = LazyLock::new(|| {
            let told = Told::default();
            tracing::subscriber::set_global_default(Collector(Arc::clone(&told))).expect("there is no other");
            told
        });
        Self { told: Arc::clone(&TOLD), _while_it_lives: None }
    }

    /// Those that name it.
    pub(crate) fn naming(&self, what: &str) -> Vec<String> {
        self.so_far().into_iter().filter(|line| line.contains(what)).collect()
    }

    /// Each with its fields, in one line.
    pub(crate) fn so_far(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Collector(Told);

impl Subscriber for Collector {
    /// Nobody wants spans: with them, calls take the long way.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

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
