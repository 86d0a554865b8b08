//! A cached call from end to end: hit, join, or load and store.

mod looked;
mod watched;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use smallvec::SmallVec;

use looked::from_redis;
pub(crate) use looked::{Looked, Seen, Stored};
use watched::Watched;

use crate::ask::Ask;
use crate::budget::Budget;
use crate::clock;
use crate::context::{self, Context, Mode};
use crate::core::{Remote, Store};
use crate::facts::Facts;
use crate::fill::{LookAgain, shared};
use crate::flight::{Flight, FlightKey, Lead, Turn};
use crate::local::LocalStore;
use crate::metrics::{self, Timer};
use crate::mutant::Mutant;
use crate::observation::{Observation, Source};
use crate::outcome::Load;
use crate::read::{Found, Observed, Question, Sight};
use crate::span;
use crate::stats::{add, first_time};

fn seen(source: Source) -> Observation {
    Observation { source, ..Observation::default() }
}

/// How often a caller looks at most, because a load that he joined named tags which he had not looked at.
const LOOKS: usize = 3;

const FAILED_OPEN: Observation =
    Observation { source: Source::Bypassed, age: None, fail_open: true, negative: false, bytes: None };

impl Ask<'_> {
    /// Answers the call. Never fails for the cache's sake.
    pub(crate) async fn answer<L, F>(&self, mode: Mode, looked: Looked, body: Pin<&mut F>) -> (L::Return, Observation)
    where
        L: Load,
        F: Future<Output = L::Return>,
    {
        metrics::attend(self.core);
        if mode == Mode::Bypass {
            add(&self.counters().bypassed);
            return (self.uncached::<L, F>(body).await, seen(Source::Bypassed));
        }
        if self.steer.off {
            let returned = self.uncached::<L, F>(body).await;
            match mode {
                // Owed, if it could not be delivered.
                Mode::Refresh => _ = self.forget().await,
                _ => add(&self.counters().bypassed),
            }
            return (returned, seen(Source::Bypassed));
        }
        if let Some(problem) = self.key.unfit() {
            add(&self.counters().unkeyed);
            if first_time(&self.counters().warned.unkeyed) {
                tracing::warn!(function = self.name, problem = %problem, "a key cannot be rendered; such calls run uncached");
            }
            return (self.uncached::<L, F>(body).await, seen(Source::Bypassed));
        }
        let facts = self.facts::<L>();
        match &self.core.store {
            Store::Local(store) => self.answer_in_process::<L, F>(store, facts, mode, looked, body).await,
            Store::Redis(remote) => self.answer_over_redis::<L, F>(remote, facts, mode, looked, body).await,
            Store::Off => (self.open::<L, F>(body).await, FAILED_OPEN),
        }
    }

    /// Runs the function because the cache is in trouble.
    pub(crate) async fn open<L: Load, F: Future<Output = L::Return>>(&self, body: Pin<&mut F>) -> L::Return {
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
            context.leading.extend(flight.clone());
        };
        let watched = std::pin::pin!(Watched { body, flight: flight.as_deref() });
        let returned = match flight.is_some() || context::is_observed() {
            true => context::within(inside, watched).await,
            false => context::unchanged(watched).await,
        };
        let outcome = L::open(returned);
        let took = started.elapsed();
        self.counters().loaded(took);
        metrics::loaded(self.counters, took);
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
        looked: Looked,
        body: Pin<&mut F>,
    ) -> (L::Return, Observation)
    where
        L: Load,
        F: Future<Output = L::Return>,
    {
        let mut named = Vec::new();
        for look in 0..LOOKS {
            if mode == Mode::Normal {
                if (look > 0 || !looked.in_process)
                    && let Some((value, seen)) = self.held::<L>(store, facts)
                {
                    return (L::close(Ok(value)), seen);
                }
                add(&self.counters().misses);
            }
            let mut observation = store.observe(self.key);
            if self.found.is_some() {
                let hint = store.hint(self.key);
                named.retain(|tag| !hint.contains(tag));
                store.observe_found(&mut observation, hint);
                store.observe_found(&mut observation, std::mem::take(&mut named));
            }
            if mode == Mode::Refresh {
                let outcome = self.run::<L, F>(None, body).await;
                if let Ok(value) = &outcome {
                    self.store_in_process::<L>(store, facts, value, observation);
                }
                return (L::close(outcome), seen(Source::Loaded));
            }
            match self.turn::<L>(observation.bytes().collect()).await {
                Joined::Answer(outcome) => return (L::close(outcome), seen(Source::Joined)),
                Joined::Again(tags) => named = tags,
                Joined::Alone => break,
                Joined::Lead(lead) => {
                    // A flight may have landed between the look and the turn.
                    if let Some(entry) = store.get(self.key, facts.shape)
                        && let Some(value) = entry.value.downcast_ref::<L::Value>()
                    {
                        lead.ready(Arc::clone(&entry.value)).close(&self.core.flights);
                        add(&self.counters().joins);
                        return (L::close(Ok(value.clone())), seen(Source::Joined));
                    }
                    let outcome = self.run::<L, F>(Some(lead.flight()), body).await;
                    match &outcome {
                        Ok(value) => {
                            let shared = self.store_in_process::<L>(store, facts, value, observation);
                            lead.ready(shared).close(&self.core.flights);
                        }
                        Err(error) => _ = lead.failed(L::share(error)),
                    }
                    return (L::close(outcome), seen(Source::Loaded));
                }
            }
        }
        (self.uncached::<L, F>(body).await, seen(Source::Bypassed))
    }

    async fn answer_over_redis<L, F>(
        &self,
        remote: &Remote,
        facts: &'static Facts,
        mode: Mode,
        looked: Looked,
        body: Pin<&mut F>,
    ) -> (L::Return, Observation)
    where
        L: Load,
        F: Future<Output = L::Return>,
    {
        if facts.is_unfit() {
            add(&self.counters().unfit);
            return (self.uncached::<L, F>(body).await, seen(Source::Bypassed));
        }
        if mode == Mode::Normal
            && !looked.in_process
            && let Some((value, seen)) = self.kept::<L>(remote, facts)
        {
            return (L::close(Ok(value)), seen);
        }
        let question = self.question(remote, facts);
        let mut budget = self.core.budget();
        let (mut first_look, mut named) = (looked.missed, Vec::new());
        for _ in 0..LOOKS {
            let missed = match first_look.take() {
                Some((look, left)) => {
                    budget = left;
                    look
                }
                None if mode == Mode::Refresh => None,
                None => match self.see::<L>(&question, facts, &mut budget).await {
                    Seen::Value(value, stored) => return (L::close(Ok(value)), from_redis(stored)),
                    Seen::Missed(look) => look,
                    Seen::Trouble => return (self.open::<L, F>(body).await, FAILED_OPEN),
                },
            };
            let timer = Timer::start();
            let mut found = question.ask(&mut budget, missed, &named).await;
            timer.ensure(self.counters);
            if let Found::Hit(hit) = &found {
                if let Some((value, stored)) = self.take::<L>(remote, facts, hit) {
                    return (L::close(Ok(value)), from_redis(stored));
                }
                found = question.ask(&mut budget, None, &named).await;
            }
            let Found::Miss(observed) = found else {
                return (self.open::<L, F>(body).await, FAILED_OPEN);
            };
            if mode == Mode::Refresh {
                let outcome = self.run::<L, F>(None, body).await;
                if let Ok(value) = &outcome {
                    self.store::<L>(remote, facts, value, self.found_tags(), observed, None);
                } else {
                    self.give_back(observed);
                }
                return (L::close(outcome), seen(Source::Loaded));
            }
            match self.turn::<L>(self.observed_bytes(&observed)).await {
                Joined::Answer(outcome) => return (L::close(outcome), seen(Source::Joined)),
                Joined::Again(tags) => named = tags,
                Joined::Alone => break,
                Joined::Lead(lead) => {
                    if observed.theirs
                        && let Some(hit) = Box::pin(question.wait_for_fill(&mut budget, &observed)).await
                        && let Some((value, stored)) = self.take::<L>(remote, facts, &hit)
                    {
                        lead.ready(Arc::new(value.clone())).close(&self.core.flights);
                        return (L::close(Ok(value)), from_redis(stored));
                    }
                    let outcome = self.run::<L, F>(Some(lead.flight()), body).await;
                    match &outcome {
                        Ok(value) => {
                            // Boxed: no call is to have room for it.
                            let observed = if self.core.breaks(Mutant::StampsAfterLoad) {
                                Box::pin(self.observe_again(&question, observed)).await
                            } else {
                                observed
                            };
                            let tags = self.found_tags();
                            let landed = lead.ready(shared(value, tags.as_deref(), &observed.found));
                            self.store::<L>(remote, facts, value, tags, observed, Some(landed));
                        }
                        Err(error) => {
                            if lead.failed(L::share(error)) {
                                self.give_back(observed);
                            }
                        }
                    }
                    return (L::close(outcome), seen(Source::Loaded));
                }
            }
        }
        (self.uncached::<L, F>(body).await, seen(Source::Bypassed))
    }

    /// READ, for a hit.
    pub(crate) async fn see<L: Load>(
        &self,
        question: &Question<'_>,
        facts: &Facts,
        budget: &mut Budget,
    ) -> Seen<L::Value> {
        metrics::attend(self.core);
        let timer = Timer::start();
        let sight = question.see(budget).await;
        timer.read(self.counters);
        match sight {
            Sight::Hit(hit) => match self.take::<L>(question.remote, facts, &hit) {
                Some((value, stored)) => Seen::Value(value, stored),
                None => Seen::Missed(None),
            },
            Sight::Miss(look) => Seen::Missed(Some(look)),
            Sight::Trouble => Seen::Trouble,
        }
    }

    async fn turn<L: Load>(&self, observed: SmallVec<[u8; 64]>) -> Joined<'_, L::Value, L::Error> {
        let key = FlightKey {
            key: SmallVec::from_slice(self.key.as_str().as_bytes()),
            observed,
            value: std::any::TypeId::of::<L::Value>(),
        };
        let chain = context::current().map(|context| context.leading.clone()).unwrap_or_default();
        match self.core.flights.turn(key, chain).await {
            Turn::Lead(lead) => Joined::Lead(lead),
            Turn::Recursion => Joined::Alone,
            Turn::Ready(shared) => match (shared.downcast_ref::<L::Value>(), shared.downcast_ref::<LookAgain>()) {
                (Some(value), _) => {
                    add(&self.counters().joins);
                    Joined::Answer(Ok(value.clone()))
                }
                (None, Some(LookAgain(tags))) => Joined::Again(tags.clone()),
                (None, None) => Joined::Alone,
            },
            Turn::Failed(shared) => match L::unshare(&shared) {
                Some(error) => {
                    add(&self.counters().joins);
                    Joined::Answer(Err(error))
                }
                // Another function on the same key, with another error type.
                None => Joined::Alone,
            },
            Turn::Panicked => {
                let key = span::shown(self.key, &self.core.config);
                panic!("the load of `{}` for key {key} panicked twice; this call had joined it", self.name)
            }
        }
    }

    fn observed_bytes(&self, observed: &Observed) -> SmallVec<[u8; 64]> {
        if self.core.breaks(Mutant::NaiveJoin) {
            return SmallVec::new();
        }
        if self.core.breaks(Mutant::FlightWithoutHistory) {
            return Observed { history: [0; 4], ..observed.clone() }.bytes();
        }
        observed.bytes()
    }

    /// What the mutant does that observes after the load.
    async fn observe_again(&self, question: &Question<'_>, observed: Observed) -> Observed {
        match question.ask(&mut self.core.budget(), None, &[]).await {
            Found::Miss(late) => late,
            _ => observed,
        }
    }
}

/// A caller's turn, with the shared answer back in its type.
enum Joined<'a, V, E> {
    Answer(Result<V, E>),
    Lead(Lead<'a>),
    /// Look at these tags as well, and take a turn under what they hold.
    Again(Vec<String>),
    /// Run the function, share nothing.
    Alone,
}
