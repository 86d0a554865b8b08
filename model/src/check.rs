//! Runs a search to its end, and says what it found.

use stateright::{Checker, HasDiscoveries, Model};

use crate::Protocol;
use crate::action::Action;
use crate::config::Config;

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

/// Visits every state. With one thread, a violation comes with a shortest way to it.
pub fn check(config: Config, threads: usize) -> Verdict {
    let model = Protocol { config };
    let checker = model.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
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
