//! Every rule is needed: without it, the search finds a counterexample in a world in which the protocol holds.

use std::collections::BTreeSet;

use model::scenario::{QUICK, exposes};
use model::{Mutant, shortest};

#[test]
fn every_broken_rule_is_found() {
    let small: BTreeSet<_> = QUICK.iter().map(|scenario| scenario.name).collect();
    for mutant in Mutant::ALL {
        let (scenario, property) = exposes(mutant);
        assert!(small.contains(scenario.name), "{mutant:?} is compared with no world that is known to hold");
        let verdict = shortest(scenario.config.with(mutant));
        let Some((violated, steps)) = verdict.violation else { panic!("{mutant:?} was not found") };
        println!("{:<24} {} steps, {} states", format!("{mutant:?}"), steps.len(), verdict.states);
        steps.iter().for_each(|step| println!("    {step:?}"));
        assert_eq!(violated, property, "{mutant:?}: {steps:?}");
    }
}
