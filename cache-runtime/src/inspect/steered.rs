//! What operators say of those who read an entry: whether a read then misses, whatever is stored.

use std::time::Duration;

use super::judge::{Reason, Verdict};
use super::whose::Owner;
use crate::Key;
use crate::ask::Lifetime;
use crate::core::Core;
use crate::entry::Envelope;
use crate::policy::Steer;
use crate::read::is_young;

/// What is said of each function that the key can belong to, with what it declares; where none is known, of the key.
pub(super) struct Steers(Vec<(Steer, Lifetime)>);

impl Steers {
    pub(super) fn of(core: &Core, key: &Key, owners: &[Owner]) -> Self {
        let sites = owners.iter().filter_map(|owner| owner.site);
        let mut steers: Vec<_> =
            sites.map(|site| (core.steering.of_call(site, key), site.declaration.lifetime())).collect();
        if steers.is_empty() {
            let undeclared = Lifetime { ttl: Duration::ZERO, negative: Some(Duration::ZERO) };
            steers.push((core.steering.of_key(key), undeclared));
        }
        Self(steers)
    }

    /// If all of them are.
    pub(super) fn switched_off(&self) -> Option<Verdict> {
        self.0.iter().all(|(steer, _)| steer.off).then(|| {
            let why = "the cache is switched off for it in this process, by policy: reads run the function, and store \
                       nothing";
            Verdict::new(Reason::SwitchedOff, why)
        })
    }

    /// If it is for all of them.
    pub(super) fn too_old(&self, envelope: &Envelope<'_>) -> Option<Verdict> {
        let is_old =
            |(steer, declared): &(Steer, Lifetime)| steer.limits && !is_young(envelope, steer.lifetime(*declared));
        self.0.iter().all(is_old).then(|| {
            let why =
                "it is older than what is stored now may become, by the policy of this process; others may read it";
            Verdict::new(Reason::TooOld, why)
        })
    }
}
