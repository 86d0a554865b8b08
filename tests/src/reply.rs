//! Replies of a [`FakeRedis`](crate::FakeRedis), as the bytes a server would send.
//!
//! ```
//! use tests::reply;
//!
//! assert_eq!(reply::error("LOADING Redis is loading the dataset in memory"), b"-LOADING Redis is loading the dataset in memory\r\n");
//! assert_eq!(reply::array(&[reply::bulk("a"), reply::nil()]), b"*2\r\n$1\r\na\r\n$-1\r\n");
//! ```

/// What a script does with a command. A script that always sends bytes may return them as they are; none at all close
/// the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// These bytes, which need not be a well-formed reply.
    Bytes(Vec<u8>),
    /// These bytes, and then the connection is closed.
    Close(Vec<u8>),
    /// Nothing; the connection stays open.
    Silence,
    /// What an idle server would say: see [`FakeRedis`](crate::FakeRedis) for the commands it knows.
    Default,
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.is_empty() { Self::Close(bytes) } else { Self::Bytes(bytes) }
    }
}

/// `+OK`
pub fn ok() -> Vec<u8> {
    simple("OK")
}

/// A status such as `PONG` or `QUEUED`.
pub fn simple(status: &str) -> Vec<u8> {
    format!("+{status}\r\n").into_bytes()
}

/// An error, its code first: `"OOM command not allowed when used memory > 'maxmemory'."`.
pub fn error(text: &str) -> Vec<u8> {
    format!("-{text}\r\n").into_bytes()
}

/// A number.
pub fn integer(number: i64) -> Vec<u8> {
    format!(":{number}\r\n").into_bytes()
}

/// No value, in the form that both protocol versions have.
pub fn nil() -> Vec<u8> {
    b"$-1\r\n".to_vec()
}

/// A value.
pub fn bulk(value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    let mut bytes = format!("${}\r\n", value.len()).into_bytes();
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// Several replies as one, as `MGET` sends them.
pub fn array(replies: &[Vec<u8>]) -> Vec<u8> {
    sequence('*', replies.len(), replies)
}

/// Names and values, as RESP3 sends them; the slice holds them in turn.
pub(crate) fn map(names_and_values: &[Vec<u8>]) -> Vec<u8> {
    sequence('%', names_and_values.len() / 2, names_and_values)
}

/// What a RESP3 server sends without having been asked.
pub(crate) fn push(replies: &[Vec<u8>]) -> Vec<u8> {
    sequence('>', replies.len(), replies)
}

fn sequence(kind: char, length: usize, replies: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("{kind}{length}\r\n").into_bytes();
    bytes.extend(replies.iter().flatten());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_spelled_as_the_protocol_asks() {
        let cases = [
            (ok(), "+OK\r\n"),
            (simple("PONG"), "+PONG\r\n"),
            (error("ERR no"), "-ERR no\r\n"),
            (integer(-7), ":-7\r\n"),
            (nil(), "$-1\r\n"),
            (bulk(""), "$0\r\n\r\n"),
            (bulk("a\r\nb"), "$4\r\na\r\nb\r\n"),
            (array(&[]), "*0\r\n"),
            (array(&[integer(1), array(&[ok()])]), "*2\r\n:1\r\n*1\r\n+OK\r\n"),
            (map(&[bulk("a"), integer(1)]), "%1\r\n$1\r\na\r\n:1\r\n"),
            (push(&[bulk("a")]), ">1\r\n$1\r\na\r\n"),
        ];
        for (bytes, text) in cases {
            assert_eq!(String::from_utf8_lossy(&bytes), text);
        }
    }
}
