//! How far a long piece of work has come; shown on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const KNOWN: &str = "{spinner} {msg} [{wide_bar}] {human_pos}/{human_len} {eta}";
const UNKNOWN: &str = "{spinner} {msg} {elapsed}";

pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Of so many steps, if that is known.
    pub(crate) fn new(what: &str, of: Option<u64>) -> Self {
        // It draws nothing where standard error is no terminal.
        let bar = ProgressBar::with_draw_target(of, ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template(if of.is_some() { KNOWN } else { UNKNOWN });
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        Self(bar)
    }

    /// Of one step that takes its time.
    pub(crate) fn spinner(what: &str) -> Self {
        let progress = Self::new(what, None);
        progress.0.enable_steady_tick(Duration::from_millis(100));
        progress
    }

    pub(crate) fn advance(&self, steps: u64) {
        let end = self.0.length().unwrap_or(u64::MAX);
        self.0.set_position(self.0.position().saturating_add(steps).min(end));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
