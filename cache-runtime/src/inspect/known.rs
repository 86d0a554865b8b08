//! The names behind the hashes that the bus carries, as far as this process has met them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Name;
use crate::core::{Core, Store};
use crate::redis::Names;

/// How many names are remembered at most, and half as many of the latest at least.
const LIMIT: usize = 250_000;

#[derive(Default)]
pub(crate) struct Known(Mutex<Generations>);

/// Names by hash: the latest ones, and those before them, which are forgotten when the latest are half of all.
#[derive(Default)]
struct Generations {
    latest: HashMap<u64, Name>,
    before: HashMap<u64, Name>,
}

impl Generations {
    fn learn(&mut self, hash: u64, name: Name) {
        if self.latest.len() >= LIMIT / 2 {
            self.before = std::mem::take(&mut self.latest);
        }
        self.latest.insert(hash, name);
    }

    fn get(&self, hash: u64) -> Option<&Name> {
        self.latest.get(&hash).or_else(|| self.before.get(&hash))
    }
}

impl Known {
    /// Remembers names as they are on the server; those that are not ours are left out.
    pub(crate) fn learn<'a>(&self, ours: &Names, names: impl IntoIterator<Item = &'a str>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            let meant = match (ours.key(name), ours.tag_in(name)) {
                (Some(key), _) => Name::Key(key.to_owned()),
                (None, Some(tag)) => Name::Tag(tag.to_owned()),
                (None, None) => continue,
            };
            known.learn(ours.hash(name), meant);
        }
    }

    pub(crate) fn name(&self, hash: u64) -> Name {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).cloned().unwrap_or_else(|| Name::Unknown(format!("{hash:016x}")))
    }
}

/// Remembers what this process invalidates, once somebody has looked at the cache.
pub(crate) fn learn(core: &Core, names: &[String]) {
    if let (Some(known), Store::Redis(remote)) = (core.known.get(), &core.store) {
        known.learn(&remote.server.names, names.iter().map(String::as_str));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_names_are_known_however_many_there_are() {
        let mut known = Generations::default();
        for hash in 0..1_000_000 {
            known.learn(hash, Name::Unknown(String::new()));
            assert!(known.latest.len() + known.before.len() <= LIMIT);
        }
        assert!((1_000_000 - LIMIT as u64 / 2..1_000_000).all(|hash| known.get(hash).is_some()));
        assert!(known.get(0).is_none());
    }
}
