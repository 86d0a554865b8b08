//! What can go wrong with a request, and how bad that is.

use std::borrow::Cow;

use redis::{ErrorKind as RedisKind, RedisError, ServerError};

use crate::breaker::Severity;
use crate::{Error, ErrorKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The breaker is open; nothing was tried.
    Open,
    /// The budget was used up.
    Timeout,
    /// The connection could not be made, or broke.
    Disconnected,
    /// The server answered with an error, or with something that makes no sense.
    Refused,
}

#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    pub(crate) severity: Severity,
    /// The reply's first word (`WRONGTYPE`, `READONLY`, ..), if the server sent an error. `NOPROTO` also where it is
    /// too old to say so.
    pub(crate) code: Option<Box<str>>,
    pub(crate) message: Cow<'static, str>,
}

/// Replies after which no request of this connection will fare better for a while.
const FATAL: [&str; 9] =
    ["LOADING", "NOAUTH", "WRONGPASS", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "MOVED", "ASK", "BUSY"];
/// How servers and proxies say that they have no such command.
const NO_SUCH_COMMAND: [&str; 4] = ["unknown command", "unsupported", "not supported", "not allowed"];
/// What a node of a Cluster answers to a client that takes it for a single server.
const CLUSTER: &str = "the server is part of a Cluster; write `redis+cluster://host:port`";

/// Whether a node of a Cluster says that a name is another one's, or on its way there.
pub(super) fn points_elsewhere(error: &ServerError) -> bool {
    matches!(error.code(), "MOVED" | "ASK" | "TRYAGAIN")
}

impl Failure {
    pub(crate) fn open() -> Self {
        Self {
            cause: Cause::Open,
            severity: Severity::Minor,
            code: None,
            message: "the server is out of reach; the breaker is open".into(),
        }
    }

    pub(crate) fn timeout() -> Self {
        Self {
            cause: Cause::Timeout,
            severity: Severity::Fatal,
            code: None,
            message: "no answer within the budget".into(),
        }
    }

    pub(crate) fn outside() -> Self {
        Self { severity: Severity::Minor, ..Self::refused("the server is asked from within a tokio runtime only") }
    }

    pub(crate) fn disconnected(message: impl Into<Cow<'static, str>>) -> Self {
        Self { cause: Cause::Disconnected, severity: Severity::Fatal, code: None, message: message.into() }
    }

    pub(crate) fn refused(message: impl Into<Cow<'static, str>>) -> Self {
        Self { cause: Cause::Refused, severity: Severity::Fatal, code: None, message: message.into() }
    }

    pub(crate) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether it can be done without: this user may not have it, or the server (a proxy, an old one) does not have it. There
    /// are many texts for the latter, and one `ERR` that means something else.
    pub(crate) fn is_denial(&self) -> bool {
        let full = || self.message.contains("max number of clients");
        self.is("NOPERM") || self.is("NOPROTO") || self.is("ERR") && !full()
    }

    /// Whether the server says in so many words that this user may not send the command, or that it has none of that name.
    /// Any other `ERR` leaves open whether the next one would be taken.
    pub(crate) fn forbids_command(&self) -> bool {
        let text = self.message.to_ascii_lowercase();
        self.is("NOPERM") || self.is("ERR") && NO_SUCH_COMMAND.iter().any(|words| text.contains(words))
    }

    /// Whether another command about the same name may fare better: the server or a proxy does not know the options of this
    /// one, which it says in words of its own, or the name holds what it does not work on.
    pub(crate) fn is_of_the_command(&self) -> bool {
        self.is("WRONGTYPE") || self.is("ERR")
    }

    /// Whether scripts about one name each may fare better than one about all of them: the names are at several shards, which
    /// proxies also say in words of their own, or one of them may not be written.
    pub(crate) fn is_of_several_names(&self) -> bool {
        let of_slots = || self.message.to_ascii_lowercase().contains("slot");
        self.is("CROSSSLOT") || self.is("NOPERM") || self.is("ERR") && of_slots()
    }

    pub(crate) fn into_error(self) -> Error {
        let kind = match self.cause {
            Cause::Open | Cause::Disconnected => ErrorKind::Unavailable,
            Cause::Timeout => ErrorKind::Timeout,
            Cause::Refused => ErrorKind::Refused,
        };
        Error::new(kind, self.message.into_owned())
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        // A pipeline that failed in a command carries its errors inside.
        let too_old = (error.kind() == RedisKind::RESP3NotSupported).then_some("NOPROTO");
        let code = error.code().or(too_old).map(Box::<str>::from).or_else(|| {
            let errors = error.clone().into_server_errors()?;
            errors.first().map(|(_, error)| error.code().into())
        });
        // The library's message may quote the server, never the URL.
        let message = error.to_string();
        if let Some(code) = code {
            let message = if &*code == "MOVED" { CLUSTER.into() } else { message.into() };
            let severity = if FATAL.contains(&&*code) { Severity::Fatal } else { Severity::Minor };
            return Self { cause: Cause::Refused, severity, code: Some(code), message };
        }
        match error.kind() {
            RedisKind::AuthenticationFailed | RedisKind::InvalidClientConfig | RedisKind::Parse => {
                Self::refused(message)
            }
            RedisKind::UnexpectedReturnType => Self { severity: Severity::Minor, ..Self::refused(message) },
            _ => Self::disconnected(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it is read from the wire.
    fn answered(error: &str) -> Failure {
        let value = redis::parse_redis_value(format!("-{error}\r\n").as_bytes()).expect("well-formed");
        Failure::from(value.extract_error().expect_err("it is one"))
    }

    #[test]
    fn a_command_is_forbidden_by_permission_and_by_servers_that_have_none_such() {
        for error in [
            "NOPERM this user has no permissions to run the 'publish' command",
            "NOPERM this user has no permissions to access one of the channels used as arguments",
            "ERR unknown command 'PUBLISH', with args beginning with: 'shop:bus' ",
            "ERR unknown command `PUBLISH`, with args beginning with: `shop:bus`, ",
            "ERR Unknown command 'publish'",
            "ERR unsupported command `publish`",
            "ERR command is not supported in Active-Active",
            "ERR handle request, command 'PUBLISH' is not allowed",
        ] {
            assert!(answered(error).forbids_command() && answered(error).is_denial(), "{error}");
        }
    }

    #[test]
    fn any_other_error_may_be_trouble_that_passes() {
        for error in [
            "ERR",
            "ERR internal error",
            "ERR max number of clients reached",
            "ERR handle response, backend conn reset",
            "ERR wrong number of arguments for 'publish' command",
            "NOPROTO unsupported protocol version",
            "OOM command not allowed when used memory > 'maxmemory'.",
            "LOADING Redis is loading the dataset in memory",
            "READONLY You can't write against a read only replica.",
        ] {
            assert!(!answered(error).forbids_command(), "{error}");
        }
        assert!(!Failure::timeout().forbids_command() && !Failure::disconnected("not supported").forbids_command());
    }

    #[test]
    fn several_names_are_refused_for_their_shards_or_for_one_of_them() {
        for error in [
            "CROSSSLOT Keys in request don't hash to the same slot",
            "NOPERM this user has no permissions to access one of the keys used as arguments",
            "ERR 'EVAL' command keys must in same slot",
        ] {
            assert!(answered(error).is_of_several_names(), "{error}");
        }
        for error in [
            "ERR handle response, backend conn reset",
            "ERR Error running script (call to f_0): @user_script:1: OOM command not allowed",
            "ERR ACL failure in script: this user has no permissions to run the 'unlink' command",
            "OOM command not allowed when used memory > 'maxmemory'.",
            "READONLY You can't write against a read only replica.",
            "MOVED 1 127.0.0.1:1",
        ] {
            assert!(!answered(error).is_of_several_names(), "{error}");
        }
        assert!(!Failure::timeout().is_of_several_names() && !Failure::disconnected("slot").is_of_several_names());
    }

    #[test]
    fn what_can_be_done_without_is_refused_in_many_words() {
        for error in
            ["NOPERM no", "NOPROTO unsupported protocol version", "ERR", "ERR invalid command", "ERR no such section"]
        {
            assert!(answered(error).is_denial(), "{error}");
        }
        for error in ["ERR max number of clients reached", "LOADING it loads", "NOAUTH Authentication required."] {
            assert!(!answered(error).is_denial(), "{error}");
        }
    }
}
