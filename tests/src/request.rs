//! Takes commands off the bytes that a client sent.

/// A command and its arguments.
pub(crate) type Command = Vec<Vec<u8>>;

/// The client does not speak the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Garbled;

/// Removes the first command from `received`; `None` while it is not complete.
///
/// ```text
/// *2\r\n$3\r\nGET\r\n$1\r\na\r\n   ->   ["GET", "a"]
/// ```
pub(crate) fn take(received: &mut Vec<u8>) -> Result<Option<Command>, Garbled> {
    let mut cursor = Cursor { bytes: received, at: 0 };
    let Some(command) = cursor.command()? else { return Ok(None) };
    let used = cursor.at;
    received.drain(..used);
    Ok(Some(command))
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn command(&mut self) -> Result<Option<Command>, Garbled> {
        let Some(count) = self.header(b'*')? else { return Ok(None) };
        let mut command = Command::new();
        for _ in 0..count {
            let Some(length) = self.header(b'$')? else { return Ok(None) };
            let Some(argument) = self.bytes.get(self.at..self.at + length) else { return Ok(None) };
            command.push(argument.to_vec());
            self.at += length + 2;
        }
        Ok((self.at <= self.bytes.len()).then_some(command))
    }

    /// A line such as `*3` or `$12`.
    fn header(&mut self, kind: u8) -> Result<Option<usize>, Garbled> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.first().is_some_and(|first| *first != kind) {
            return Err(Garbled);
        }
        let Some(length) = rest.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
        let number =
            std::str::from_utf8(&rest[1..length]).ok().and_then(|digits| digits.parse().ok()).ok_or(Garbled)?;
        self.at += length + 2;
        Ok(Some(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(parts: &[&str]) -> Command {
        parts.iter().map(|part| part.as_bytes().to_vec()).collect()
    }

    #[test]
    fn a_command_is_taken_once_it_is_complete() {
        let sent = b"*2\r\n$3\r\nGET\r\n$3\r\na\r\n\r\n";
        let mut received = Vec::new();
        for (at, byte) in sent.iter().enumerate() {
            assert_eq!(take(&mut received), Ok(None), "after {at} bytes");
            received.push(*byte);
        }
        assert_eq!(take(&mut received), Ok(Some(command(&["GET", "a\r\n"]))));
        assert_eq!(received, b"");
    }

    #[test]
    fn the_next_command_stays() {
        let mut received = b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n".to_vec();
        assert_eq!(take(&mut received), Ok(Some(command(&["PING"]))));
        assert_eq!(take(&mut received), Ok(Some(command(&["QUIT"]))));
        assert_eq!(take(&mut received), Ok(None));
    }

    #[test]
    fn what_is_no_command_is_said_to_be_garbled() {
        for garbage in ["GET / HTTP/1.1\r\n", "*x\r\n", "*1\r\n:4\r\n", "*-1\r\n"] {
            assert_eq!(take(&mut garbage.as_bytes().to_vec()), Err(Garbled), "{garbage:?}");
        }
    }
}
