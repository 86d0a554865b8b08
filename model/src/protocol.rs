//! The protocol as the checker sees it.

use stateright::{Model, Property};

use crate::action::{Action, possible};
use crate::config::Protocol;
use crate::properties::properties;
use crate::state::State;
use crate::steps;

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(&self.config)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        possible(&self.config, state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        steps::take(&self.config, &mut state, action);
        Some(state.canonical(&self.config))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties(&self.config)
    }
}
