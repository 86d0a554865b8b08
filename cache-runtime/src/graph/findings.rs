//! What is wrong with a graph: the facts, each for itself.

use std::collections::BTreeMap;

use super::template::Piece;
use super::unify::in_values;
use super::{Finding, Graph, Place, Template};
use crate::suggest::{closest, slip};

/// Entries that nothing reaches may live for so long.
const AN_HOUR_MS: u64 = 3_600_000;

/// Templates that differ in names at most, as the first place writes them, with all the places that do.
type Uses = Vec<(Template, Vec<Place>)>;

impl Graph {
    /// All that is probably a mistake, allowed or not.
    ///
    /// Each finding is a fact of its own: a misspelt tag is one that is never carried, and perhaps leaves another that
    /// is never invalidated.
    pub fn findings(&self) -> Vec<Finding> {
        if self.functions.is_empty() {
            return vec![Finding::NothingLinked];
        }
        let mut found = Vec::new();
        self.tags(&mut found);
        self.keys(&mut found);
        self.lifetimes(&mut found);
        found
    }

    fn tags(&self, found: &mut Vec<Finding>) {
        let carried = uses(self.functions.iter().flat_map(|f| f.tags.iter().map(|tag| (tag, &f.place))));
        let invalidated = uses(self.invalidations.iter().flat_map(|i| i.tags.iter().map(|tag| (tag, &i.place))));
        for (tag, carried_by) in without_counterpart(&carried, &invalidated) {
            let closest = closest_of(&tag, &invalidated);
            found.push(Finding::NeverInvalidated { tag, carried_by, closest });
        }
        for (tag, invalidated_by) in without_counterpart(&invalidated, &carried) {
            let closest = closest_of(&tag, &carried);
            found.push(Finding::NeverCarried { tag, invalidated_by, closest });
        }
    }

    fn keys(&self, found: &mut Vec<Finding>) {
        let keys = uses(self.functions.iter().map(|f| (&f.key, &f.place)));
        let invalidated = uses(self.invalidations.iter().flat_map(|i| i.keys.iter().map(|key| (key, &i.place))));
        for (key, invalidated_by) in without_counterpart(&invalidated, &keys) {
            let closest = closest_of(&key, &keys);
            found.push(Finding::NoSuchKey { key, invalidated_by, closest });
        }
        for (index, (key, places)) in keys.iter().enumerate() {
            if places.len() > 1 {
                found.push(Finding::OneKey { key: key.clone(), functions: places.clone() });
            }
            for (other, more) in &keys[index + 1..] {
                let keys = || [key.clone(), other.clone()];
                let functions = || [&places[..], more].concat();
                if key.unifies(other) {
                    found.push(Finding::OverlappingKeys { keys: keys(), functions: functions() });
                } else if !is_default(key, places) && !is_default(other, more) && differ_by_a_slip(key, other) {
                    found.push(Finding::SimilarKeys { keys: keys(), functions: functions() });
                }
            }
        }
    }

    fn lifetimes(&self, found: &mut Vec<Finding>) {
        for (index, function) in self.functions.iter().enumerate() {
            let reached = self.edges.iter().any(|edge| edge.function == index);
            if let Some(ttl_ms) = function.ttl_ms.filter(|ttl_ms| !reached && *ttl_ms > AN_HOUR_MS) {
                found.push(Finding::Unreachable { function: function.place.clone(), ttl_ms });
            }
        }
    }
}

fn uses<'a>(all: impl Iterator<Item = (&'a Template, &'a Place)>) -> Uses {
    let mut uses: BTreeMap<String, (Template, Vec<Place>)> = BTreeMap::new();
    for (template, place) in all {
        let (_, places) = uses.entry(template.outline()).or_insert_with(|| (template.clone(), Vec::new()));
        if !places.contains(place) {
            places.push(place.clone());
        }
    }
    uses.into_values().collect()
}

/// Those that unify with none of the others.
fn without_counterpart(these: &Uses, others: &Uses) -> Uses {
    let alone = |(template, _): &&(Template, _)| !others.iter().any(|(other, _)| other.unifies(template));
    these.iter().filter(alone).cloned().collect()
}

/// The candidate that is spelled most like `wanted`, in its names.
fn closest_of(wanted: &Template, candidates: &Uses) -> Option<Template> {
    let outlines: Vec<String> = candidates.iter().map(|(template, _)| template.outline()).collect();
    let outline = wanted.outline();
    let meant = closest(&outline, outlines.iter().map(String::as_str))?;
    let (template, _) = candidates.iter().zip(&outlines).find(|(_, outline)| *outline == meant)?.0;
    Some(template.with_names_of(wanted))
}

/// Whether the key is made of a function's path, which nobody has typed.
fn is_default(key: &Template, places: &[Place]) -> bool {
    places.iter().any(|place| key.as_str().strip_prefix(&place.path).is_some_and(|rest| !rest.starts_with("::")))
}

/// Whether two templates are one but for a letter of one word, or for a separator: `user:{id}` and `usr:{id}`, but neither `order:{id}`,
/// another word, nor `users:{page}`, another argument. Numbers are told apart on purpose: `v1:{id}`, `v2:{id}`.
fn differ_by_a_slip(a: &Template, b: &Template) -> bool {
    let (a, b) = (a.pieces(), b.pieces());
    let mut texts = Vec::new();
    for (a, b) in a.iter().zip(&b) {
        match (a, b) {
            (Piece::Text(a), Piece::Text(b)) => texts.push((a, b)),
            (Piece::Hole(a), Piece::Hole(b)) if a == b => {}
            _ => return false,
        }
    }
    let mut differing = texts.into_iter().filter(|(a, b)| a != b);
    let (Some((a, b)), None, true) = (differing.next(), differing.next(), a.len() == b.len()) else {
        return false;
    };
    let words = |text: &str| -> Vec<String> {
        text.split(|c| !in_values(c)).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
    };
    let (a, b) = (words(a), words(b));
    let mut differing = a.iter().zip(&b).filter(|(a, b)| a != b);
    match (differing.next(), differing.next()) {
        _ if a.len() != b.len() => false,
        (None, _) => true,
        (Some((a, b)), None) => {
            let letters = |word: &str| word.replace(|c: char| c.is_ascii_digit(), "");
            letters(a) != letters(b) && slip(a, b) == Some(1)
        }
        _ => false,
    }
}
