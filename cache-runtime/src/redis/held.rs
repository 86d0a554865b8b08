//! What names held, where it came in.

use bytes::Bytes;
use redis::{RedisError, RedisResult, Value};
use smallvec::{SmallVec, smallvec};

use super::connection::{Header, header};
use super::failure::points_elsewhere;
use super::mget::Asked;

/// Values in the bytes of a reply: nobody copies them, and they are freed together.
#[derive(Debug, Default)]
pub(super) struct Held {
    bytes: Bytes,
    places: SmallVec<[Place; 3]>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// From here to there.
    Value(usize, usize),
    Nothing,
    /// The name is another master's.
    Elsewhere,
}

impl Held {
    /// The replies to `MGET`, as they came in.
    ///
    /// # Errors
    ///
    /// One that is a reply, unless names are asked for by themselves and it says that this one is another master's; and anything
    /// but as many values as were asked for: nobody is told somebody else's.
    pub(super) fn parse(bytes: Bytes, asked: Asked) -> RedisResult<Self> {
        let mut places = SmallVec::with_capacity(asked.commands() * asked.values());
        let mut at = 0;
        for _ in 0..asked.commands() {
            let (reply, next) = whole(header(&bytes, at)?)?;
            let from = std::mem::replace(&mut at, next);
            match reply {
                Header::Array(values) if values == asked.values() => {}
                Header::Error => {
                    places.push(elsewhere(&redis::parse_redis_value(&bytes[from..next])?, asked)?);
                    continue;
                }
                _ => return Err(nonsense()),
            }
            for _ in 0..asked.values() {
                let (value, next) = whole(header(&bytes, at)?)?;
                let (place, end) = match value {
                    Header::Bulk(length) => (Place::Value(next, next + length), next + length + 2),
                    // As a proxy says that it cannot reach the server of this name.
                    Header::Error => (Place::Elsewhere, next),
                    Header::Nil | Header::Line => (Place::Nothing, next),
                    Header::Array(_) => return Err(nonsense()),
                };
                places.push(place);
                at = end;
            }
        }
        Ok(Self { bytes, places })
    }

    /// The same replies, taken apart.
    pub(super) fn of_replies(replies: &[Value], asked: Asked) -> RedisResult<Self> {
        let (mut bytes, mut places) = (Vec::new(), SmallVec::new());
        if replies.len() != asked.commands() {
            return Err(nonsense());
        }
        for reply in replies {
            let values = match reply {
                Value::Array(values) if values.len() == asked.values() => values,
                error => {
                    places.push(elsewhere(error, asked)?);
                    continue;
                }
            };
            for value in values {
                places.push(match value {
                    Value::BulkString(value) => {
                        let start = bytes.len();
                        bytes.extend_from_slice(value);
                        Place::Value(start, bytes.len())
                    }
                    Value::ServerError(_) => Place::Elsewhere,
                    Value::Array(_) => return Err(nonsense()),
                    _ => Place::Nothing,
                });
            }
        }
        Ok(Self { bytes: bytes.into(), places })
    }

    /// One name held this.
    pub(super) fn of(value: &[u8]) -> Self {
        Self { bytes: Bytes::copy_from_slice(value), places: smallvec![Place::Value(0, value.len())] }
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// How much came, headers included.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// What a name held.
    #[inline]
    pub(super) fn value(&self, name: usize) -> Option<&[u8]> {
        match self.places[name] {
            Place::Value(start, end) => Some(&self.bytes[start..end]),
            Place::Nothing | Place::Elsewhere => None,
        }
    }

    /// Whether the name is another master's.
    pub(super) fn points_elsewhere(&self, name: usize) -> bool {
        matches!(self.places[name], Place::Elsewhere)
    }
}

/// A reply that is no array.
fn elsewhere(reply: &Value, asked: Asked) -> RedisResult<Place> {
    match reply {
        Value::ServerError(error) => match asked {
            Asked::Each(_) if points_elsewhere(error) => Ok(Place::Elsewhere),
            _ => Err(error.clone().into()),
        },
        _ => Err(nonsense()),
    }
}

fn whole(header: Option<(Header, usize)>) -> RedisResult<(Header, usize)> {
    header.ok_or_else(nonsense)
}

fn nonsense() -> RedisError {
    (redis::ErrorKind::Parse, "the server answered MGET with something else, or another number of values").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(held: &Held) -> Vec<Option<&[u8]>> {
        (0..held.len()).map(|name| held.value(name)).collect()
    }

    fn elsewhere(held: &Held) -> Vec<usize> {
        (0..held.len()).filter(|name| held.points_elsewhere(*name)).collect()
    }

    /// As it came in, and taken apart.
    fn both(replies: &[&str], asked: Asked) -> [RedisResult<Held>; 2] {
        let parsed = replies.iter().map(|reply| redis::parse_redis_value(reply.as_bytes()).expect("well-formed"));
        let taken_apart = Held::of_replies(&parsed.collect::<Vec<_>>(), asked);
        [Held::parse(Bytes::from(replies.concat()), asked), taken_apart]
    }

    #[test]
    fn values_are_where_they_came_in() {
        for held in both(&["*4\r\n$1\r\na\r\n$-1\r\n$0\r\n\r\n$4\r\n\r\n$1\r\n"], Asked::Together(4)) {
            let held = held.expect("in order");
            assert_eq!(values(&held), [Some(&b"a"[..]), None, Some(b""), Some(b"\r\n$1")]);
            assert!(elsewhere(&held).is_empty());
        }
        assert_eq!(values(&Held::of(b"token")), [Some(&b"token"[..])]);
    }

    #[test]
    fn another_masters_name_is_told_from_one_that_holds_nothing() {
        let replies = ["*1\r\n$1\r\na\r\n", "-MOVED 7 10.0.0.1:6379\r\n", "*1\r\n$-1\r\n", "-TRYAGAIN later\r\n"];
        for held in both(&replies, Asked::Each(4)) {
            let held = held.expect("in order");
            assert_eq!(values(&held), [Some(&b"a"[..]), None, None, None]);
            assert_eq!(elsewhere(&held), [1, 3]);
        }
        for held in both(&replies[1..2], Asked::Together(1)) {
            assert_eq!(held.expect_err("there is one master").code(), Some("MOVED"));
        }
    }

    #[test]
    fn what_a_proxy_cannot_reach_is_the_trouble_of_that_name() {
        for held in both(&["*3\r\n$1\r\na\r\n-no upstream host\r\n+OK\r\n"], Asked::Together(3)) {
            let held = held.expect("in order");
            assert_eq!((values(&held), elsewhere(&held)), (vec![Some(&b"a"[..]), None, None], vec![1]));
        }
    }

    #[test]
    fn a_reply_that_is_an_error_is_everybodys() {
        for held in both(&["*1\r\n$1\r\na\r\n", "-LOADING it loads\r\n"], Asked::Each(2)) {
            assert_eq!(held.expect_err("it is an error").code(), Some("LOADING"));
        }
    }

    #[test]
    fn nobody_is_told_somebody_elses_value() {
        let one = "*1\r\n$1\r\na\r\n";
        for (replies, asked) in [
            (&["*0\r\n", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"][..], Asked::Each(2)),
            (&[one], Asked::Together(2)),
            (&["*2\r\n$1\r\na\r\n$1\r\nb\r\n"], Asked::Together(1)),
            (&["*1\r\n*1\r\n$1\r\na\r\n"], Asked::Together(1)),
            (&["+OK\r\n"], Asked::Together(1)),
            (&["$1\r\na\r\n"], Asked::Each(1)),
            (&["*-1\r\n"], Asked::Together(1)),
        ] {
            for held in both(replies, asked) {
                assert_eq!(held.expect_err(replies[0]).kind(), redis::ErrorKind::Parse, "{replies:?}");
            }
        }
    }
}
