//! The rules that are in force in one cache, and what of them is about a call.
//!
//! Invariants:
//! 1. A function whose bit is not set in `diverted` may be answered by what is kept in process without a look at its rules:
//!    none of them is about whether it is kept there at all.
//! 2. What is kept in process under a rule about lifetimes is dropped when that changes, before the change returns; what was
//!    asked for under the old one is not kept behind it, since it was asked in another version.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use super::rule::{Local, Rule, Ttl};
use super::rules::{self, Rules};
use super::{FunctionPolicy, Policy, PrefixPolicy};
use crate::Key;
use crate::ask::Lifetime;
use crate::local::LocalStore;
use crate::site::{SITES, Site};

/// What the operator says about one call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steer {
    /// Neither read nor stored.
    pub(crate) off: bool,
    /// Whether entries that were given longer than they are given now count only as long as that.
    pub(crate) limits: bool,
    ttl: Option<Ttl>,
    local: Option<Local>,
    /// Of the rules that say so.
    version: u64,
}

impl Steer {
    /// The lifetimes, of those that are declared.
    pub(crate) fn lifetime(&self, declared: Lifetime) -> Lifetime {
        match self.ttl {
            None => declared,
            Some(Ttl::Fixed(ttl)) => Lifetime { ttl, negative: declared.negative.map(|negative| negative.min(ttl)) },
            Some(Ttl::Scaled(factor)) => {
                let scaled = |ttl: Duration| scaled(ttl, factor);
                Lifetime { ttl: scaled(declared.ttl), negative: declared.negative.map(scaled) }
            }
        }
    }

    /// The lifetime in process over Redis; `None`: not kept there.
    pub(crate) fn local(&self, declared: Option<Duration>) -> Option<Duration> {
        match self.local {
            None => declared,
            Some(Local::Off) => None,
            Some(Local::For(ttl)) => Some(ttl),
        }
    }
}

/// At least a nanosecond, if it was something before: zero means that nothing is stored.
fn scaled(ttl: Duration, factor: f64) -> Duration {
    let scaled = Duration::try_from_secs_f64(ttl.as_secs_f64() * factor).unwrap_or(Duration::MAX);
    if ttl.is_zero() { ttl } else { scaled.max(Duration::from_nanos(1)) }
}

/// The rules of one cache.
#[derive(Default)]
pub(crate) struct Steering {
    /// A bit for each function, by its address; those that share one go the long way together.
    diverted: AtomicU64,
    /// Whether anything is said at all.
    ruled: AtomicBool,
    version: AtomicU64,
    /// By `CACHE_DISABLED`: above all rules, and for good.
    pub(crate) switched_off: bool,
    force: RwLock<Force>,
    /// The path of the file, if there is one.
    pub(crate) file: Option<String>,
    /// What is wrong with the file as it is now.
    problem: Mutex<Option<String>>,
}

#[derive(Default)]
struct Force {
    /// By hand, of functions only; above the file.
    hand: Rules,
    file: Rules,
    /// What had another ttl before and has none now: as declared, and no longer, since there are entries with more. Below the
    /// others.
    earlier: Rules,
}

impl Force {
    fn of(&self, function: &str, key: &str) -> Rule {
        self.hand.of_function(function).over(self.file.of_function(function)).over(self.of_key(key, function))
    }

    fn of_key(&self, key: &str, function: &str) -> Rule {
        let earlier = self.earlier.of_function(function).over(self.earlier.of_key(key));
        self.file.of_key(key).over(earlier)
    }
}

impl Steering {
    pub(crate) fn new(switched_off: bool) -> Self {
        let steering = Self { switched_off, ..Self::default() };
        steering.publish(&Force::default());
        steering
    }

    /// Whether calls of this function have to look at the rules before they look at what is kept in process: one load,
    /// where nothing is said.
    #[inline]
    pub(crate) fn diverts(&self, site: &'static Site) -> bool {
        let diverted = self.diverted.load(Relaxed);
        diverted != 0 && diverted & bit(site) != 0
    }

    /// Whether nothing has changed since these rules were read.
    pub(crate) fn is_still(&self, steer: &Steer) -> bool {
        self.version.load(SeqCst) == steer.version
    }

    /// What is said about a call of a function.
    pub(crate) fn of_call(&self, site: &Site, key: &Key) -> Steer {
        self.steer(key, |force| force.of(site.declaration.function, key.as_str()))
    }

    /// What is said about a key that is used by itself: prefixes only.
    pub(crate) fn of_key(&self, key: &Key) -> Steer {
        self.steer(key, |force| force.of_key(key.as_str(), ""))
    }

    fn steer(&self, key: &Key, said: impl FnOnce(&Force) -> Rule) -> Steer {
        // First: what is said later than this is of a later version.
        let version = self.version.load(SeqCst);
        if !self.ruled.load(Relaxed) {
            return Steer { version, ..Steer::default() };
        }
        let force = self.force.read().unwrap_or_else(PoisonError::into_inner);
        let rule = said(&force);
        let out = rule.percent.is_some_and(|percent| !rules::is_in(key, percent));
        Steer {
            off: self.is_off(&force) || rule.enabled == Some(false) || out,
            limits: rule.ttl.is_some(),
            ttl: rule.ttl,
            local: rule.local,
            version,
        }
    }

    fn is_off(&self, force: &Force) -> bool {
        self.switched_off || force.file.disabled
    }

    /// Puts what a file says in force.
    #[cfg_attr(not(feature = "policy"), expect(dead_code, reason = "there is no file without the feature"))]
    pub(super) fn follow(&self, rules: Rules, store: Option<&LocalStore>) {
        self.change(store, |force| force.file = rules);
    }

    /// Puts what a hand says of a function in force; nothing, if it says nothing.
    pub(super) fn take(&self, function: &'static str, rule: Rule, store: Option<&LocalStore>) {
        self.change(store, |force| match rule.is_empty() {
            true => _ = force.hand.functions.remove(function),
            false => _ = force.hand.functions.insert(function, rule),
        });
    }

    fn change(&self, store: Option<&LocalStore>, change: impl FnOnce(&mut Force)) {
        let mut force: RwLockWriteGuard<'_, Force> = self.force.write().unwrap_or_else(PoisonError::into_inner);
        let before = (force.hand.clone(), force.file.clone());
        change(&mut force);
        let mut heads = Vec::new();
        for (before, after) in [(&before.0, force.hand.clone()), (&before.1, force.file.clone())] {
            for function in before.functions.keys().chain(after.functions.keys()) {
                let (was, is) = (before.of_function(function), after.of_function(function));
                if (was.ttl, was.local) != (is.ttl, is.local) {
                    heads.extend(of_path(function).map(|site| rules::head(site).0.to_owned()));
                }
                if was.ttl.is_some() {
                    force.earlier.functions.insert(function, Rule::new().scaled(1.0));
                }
            }
            for prefix in before.prefixes.keys().chain(after.prefixes.keys()) {
                let said = |rules: &Rules| rules.prefixes.get(prefix).copied().unwrap_or_default();
                let (was, is) = (said(before), said(&after));
                if (was.ttl, was.local) != (is.ttl, is.local) {
                    heads.push(prefix.clone());
                }
                if was.ttl.is_some() {
                    force.earlier.prefixes.insert(prefix.clone(), Rule::new().scaled(1.0));
                }
            }
        }
        self.publish(&force);
        drop(force);
        if let Some(store) = store.filter(|_| !heads.is_empty()) {
            store.sweep(|key| heads.iter().any(|head| key.starts_with(&**head)));
        }
    }

    /// What is read without the lock. A caller may come between any two of these: see the invariants.
    fn publish(&self, force: &Force) {
        let said = [&force.hand, &force.file, &force.earlier].into_iter().any(|rules| !rules.is_empty());
        self.ruled.store(said || self.switched_off, SeqCst);
        self.version.fetch_add(1, SeqCst);
        let diverted = match self.is_off(force) {
            true => u64::MAX,
            false => SITES.iter().filter(|site| diverts(force, site)).fold(0, |bits, site| bits | bit(site)),
        };
        self.diverted.store(diverted, SeqCst);
    }

    /// Notes what is wrong with the file as it is now.
    #[cfg_attr(not(feature = "policy"), expect(dead_code, reason = "there is no file without the feature"))]
    pub(super) fn note(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn is_disabled(&self) -> bool {
        self.is_off(&self.force.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn policy(&self) -> Policy {
        let force = self.force.read().unwrap_or_else(PoisonError::into_inner);
        let problem = self.problem();
        let mut functions: Vec<FunctionPolicy> = SITES
            .iter()
            .map(|site| {
                let function = site.declaration.function;
                let said = force.hand.of_function(function).over(force.file.of_function(function));
                let rule = said.over(force.file.of_key(rules::head(site).0));
                let by_hand = force.hand.of_function(function);
                let apart = force.file.tell_keys_apart(site);
                FunctionPolicy { function, key: site.declaration.key.source, rule, by_hand, apart }
            })
            .filter(|function| !function.rule.is_empty() || function.apart)
            .collect();
        functions.sort_by_key(|policy| (policy.function, policy.key));
        let prefixes = force.file.prefixes.iter();
        let prefixes = prefixes.map(|(prefix, rule)| PrefixPolicy { prefix: prefix.clone(), rule: *rule }).collect();
        Policy { disabled: self.is_off(&force), file: self.file.clone(), problem, functions, prefixes }
    }
}

/// Whether what is kept of this function in process is not to be served without a look at the rules.
fn diverts(force: &Force, site: &Site) -> bool {
    let rule = force.of(site.declaration.function, rules::head(site).0);
    rule.enabled == Some(false)
        || rule.percent.is_some_and(|percent| percent < 100.0)
        // Also where it is kept for longer or shorter than declared: it may not be declared to be kept at all.
        || rule.local.is_some()
        || force.file.tell_keys_apart(site)
}

fn of_path(function: &str) -> impl Iterator<Item = &'static Site> {
    SITES.iter().copied().filter(move |site| site.declaration.function == function)
}

#[inline]
fn bit(site: &'static Site) -> u64 {
    let address = std::ptr::from_ref(site).addr() as u64;
    1 << ((address >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}
