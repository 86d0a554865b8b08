//! The protocol keeps its promises in every state of every small world.

use model::check;
use model::scenario::QUICK;

#[test]
fn every_small_world_holds() {
    for scenario in QUICK {
        let verdict = check(scenario.config, 2);
        println!("{:<45} {:>9} states, {:>2} deep", scenario.name, verdict.states, verdict.depth);
        assert_eq!(verdict.violation, None, "{}", scenario.name);
        assert!(verdict.impossible.is_empty(), "{}: never happened: {:?}", scenario.name, verdict.impossible);
    }
}
