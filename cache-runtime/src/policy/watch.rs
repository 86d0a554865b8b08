//! The file as it changes: read each second, and put in force when two readings in a row agree.
//!
//! It is read whole each time, and compared: what an editor renames over it and what a link newly points to are found
//! without asking what has changed. A thread of its own does it, so that neither a runtime nor its absence matters.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::rules::Rules;
use super::{Steering, file, kept};
use crate::core::Core;
use crate::{Cache, Error};

/// Between two readings.
const POLL: Duration = Duration::from_secs(1);
/// Between a reading that is news and the one that confirms it: whoever writes in place is done by then.
const SETTLES: Duration = Duration::from_millis(100);

/// What was read: the bytes, or why there are none.
#[derive(PartialEq)]
struct Reading(Result<Vec<u8>, String>);

impl Reading {
    fn of(path: &Path) -> Self {
        Self(std::fs::read(path).map_err(|error| format!("cannot be read: {error}")))
    }

    fn rules(&self) -> Result<Rules, String> {
        let bytes = self.0.as_ref().map_err(Clone::clone)?;
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            format!("line {line}: this is not UTF-8")
        })?;
        file::parse(text).map_err(|mistakes| mistakes.to_string())
    }
}

/// The file of a cache that is being built, as it was first read.
pub(crate) struct Watched(Option<(PathBuf, Reading)>);

impl Watched {
    /// Reads it. What is wrong with it now is a bad setting.
    pub(crate) fn open(steering: &mut Steering, path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else { return Ok(Self(None)) };
        let reading = Reading::of(path);
        let rules = reading.rules().map_err(|problem| Error::config("policy", path.display(), problem))?;
        steering.file = Some(path.display().to_string());
        steering.follow(rules, None);
        Ok(Self(Some((path.to_owned(), reading))))
    }

    /// Reads it again and again, for as long as the cache lives.
    pub(crate) fn follow(self, cache: &Cache) -> Result<(), Error> {
        let Some((path, reading)) = self.0 else { return Ok(()) };
        let core = Arc::downgrade(cache.core());
        let shown = path.display().to_string();
        let thread = std::thread::Builder::new().name("cache-policy".into());
        let started = thread.spawn(move || follow(&core, &path, reading));
        started
            .map(drop)
            .map_err(|error| Error::config("policy", shown, format_args!("no thread to watch it: {error}")))
    }
}

fn follow(core: &Weak<Core>, path: &Path, opened: Reading) {
    let mut file = File { known: opened, pending: None };
    loop {
        std::thread::sleep(if file.pending.is_some() { SETTLES } else { POLL });
        if core.strong_count() == 0 {
            return;
        }
        let Some(news) = file.read(Reading::of(path)) else { continue };
        let Some(core) = core.upgrade() else { return };
        match news.rules() {
            Ok(rules) => {
                // First: whoever sees that it is in force is not told of what was wrong before.
                core.steering.note(None);
                core.steering.follow(rules, kept(&core.store));
                tracing::info!(file = %path.display(), "a new policy is in force");
            }
            Err(problem) => {
                tracing::warn!(file = %path.display(), problem, "the policy file is bad; the policy stays as it was");
                core.steering.note(Some(problem));
            }
        }
    }
}

/// The file from one reading to the next.
struct File {
    /// What counts, or is known to be bad.
    known: Reading,
    /// What was read last, if that is news which has not been confirmed.
    pending: Option<Reading>,
}

impl File {
    /// What counts from now on, if that is news.
    fn read(&mut self, reading: Reading) -> Option<&Reading> {
        let confirmed = self.pending.as_ref() == Some(&reading);
        self.pending = None;
        if reading == self.known {
            return None;
        }
        if !confirmed {
            self.pending = Some(reading);
            return None;
        }
        self.known = reading;
        Some(&self.known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_count_when_they_are_read_twice() {
        let of = |text: &str| Reading(Ok(text.as_bytes().to_vec()));
        let mut file = File { known: of("old"), pending: None };
        let mut counts = |text: &str| file.read(of(text)).map(|news| *news == of(text));
        // Truncated, half, whole: an editor that writes in place.
        let read = ["old", "", "ne", "new", "new", "new", "", "new", "", ""];
        let counted = [None, None, None, None, Some(true), None, None, None, None, Some(true)];
        assert_eq!(read.map(&mut counts), counted);
        let gone = || Reading(Err("gone".to_owned()));
        assert!(file.read(gone()).is_none());
        assert!(file.read(gone()).is_some());
    }
}
