//! Rules together: of functions and of key prefixes, and which of them are about a call.

use std::collections::BTreeMap;

use super::rule::Rule;
use crate::mistake::Mistake;
use crate::site::{SITES, Segment, Site};
use crate::{Key, named};

/// What a file says, or a hand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rules {
    /// Everything is off.
    pub(super) disabled: bool,
    /// By path.
    pub(super) functions: BTreeMap<&'static str, Rule>,
    /// Shorter ones first, where one begins with the other.
    pub(super) prefixes: BTreeMap<String, Rule>,
}

impl Rules {
    pub(super) fn is_empty(&self) -> bool {
        !self.disabled && self.functions.is_empty() && self.prefixes.is_empty()
    }

    /// What is said of a key, from the longest prefix to the shortest.
    pub(super) fn of_key(&self, key: &str) -> Rule {
        let about = self.prefixes.iter().rev().filter(|(prefix, _)| key.starts_with(&**prefix));
        about.fold(Rule::new(), |said, (_, rule)| said.over(*rule))
    }

    /// What is said of a function by name.
    pub(super) fn of_function(&self, function: &str) -> Rule {
        self.functions.get(function).copied().unwrap_or_default()
    }

    /// Whether what is said of this function's keys depends on the key.
    pub(super) fn tell_keys_apart(&self, site: &Site) -> bool {
        let (head, goes_on) = head(site);
        goes_on && self.prefixes.keys().any(|prefix| prefix.len() > head.len() && prefix.starts_with(head))
    }
}

/// What all keys of a function begin with, and whether anything stands behind it.
pub(super) fn head(site: &Site) -> (&'static str, bool) {
    match site.declaration.key.segments {
        [] => ("", false),
        [Segment::Text(text)] => (text, false),
        [Segment::Text(text), ..] => (text, true),
        [Segment::Part(_), ..] => ("", true),
    }
}

/// Whether this key is one of so many percent: the upper bits of its hash, which nothing else goes by.
pub(super) fn is_in(key: &Key, percent: f64) -> bool {
    ((key.hash64() >> 32) as f64) < percent / 100.0 * 4_294_967_296.0
}

/// The path of the function of this program that is meant.
pub(super) fn function(name: &str) -> Result<&'static str, Mistake> {
    named::path(name, SITES.iter().map(|site| site.declaration.function))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_that_says_something_wins() {
        let mut rules = Rules::default();
        rules.prefixes.insert(String::new(), Rule::new().percent(50.0).scaled(0.5));
        rules.prefixes.insert("user:".into(), Rule::new().percent(10.0));
        rules.prefixes.insert("user:7".into(), Rule::new().enabled(false));
        assert_eq!(rules.of_key("org:1"), Rule::new().percent(50.0).scaled(0.5));
        assert_eq!(rules.of_key("user:1"), Rule::new().percent(10.0).scaled(0.5));
        assert_eq!(rules.of_key("user:71"), Rule::new().percent(10.0).scaled(0.5).enabled(false));
    }

    #[test]
    fn a_key_that_is_in_stays_in() {
        let keys: Vec<Key> = (0..10_000).map(|n| Key::new(format!("user:{n}"))).collect();
        let mut before = 0;
        for percent in [0.0, 0.1, 1.0, 10.0, 50.0, 99.0, 100.0] {
            let inside = keys.iter().filter(|key| is_in(key, percent)).count();
            assert!(inside >= before, "{percent}");
            assert!((inside as f64 - percent * 100.0).abs() <= 250.0, "{inside} of 10,000 at {percent} percent");
            before = inside;
        }
        assert!(!is_in(&keys[0], 0.0) && keys.iter().all(|key| is_in(key, 100.0)));
        assert!(keys.iter().filter(|key| is_in(key, 10.0)).all(|key| is_in(key, 11.0)));
    }
}
