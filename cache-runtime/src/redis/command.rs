//! A command, written as it is sent: RESP2, <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use std::ops::Deref;

use redis::Cmd;

/// What is sent by itself is written once, and not put together as a value before.
pub(super) struct Command {
    name: &'static str,
    bytes: Vec<u8>,
}

/// As much as stands before and behind an argument, mostly.
const AROUND: usize = 8;

impl Command {
    pub(super) fn new(name: &'static str, arguments: &[&[u8]]) -> Self {
        let length = arguments.iter().map(|argument| argument.len() + AROUND).sum::<usize>();
        let mut bytes = Vec::with_capacity(length + name.len() + 2 * AROUND);
        header(&mut bytes, b'*', 1 + arguments.len());
        argument(&mut bytes, &[name.as_bytes()]);
        arguments.iter().for_each(|text| argument(&mut bytes, &[text]));
        Self { name, bytes }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// For whoever takes nothing else: pipelines, and connections over TLS.
impl From<Command> for Cmd {
    fn from(command: Command) -> Self {
        let (count, mut rest) = written(&command.bytes);
        let mut same = Self::with_capacity(count, rest.len());
        for _ in 0..count {
            let (length, behind) = written(rest);
            same.arg(&behind[..length]);
            rest = &behind[length + 2..];
        }
        same
    }
}

/// The number that [`header`] wrote, and what stands behind it.
fn written(bytes: &[u8]) -> (usize, &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\r').expect("each header ends with it");
    let number = bytes[1..end].iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
    (number, &bytes[end + 2..])
}

/// An argument in pieces.
pub(super) fn argument(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    header(out, b'$', pieces.iter().map(|piece| piece.len()).sum());
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    out.extend_from_slice(b"\r\n");
}

pub(super) fn header(out: &mut Vec<u8>, kind: u8, number: usize) {
    let digit = |value: usize| b'0' + value as u8;
    match number {
        // What most counts and lengths are.
        0..=9 => out.extend_from_slice(&[kind, digit(number), b'\r', b'\n']),
        10..=99 => out.extend_from_slice(&[kind, digit(number / 10), digit(number % 10), b'\r', b'\n']),
        _ => {
            out.push(kind);
            out.extend_from_slice(&decimal(number as u64));
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// A number, in digits.
pub(super) struct Decimal {
    digits: [u8; 20],
    first: usize,
}

pub(super) fn decimal(mut number: u64) -> Decimal {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return Decimal { digits, first };
        }
    }
}

impl Deref for Decimal {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.digits[self.first..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_client_would_send() {
        for length in [0, 1, 9, 10, 99, 100, 1234] {
            let argument = vec![b'\r'; length];
            let ours = || Command::new("SET", &[&argument, b"$1\r\n", &decimal(u64::MAX), &decimal(0)]);
            let mut theirs = redis::cmd("SET");
            theirs.arg(&argument).arg("$1\r\n").arg(u64::MAX).arg(0);
            assert_eq!(Cmd::from(ours()).get_packed_command(), theirs.get_packed_command());
            assert_eq!(ours().name(), "SET");
            assert_eq!(ours().into_bytes(), theirs.get_packed_command());
        }
    }
}
