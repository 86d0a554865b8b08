//! The replication history of a server: a restart, or a failover that lost writes, begins a new one, and
//! everything stamped in another history is a miss.

use redis::aio::ConnectionLike;

use super::Failure;
use crate::entry::History;

/// What `INFO replication` told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Master(History),
    /// A master that does not tell its history (a managed proxy): the guard is off.
    Hidden,
    Replica,
}

impl Standing {
    /// The bytes that stamps and envelopes of this connection carry.
    pub(crate) fn history(self) -> History {
        match self {
            Self::Master(history) => history,
            Self::Hidden | Self::Replica => [0; 4],
        }
    }

    pub(crate) async fn ask(connection: &mut impl ConnectionLike) -> Result<Self, Failure> {
        match redis::cmd("INFO").arg("replication").query_async::<String>(connection).await {
            Ok(info) => Ok(Self::read(&info)),
            Err(error) => {
                let failure = Failure::from(error);
                // Unknown or forbidden here; anything else is trouble.
                if failure.is_denial() { Ok(Self::Hidden) } else { Err(failure) }
            }
        }
    }

    pub(super) fn read(info: &str) -> Self {
        let field =
            |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        if matches!(field("role"), Some("slave" | "replica")) {
            return Self::Replica;
        }
        field("master_replid").and_then(decode).map_or(Self::Hidden, Self::Master)
    }
}

fn decode(replid: &str) -> Option<History> {
    let first = u32::from_str_radix(replid.get(..8)?, 16).ok()?;
    (first != 0).then(|| first.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_tells_its_history() {
        let info = "# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_replid:0a0b0c0dffff\r\n";
        assert_eq!(Standing::read(info), Standing::Master([0x0a, 0x0b, 0x0c, 0x0d]));
    }

    #[test]
    fn a_replica_is_not_read_from() {
        assert_eq!(Standing::read("role:slave\r\nmaster_replid:0a0b0c0d\r\n"), Standing::Replica);
    }

    #[test]
    fn what_hides_its_history_has_no_guard() {
        for info in
            ["", "role:master\r\n", "role:master\r\nmaster_replid:00000000\r\n", "role:master\r\nmaster_replid:zz\r\n"]
        {
            assert_eq!(Standing::read(info), Standing::Hidden, "{info:?}");
        }
    }
}
