//! The names behind the hashes that the bus carries, as far as this process has met them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Name;
use crate::core::{Core, Store};
use crate::redis::Names;

/// How many names are remembered at most; when there are more, all are forgotten, and learnt anew.
const LIMIT: usize = 250_000;

/// By hash.
#[derive(Default)]
pub(crate) struct Known(Mutex<HashMap<u64, Name>>);

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
            if known.len() >= LIMIT {
                known.clear();
            }
            known.insert(ours.hash(name), meant);
        }
    }

    pub(crate) fn name(&self, hash: u64) -> Name {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&hash).cloned().unwrap_or_else(|| Name::Unknown(format!("{hash:016x}")))
    }
}

/// Remembers what this process invalidates, once somebody has looked at the cache.
pub(crate) fn learn(core: &Core, names: &[String]) {
    if let (Some(known), Store::Redis(remote)) = (core.known.get(), &core.store) {
        known.learn(&remote.server.names, names.iter().map(String::as_str));
    }
}
