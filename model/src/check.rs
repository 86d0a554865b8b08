//! Runs a search to its end, and says what it found.

use stateright::{Checker, HasDiscoveries, Model};

use crate::action::Action;
use crate::config::{Config, Protocol};

/// How a search ended.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Different states seen.
    pub states: usize,
    /// The longest of the shortest ways to a state.
    pub depth: usize,
    /// The property that was violated, with the steps that lead there.
    pub violation: Option<(&'static str, Vec<Action>)>,
    /// What should have been possible and was not.
    pub impossible: Vec<&'static str>,
}

/// Visits every state, or stops at a violation.
pub fn check(config: Config, threads: usize) -> Verdict {
    search(config, threads, None)
}

/// As [`check`], with a shortest way to the violation. The checker keeps the last of those that it came upon before
/// it stopped, so what is shorter is looked for until there is nothing.
pub fn shortest(config: Config) -> Verdict {
    let mut found = search(config, 1, None);
    while let Some((_, steps)) = &found.violation {
        let shorter = search(config, 1, Some(steps.len()));
        if shorter.violation.is_none() {
            break;
        }
        found = shorter;
    }
    found
}

fn search(config: Config, threads: usize, below: Option<usize>) -> Verdict {
    let model = Protocol { config };
    let mut builder = model.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures);
    if let Some(steps) = below {
        // Its depth counts states, and it skips those that are as deep as this.
        builder = builder.target_max_depth(steps + 1);
    }
    let checker = builder.spawn_bfs().join();
    let mut found = checker.discoveries();
    let properties = model.properties();
    let failures = properties.iter().filter(|property| property.expectation.discovery_is_failure());
    let violation = failures
        .filter_map(|property| Some((property.name, found.remove(property.name)?.into_actions())))
        .min_by_key(|(_, steps)| steps.len());
    let wanted = properties.iter().filter(|property| !property.expectation.discovery_is_failure());
    let impossible = wanted.map(|property| property.name).filter(|name| !found.contains_key(name)).collect();
    Verdict { states: checker.unique_state_count(), depth: checker.max_depth(), violation, impossible }
}
