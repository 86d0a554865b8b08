//! How it ends: the exit codes, and what is said when it cannot do what was asked.

use std::fmt;
use std::io;
use std::process::ExitCode;

use cache_runtime::ErrorKind;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Fine = 0,
    /// Something was found that is not well, or what was asked for was not found.
    Finding = 1,
    /// It was not asked in the right way.
    Usage = 2,
    /// The server cannot be reached, or does not do what it is asked.
    Unreachable = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why it cannot do what was asked.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    /// One thing to type.
    pub(crate) help: Option<String>,
    /// Whoever read along has gone, which is no problem at all.
    pub(crate) unheard: bool,
}

impl Problem {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, unheard: false }
    }

    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..Self::new(Exit::Usage, message) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<cache_runtime::Error> for Problem {
    fn from(error: cache_runtime::Error) -> Self {
        let exit = match error.kind() {
            ErrorKind::Config | ErrorKind::Argument => Exit::Usage,
            _ => Exit::Unreachable,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        let unheard = error.kind() == io::ErrorKind::BrokenPipe;
        Self { unheard, ..Self::new(Exit::Usage, error.to_string()) }
    }
}

impl From<redis::RedisError> for Problem {
    fn from(error: redis::RedisError) -> Self {
        Self::new(Exit::Unreachable, error.to_string())
    }
}
