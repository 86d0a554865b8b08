//! A cached call from end to end: hit, join, or load and store.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use smallvec::SmallVec;

use crate::budget::Budget;
use crate::codec::CodecChoice;
use crate::context::{self, Context, Mode};
use crate::core::{Core, Remote, Store};
use crate::entry::{self, Header};
use crate::facts::{self, Facts};
use crate::flight::{Flight, FlightKey, Landed, Lead, Shared, Turn};
use crate::local::{Fresh, LocalStore};
use crate::observe::{Observation, Source};
use crate::outcome::Load;
use crate::read::{self, Found, Hit, Observed, Question};
use crate::stats::{Counters, add, first_time};
use crate::{Error, ErrorKind, Key, canonical, clock};

/// How long a flight stays joinable after its fill was answered: the answer to a caller's READ from before the
/// fill may still be on its way to him.
const LINGER: Duration = Duration::from_millis(5);

/// How long values live.
#[derive(Clone, Copy)]
pub(crate) struct Lifetime {
    pub(crate) ttl: Duration,
    /// For `None`, which is not stored without it.
    pub(crate) negative: Option<Duration>,
}

/// One call of a cached function, apart from its types.
pub(crate) struct Ask<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) key: &'a Key,
    pub(crate) lifetime: Lifetime,
    pub(crate) counters: Counted<'a>,
    /// For warnings: the function, or the method of the cache.
    pub(crate) name: &'static str,
}

/// Whose counters count a call: they must outlive the fill in the background.
#[derive(Clone, Copy)]
pub(crate) enum Counted<'a> {
    Site(&'static Counters),
    Direct(&'a Arc<Core>),
}

impl Counted<'_> {
    pub(crate) fn get(&self) -> &Counters {
        match self {
            Self::Site(counters) => counters,
            Self::Direct(core) => &core.direct,
        }
    }

    fn owned(&self) -> CountedOwned {
        match self {
            Self::Site(counters) => CountedOwned::Site(counters),
            Self::Direct(core) => CountedOwned::Direct(Arc::clone(core)),
        }
    }
}

enum CountedOwned {
    Site(&'static Counters),
    Direct(Arc<Core>),
}

impl CountedOwned {
    fn get(&self) -> &Counters {
        match self {
            Self::Site(counters) => counters,
            Self::Direct(core) => &core.direct,
        }
    }
}

fn seen(source: Source, age: Option<Duration>) -> Observation {
    Observation { source, age, fail_open: false }
}

const FAILED_OPEN: Observation = Observation { source: Source::Bypassed, age: None, fail_open: true };

impl Ask<'_> {
    fn counters(&self) -> &Counters {
        self.counters.get()
    }

    /// Answers the call. Never fails for the cache's sake.
    pub(crate) async fn answer<L, F>(&self, mode: Mode, body: Pin<&mut F>) -> (L::Return, Observation)
    where
        L: Load,
        F: Future<Output = L::Return>,
    {
        if mode == Mode::Bypass {
            add(&self.counters().bypassed);
            return (self.uncached::<L, F>(body).await, seen(Source::Bypassed, None));
        }
        if let Some(problem) = &self.key.unfit {
            add(&self.counters().unkeyed);
            if first_time(&self.counters().warned.unkeyed) {
                tracing::warn!(function = self.name, problem = %problem, "a key cannot be rendered; such calls run uncached");
            }
            return (self.uncached::<L, F>(body).await, seen(Source::Bypassed, None));
        }
        let facts = facts::facts::<L::Value>(L::Codec::name(self.core.config.codec), self.key.version);
        match &self.core.store {
            Store::Local(store) => self.answer_in_process::<L, F>(store, facts, mode, body).await,
            Store::Redis(remote) => self.answer_over_redis::<L, F>(remote, facts, mode, body).await,
            Store::Off => (self.open::<L, F>(body).await, FAILED_OPEN),
        }
    }

    /// Runs the function because the cache is in trouble.
    async fn open<L: Load, F: Future<Output = L::Return>>(&self, body: Pin<&mut F>) -> L::Return {
        add(&self.counters().fail_open);
        self.uncached::<L, F>(body).await
    }

    async fn uncached<L: Load, F: Future<Output = L::Return>>(&self, body: Pin<&mut F>) -> L::Return {
        L::close(self.run::<L, F>(None, body).await)
    }

    /// Runs the function as part of `flight`, out of sight of the observer of this call.
    async fn run<L: Load, F: Future<Output = L::Return>>(
        &self,
        flight: Option<Arc<Flight>>,
        body: Pin<&mut F>,
    ) -> Result<L::Value, L::Error> {
        let started = clock::now();
        let inside = |context: &mut Context| {
            context.observer = None;
            context.leading.extend(flight);
        };
        let outcome = L::open(context::within(inside, body).await);
        self.counters().loaded(started.elapsed());
        if outcome.is_err() {
            add(&self.counters().load_errors);
        }
        outcome
    }

    async fn answer_in_process<L, F>(
        &self,
        store: &LocalStore,
        facts: &Facts,
        mode: Mode,
        body: Pin<&mut F>,
    ) -> (L::Return, Observation)
    where
        L: Load,
        F: Future<Output = L::Return>,
    {
        if mode == Mode::Normal {
            if let Some(entry) = store.get(self.key, facts.shape)
                && let Some(value) = entry.value.downcast_ref::<L::Value>()
            {
                add(&self.counters().local_hits);
                if entry.negative {
                    add(&self.counters().negative_hits);
                }
                return (L::close(Ok(value.clone())), seen(Source::Local, Some(entry.stored_at.elapsed())));
            }
            add(&self.counters().misses);
        }
        let observation = store.observe(self.key);
        let keep = |value: &L::Value| {
            let negative = canonical::is_none(value);
            let ttl = self.lifetime(negative)?;
            let bytes = L::Codec::size(self.core.config.codec, value).unwrap_or(size_of::<L::Value>());
            if bytes > self.core.config.max_entry_bytes {
                self.too_large(bytes);
                return None;
            }
            let shared: Shared = Arc::new(value.clone());
            let stored = store.fill(
                self.key,
                observation.clone(),
                Fresh { value: Arc::clone(&shared), negative, shape: facts.shape, bytes: bytes as u64, ttl },
            );
            add(if stored { &self.counters().fills } else { &self.counters().fills_refused });
            Some(shared)
        };
        if mode == Mode::Refresh {
            let outcome = self.run::<L, F>(None, body).await;
            outcome.as_ref().ok().and_then(keep);
            return (L::close(outcome), seen(Source::Loaded, None));
        }
        match self.turn::<L>(observation.bytes().collect()).await {
            Joined::Answer(outcome) => (L::close(outcome), seen(Source::Joined, None)),
            Joined::Alone => (self.uncached::<L, F>(body).await, seen(Source::Bypassed, None)),
            Joined::Lead(lead) => {
                // A flight may have landed between the look and the turn.
                if let Some(entry) = store.get(self.key, facts.shape)
                    && let Some(value) = entry.value.downcast_ref::<L::Value>()
                {
                    lead.ready(Arc::clone(&entry.value)).close(&self.core.flights);
                    add(&self.counters().joins);
                    return (L::close(Ok(value.clone())), seen(Source::Joined, None));
                }
                let outcome = self.run::<L, F>(Some(lead.flight()), body).await;
                match &outcome {
                    Ok(value) => {
                        let shared = keep(value).unwrap_or_else(|| Arc::new(value.clone()));
                        lead.ready(shared).close(&self.core.flights);
                    }
                    Err(error) => _ = lead.failed(L::share(error)),
                }
                (L::close(outcome), seen(Source::Loaded, None))
            }
        }
    }

    async fn answer_over_redis<L, F>(
        &self,
        remote: &Remote,
        facts: &'static Facts,
        mode: Mode,
        body: Pin<&mut F>,
    ) -> (L::Return, Observation)
    where
        L: Load,
        F: Future<Output = L::Return>,
    {
        if facts.is_unfit() {
            add(&self.counters().unfit);
            return (self.uncached::<L, F>(body).await, seen(Source::Bypassed, None));
        }
        let question = self.question(remote, facts);
        let mut budget = self.core.budget();
        let mut found = question.ask(&mut budget, mode == Mode::Normal).await;
        if let Found::Hit(hit) = &found {
            if let Some(value) = self.decode::<L>(hit) {
                return (L::close(Ok(value)), seen(Source::Redis, Some(hit.age())));
            }
            found = question.ask(&mut budget, false).await;
        }
        let Found::Miss(observed) = found else {
            return (self.open::<L, F>(body).await, FAILED_OPEN);
        };
        if mode == Mode::Refresh {
            let outcome = self.run::<L, F>(None, body).await;
            if let Ok(value) = &outcome {
                self.store::<L>(facts, value, observed, None);
            } else {
                self.give_back(observed);
            }
            return (L::close(outcome), seen(Source::Loaded, None));
        }
        match self.turn::<L>(self.observed_bytes(&observed)).await {
            Joined::Answer(outcome) => (L::close(outcome), seen(Source::Joined, None)),
            Joined::Alone => (self.uncached::<L, F>(body).await, seen(Source::Bypassed, None)),
            Joined::Lead(lead) => {
                if observed.theirs
                    && let Some(hit) = question.wait_for_fill(&mut budget, &observed).await
                    && let Some(value) = self.decode::<L>(&hit)
                {
                    lead.ready(Arc::new(value.clone())).close(&self.core.flights);
                    return (L::close(Ok(value)), seen(Source::Redis, Some(hit.age())));
                }
                let outcome = self.run::<L, F>(Some(lead.flight()), body).await;
                match &outcome {
                    Ok(value) => {
                        let observed = self.observe_again_if_mutant(&question, observed).await;
                        let landed = lead.ready(Arc::new(value.clone()));
                        self.store::<L>(facts, value, observed, Some(landed));
                    }
                    Err(error) => {
                        if lead.failed(L::share(error)) {
                            self.give_back(observed);
                        }
                    }
                }
                (L::close(outcome), seen(Source::Loaded, None))
            }
        }
    }

    pub(crate) fn question<'q>(&'q self, remote: &'q Remote, facts: &Facts) -> Question<'q> {
        Question { core: self.core, remote, key: self.key, shape: Some(facts.shape), counters: self.counters() }
    }

    /// The decoded value of a hit. One that does not decode, though its shape fits, is a miss.
    pub(crate) fn decode<L: Load>(&self, hit: &Hit) -> Option<L::Value> {
        let counters = self.counters();
        match L::Codec::decode::<L::Value>(self.core.config.codec, hit.payload()) {
            Ok(value) => {
                add(&counters.redis_hits);
                if hit.negative {
                    add(&counters.negative_hits);
                }
                counters.bytes_read.fetch_add(hit.length() as u64, Relaxed);
                Some(value)
            }
            Err(_) => {
                add(&counters.undecodable);
                None
            }
        }
    }

    async fn turn<L: Load>(&self, observed: SmallVec<[u8; 64]>) -> Joined<'_, L::Value, L::Error> {
        let key = FlightKey {
            key: SmallVec::from_slice(self.key.as_str().as_bytes()),
            observed,
            value: std::any::TypeId::of::<L::Value>(),
        };
        match self.core.flights.turn(key).await {
            Turn::Lead(lead) => Joined::Lead(lead),
            Turn::Recursion => Joined::Alone,
            Turn::Ready(shared) => match shared.downcast_ref::<L::Value>() {
                Some(value) => {
                    add(&self.counters().joins);
                    Joined::Answer(Ok(value.clone()))
                }
                None => Joined::Alone,
            },
            Turn::Failed(shared) => match L::unshare(&shared) {
                Some(error) => {
                    add(&self.counters().joins);
                    Joined::Answer(Err(error))
                }
                // Another function on the same key, with another error type.
                None => Joined::Alone,
            },
            Turn::Panicked => panic!("the load of `{}` panicked twice; this call had joined it", self.key),
        }
    }

    /// The lifetime of a value, or `None` if it is not to be stored.
    fn lifetime(&self, negative: bool) -> Option<Duration> {
        let ttl = if negative { self.lifetime.negative? } else { self.lifetime.ttl };
        if ttl.is_zero() {
            if first_time(&self.counters().warned.zero_ttl) {
                tracing::warn!(function = self.name, "the ttl is zero; nothing is stored");
            }
            return None;
        }
        Some(ttl)
    }

    fn too_large(&self, bytes: usize) {
        add(&self.counters().too_large);
        if first_time(&self.counters().warned.too_large) {
            let limit = self.core.config.max_entry_bytes;
            tracing::warn!(
                function = self.name,
                bytes,
                limit,
                "a value is larger than `max_entry_bytes`; it is not stored"
            );
        }
    }

    /// Counts a value that the codec cannot bring back, and warns once of its type.
    fn unfit<L: Load>(&self, problem: &dyn std::fmt::Display) -> Error {
        add(&self.counters().unfit);
        let value = std::any::type_name::<L::Value>();
        if first_time(&self.counters().warned.unfit) {
            tracing::warn!(
                function = self.name,
                value,
                problem = %problem,
                help = "codec = cache_runtime::codec::Json",
                "values of this type do not survive the codec; they are returned and not stored"
            );
        }
        Error::new(
            ErrorKind::Codec,
            format!(
                "`{value}` does not survive the codec: {problem}; `codec = cache_runtime::codec::Json` takes any type"
            ),
        )
    }

    /// The envelope of a value, or why it cannot be stored.
    pub(crate) fn envelope<L: Load>(
        &self,
        facts: &Facts,
        value: &L::Value,
        negative: bool,
        ttl: Duration,
        observed: &Observed,
    ) -> Result<Vec<u8>, Error> {
        let header = Header {
            history: observed.history,
            shape: facts.shape,
            tagset: self.key.tagset(),
            negative,
            created_ms: clock::unix_millis(),
            ttl_ms: clock::millis(ttl),
            stamps: observed.stamps.clone(),
        };
        let mut envelope = Vec::with_capacity(256);
        header.begin(&mut envelope);
        let codec = self.core.config.codec;
        L::Codec::encode(codec, value, &mut envelope).map_err(|error| self.unfit::<L>(&error))?;
        let limit = self.core.config.max_entry_bytes;
        if envelope.len() > limit {
            self.too_large(envelope.len());
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!("the value takes {} bytes; `max_entry_bytes` is {limit}", envelope.len()),
            ));
        }
        if facts.check_is_due() {
            L::Codec::survives(codec, value, &envelope[header.length()..]).map_err(|problem| {
                facts.found_unfit();
                self.unfit::<L>(&problem)
            })?;
        }
        entry::seal(&mut envelope);
        Ok(envelope)
    }

    /// Stores a loaded value in the background; the flight lands when the server has answered.
    fn store<L: Load>(&self, facts: &Facts, value: &L::Value, observed: Observed, landed: Option<Landed>) {
        let negative = canonical::is_none(value);
        let envelope = self.lifetime(negative).and_then(|ttl| {
            let envelope = self.envelope::<L>(facts, value, negative, ttl, &observed).ok()?;
            Some((envelope, ttl))
        });
        let Some((envelope, ttl)) = envelope else {
            if let Some(landed) = landed {
                landed.close(&self.core.flights);
            }
            self.give_back(observed);
            return;
        };
        let (core, key, counters) = (Arc::clone(self.core), self.key.clone(), self.counters.owned());
        let landing = Landing { core: Arc::clone(self.core), landed };
        self.core.in_background(async move {
            let Store::Redis(remote) = &core.store else { return };
            let mut budget = core.budget();
            match fill(&core, remote, &mut budget, &key, &observed, &envelope, ttl).await {
                Ok(true) => {
                    add(&counters.get().fills);
                    counters.get().bytes_written.fetch_add(envelope.len() as u64, Relaxed);
                }
                Ok(false) => add(&counters.get().fills_refused),
                Err(failure) => {
                    add(&counters.get().fills_failed);
                    read::count(counters.get(), &failure);
                }
            }
            core.minted.forget(&observed.expected);
            if landing.landed.is_some() {
                tokio::time::sleep(LINGER).await;
            }
        });
    }

    /// Takes the token back of a load that ends without a value.
    fn give_back(&self, observed: Observed) {
        if !self.core.minted.forget(&observed.expected) {
            return;
        }
        let (core, key) = (Arc::clone(self.core), self.key.clone());
        self.core.in_background(async move {
            let Store::Redis(remote) = &core.store else { return };
            // Should this fail, others wait for the token a few times, and it expires.
            let _ = remote.server.release(&mut core.budget(), &key, &observed.expected).await;
        });
    }

    fn observed_bytes(&self, observed: &Observed) -> SmallVec<[u8; 64]> {
        #[cfg(feature = "mutants")]
        if self.core.breaks(crate::mutant::Mutant::NaiveJoin) {
            return SmallVec::new();
        }
        observed.bytes()
    }

    #[cfg(not(feature = "mutants"))]
    async fn observe_again_if_mutant(&self, _: &Question<'_>, observed: Observed) -> Observed {
        observed
    }

    #[cfg(feature = "mutants")]
    async fn observe_again_if_mutant(&self, question: &Question<'_>, observed: Observed) -> Observed {
        if self.core.breaks(crate::mutant::Mutant::StampsAfterLoad)
            && let Found::Miss(late) = question.ask(&mut self.core.budget(), false).await
        {
            return late;
        }
        observed
    }
}

/// A flight whose fill is on its way. Closed on drop: the runtime that carries the fill may be shut down.
struct Landing {
    core: Arc<Core>,
    landed: Option<Landed>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        if let Some(landed) = self.landed.take() {
            landed.close(&self.core.flights);
        }
    }
}

/// FILL, in the form that the checker asks for.
pub(crate) async fn fill(
    core: &Core,
    remote: &Remote,
    budget: &mut Budget,
    key: &Key,
    observed: &Observed,
    envelope: &[u8],
    ttl: Duration,
) -> Result<bool, crate::redis::Failure> {
    remote.server.entries_live(ttl);
    #[cfg(feature = "mutants")]
    if core.breaks(crate::mutant::Mutant::PlainSet) {
        return remote.server.overwrite(budget, key, envelope, ttl).await;
    }
    #[cfg(not(feature = "mutants"))]
    let _ = core;
    remote.server.fill(budget, key, &observed.expected, envelope, ttl).await
}

/// A caller's turn, with the shared answer back in its type.
enum Joined<'a, V, E> {
    Answer(Result<V, E>),
    Lead(Lead<'a>),
    /// Run the function, share nothing.
    Alone,
}
