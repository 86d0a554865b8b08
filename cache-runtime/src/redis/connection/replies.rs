//! Replies, in bytes that may not be all of them yet: RESP2, <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use redis::{ErrorKind, RedisError, RedisResult, Value};

/// What a value begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) enum Header {
    /// So many bytes follow.
    Bulk(usize),
    /// So many values follow.
    Array(usize),
    Nil,
    Error,
    /// A simple string or a number: all there is.
    Line,
}

/// The header at `at`, and where it ends; `None` if it has not come yet.
pub(in crate::redis) fn header(bytes: &[u8], at: usize) -> RedisResult<Option<(Header, usize)>> {
    let Some((kind, rest)) = bytes.get(at..).and_then(<[u8]>::split_first) else { return Ok(None) };
    let Some(length) = rest.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let line = rest[..length].strip_suffix(b"\r").ok_or_else(malformed)?;
    let header = match kind {
        b'$' | b'*' if line == b"-1" => Header::Nil,
        b'$' => Header::Bulk(number(line)?),
        b'*' => Header::Array(number(line)?),
        b'-' => Header::Error,
        b'+' | b':' => Header::Line,
        _ => return Err(malformed()),
    };
    Ok(Some((header, at + 1 + length + 1)))
}

/// As long as a value may be on a server that was not told otherwise; what is beyond cannot have been meant.
const MOST: usize = 512 * 1024 * 1024;

fn number(digits: &[u8]) -> RedisResult<usize> {
    let mut number = 0;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10).ok_or_else(malformed)?;
        number = number * 10 + usize::from(digit);
        if number > MOST {
            return Err(malformed());
        }
    }
    if digits.is_empty() { Err(malformed()) } else { Ok(number) }
}

fn malformed() -> RedisError {
    (ErrorKind::Parse, "the server sent what is no reply").into()
}

/// The value at `at`, which has come as a whole, and where it ends.
pub(super) fn value(bytes: &[u8], at: usize) -> RedisResult<(Value, usize)> {
    nested(bytes, at, DEPTH)
}

/// How deep arrays may be in one another; those that are asked for are three at most.
const DEPTH: usize = 16;

fn nested(bytes: &[u8], at: usize, depth: usize) -> RedisResult<(Value, usize)> {
    let (header, next) = header(bytes, at)?.ok_or_else(malformed)?;
    let line = &bytes[at + 1..next - 2];
    Ok(match header {
        Header::Bulk(length) => {
            let value = bytes.get(next..next + length).ok_or_else(malformed)?;
            (Value::BulkString(value.to_vec()), next + length + 2)
        }
        Header::Array(count) => {
            let depth = depth.checked_sub(1).ok_or_else(malformed)?;
            let (mut values, mut end) = (Vec::new(), next);
            for _ in 0..count {
                let value;
                (value, end) = nested(bytes, end, depth)?;
                values.push(value);
            }
            (Value::Array(values), end)
        }
        Header::Nil => (Value::Nil, next),
        Header::Line if bytes[at] == b':' => {
            let number = str::from_utf8(line).ok().and_then(|line| line.parse().ok());
            (Value::Int(number.ok_or_else(malformed)?), next)
        }
        Header::Line if line == b"OK" => (Value::Okay, next),
        Header::Line => (Value::SimpleString(String::from_utf8_lossy(line).into_owned()), next),
        // Only there can one be made; errors are rare.
        Header::Error => (redis::parse_redis_value(&bytes[at..next])?, next),
    })
}

/// How far it is known what has come.
#[derive(Default)]
pub(super) struct Scan {
    at: usize,
    /// How many values are still to come; not known in the beginning.
    left: Option<usize>,
    /// So many bytes are missing at least.
    pub(super) missing: usize,
}

impl Scan {
    /// Where so many replies end, if they have all come. Told more of them, it goes on where it stopped.
    pub(super) fn end(&mut self, bytes: &[u8], replies: usize) -> RedisResult<Option<usize>> {
        let left = self.left.get_or_insert(replies);
        while *left > 0 {
            let Some((header, next)) = header(bytes, self.at)? else {
                self.missing = 1;
                return Ok(None);
            };
            let end = match header {
                Header::Bulk(length) => next + length + 2,
                Header::Array(_) | Header::Nil | Header::Error | Header::Line => next,
            };
            if end > bytes.len() {
                self.missing = end - bytes.len();
                return Ok(None);
            }
            match header {
                Header::Bulk(_) if &bytes[end - 2..end] != b"\r\n" => return Err(malformed()),
                Header::Array(values) => *left = left.checked_add(values).ok_or_else(malformed)?,
                _ => {}
            }
            (self.at, *left) = (end, *left - 1);
        }
        Ok(Some(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLIES: [&str; 9] = [
        "+OK\r\n",
        "-ERR no\r\n",
        ":-7\r\n",
        "$0\r\n\r\n",
        "$-1\r\n",
        "$5\r\na\r\nbc\r\n",
        "*0\r\n",
        "*-1\r\n",
        "*3\r\n$1\r\na\r\n*2\r\n$-1\r\n:1\r\n$13\r\n$1\r\n+OK\r\n*9\r\n\r\n",
    ];

    #[test]
    fn replies_end_where_they_end_however_they_come() {
        for first in 0..REPLIES.len() {
            let rest = REPLIES[first..].concat();
            for count in 0..=REPLIES.len() - first {
                let whole = REPLIES[first..first + count].concat();
                assert_eq!(Scan::default().end(rest.as_bytes(), count).expect("in order"), Some(whole.len()));
                let mut scan = Scan::default();
                for part in 0..whole.len() {
                    assert_eq!(
                        scan.end(&whole.as_bytes()[..part], count).expect("in order"),
                        None,
                        "{part} of {whole:?}"
                    );
                    assert!((1..=whole.len() - part).contains(&scan.missing), "{part} of {whole:?}");
                }
                assert_eq!(scan.end(whole.as_bytes(), count).expect("in order"), Some(whole.len()));
            }
        }
    }

    #[test]
    fn values_are_what_the_client_would_make_of_them() {
        for reply in REPLIES.into_iter().chain(["+PONG\r\n", "-MOVED 7 a:1\r\n", ":9223372036854775807\r\n"]) {
            let behind = ["+before\r\n", reply, "+behind\r\n"].concat();
            let (value, end) = value(behind.as_bytes(), 9).expect("in order");
            assert_eq!(value, redis::parse_redis_value(reply.as_bytes()).expect("in order"));
            assert_eq!(end, 9 + reply.len());
        }
        for wrong in [":x\r\n", ":\r\n", &("*1\r\n".repeat(17) + ":1\r\n"), "$5\r\nabc"] {
            assert_eq!(value(wrong.as_bytes(), 0).expect_err(wrong).kind(), ErrorKind::Parse, "{wrong:?}");
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for wrong in [
            "?\r\n",
            "$x\r\n",
            "$\r\n",
            "*-2\r\n",
            "$+1\r\n",
            "+OK\n",
            "$1\r\nabc",
            "*99999999999\r\n",
            "_\r\n",
            "\r\n",
        ] {
            let error = Scan::default().end(wrong.as_bytes(), 1).expect_err(wrong);
            assert_eq!(error.kind(), ErrorKind::Parse, "{wrong:?}");
        }
    }
}
