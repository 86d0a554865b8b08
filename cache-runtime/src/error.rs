//! The crate's one error: what went wrong, by cause.

use std::fmt;

use crate::mistake::Mistake;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What a method of [`Cache`](crate::Cache) answers when it cannot do what was asked.
///
/// Annotated functions do not return it: there, trouble of the cache is counted and the function runs. The exception is
/// [`fence = "require"`](crate::invalidates), which returns it, converted, in place of running the body.
///
/// ```
/// let error = cache_runtime::Cache::builder().namespace("").build().unwrap_err();
/// assert_eq!(error.kind(), cache_runtime::ErrorKind::Config);
/// assert!(error.to_string().contains("namespace"));
/// ```
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Source>,
}

/// The cause of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is malformed; the message names it and its value. Or a cache is installed already, or the environment
    /// does not describe one.
    Config,
    /// A key, or a tag of a value, could not be rendered, or a lifetime was zero.
    Argument,
    /// The server cannot be reached, or the breaker is open. For a value that was to be stored also: an invalidation of
    /// it is owed, or a mutation has fenced it. Of [`Cache::shutdown`](crate::Cache::shutdown): something is left to do.
    Unavailable,
    /// The budget for cache work was used up.
    Timeout,
    /// The server answered with an error, or is no master. Or it was to be asked outside of a tokio runtime.
    Refused,
    /// A value could not be encoded, or would not come back from its bytes as it was.
    Codec,
    /// A value is larger than `max_entry_bytes`.
    TooLarge,
    /// The loader given to [`Cache::get_or_load`](crate::Cache::get_or_load) failed; its error is the source.
    Load,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// A bad setting: `namespace = "": must not be empty`.
    pub(crate) fn config(setting: &str, value: impl fmt::Debug, problem: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Config, format!("`{setting}` = {value:?}: {problem}"))
    }

    /// A name or a value that is not one.
    pub(crate) fn mistaken(mistake: Mistake) -> Self {
        Self::new(ErrorKind::Argument, mistake.to_string())
    }

    /// Of a cache that stands in for one that could not be made.
    pub(crate) fn no_cache() -> Self {
        let problem = "the environment does not describe a cache; the log says which of `CACHE_URL`, `CACHE_NAMESPACE` and \
                       `CACHE_POLICY` cannot be used";
        Self::new(ErrorKind::Config, problem)
    }

    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The cause.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}
