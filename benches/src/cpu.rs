//! How much processor time this process has used: its own work, whatever else the machine does.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

pub(crate) fn used() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("every Linux has it").into()
}
