//! Commands, written as they are sent: RESP2, <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use std::ops::Deref;

#[cfg(feature = "tls")]
use redis::{Cmd, Pipeline};
use smallvec::SmallVec;

/// What is sent is written once, and not put together as a value before.
pub(super) struct Command {
    kind: Kind,
    bytes: Vec<u8>,
}

/// Several of them in one go.
#[derive(Default)]
pub(super) struct Commands {
    kinds: SmallVec<[Kind; 8]>,
    bytes: Vec<u8>,
    /// Whether `ASKING` goes before each that is added: it holds for the next one only.
    pub(super) asking: bool,
}

/// What decides which errors of a command do not fail its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `PUBLISH`.
    News,
    Set,
    /// Its error does not fail those beside it.
    Apart,
    /// It is about several names. If its reply is an array, it has one for each, as of commands apart.
    Several,
    Other,
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
        let kind = match name {
            "PUBLISH" => Kind::News,
            "SET" => Kind::Set,
            _ => Kind::Other,
        };
        Self { kind, bytes }
    }

    /// The same, about names that have nothing to do with each other, nor with those of the commands beside it.
    pub(super) fn apart(self) -> Self {
        Self { kind: Kind::Apart, ..self }
    }

    /// The same, about several names that may be asked for one by one.
    pub(super) fn several(self) -> Self {
        Self { kind: Kind::Several, ..self }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Commands {
    pub(super) fn add(&mut self, command: Command) {
        if self.asking {
            self.push(Command::new("ASKING", &[]));
        }
        self.push(command);
    }

    fn push(&mut self, command: Command) {
        self.kinds.push(command.kind);
        match self.bytes.is_empty() {
            true => self.bytes = command.bytes,
            false => self.bytes.extend_from_slice(&command.bytes),
        }
    }

    /// Of each, in order.
    pub(super) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// For connections over TLS, which take nothing else.
#[cfg(feature = "tls")]
impl From<Command> for Cmd {
    fn from(command: Command) -> Self {
        read(&command.bytes).0
    }
}

#[cfg(feature = "tls")]
impl From<Commands> for Pipeline {
    fn from(commands: Commands) -> Self {
        let mut same = Self::with_capacity(commands.kinds.len());
        let mut rest = &commands.bytes[..];
        while !rest.is_empty() {
            let command;
            (command, rest) = read(rest);
            same.add_command(command);
        }
        same
    }
}

/// The command that stands first, and what stands behind it.
#[cfg(feature = "tls")]
fn read(bytes: &[u8]) -> (Cmd, &[u8]) {
    let (count, mut rest) = written(bytes);
    // How long it is is not known yet, and what stands behind it may be much longer.
    let mut same = Cmd::new();
    for _ in 0..count {
        let (length, behind) = written(rest);
        same.arg(&behind[..length]);
        rest = &behind[length + 2..];
    }
    (same, rest)
}

/// The number that [`header`] wrote, and what stands behind it.
#[cfg(feature = "tls")]
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

    const LENGTHS: [usize; 7] = [0, 1, 9, 10, 99, 100, 1234];

    fn ours(argument: &[u8]) -> Command {
        Command::new("SET", &[argument, b"$1\r\n", &decimal(u64::MAX), &decimal(0)])
    }

    fn theirs(argument: &[u8]) -> redis::Cmd {
        let mut theirs = redis::cmd("SET");
        theirs.arg(argument).arg("$1\r\n").arg(u64::MAX).arg(0);
        theirs
    }

    #[test]
    fn it_is_what_the_client_would_send() {
        for length in LENGTHS {
            let argument = vec![b'\r'; length];
            #[cfg(feature = "tls")]
            assert_eq!(Cmd::from(ours(&argument)).get_packed_command(), theirs(&argument).get_packed_command());
            assert_eq!(ours(&argument).into_bytes(), theirs(&argument).get_packed_command());
        }
    }

    #[test]
    fn so_are_several() {
        for asking in [false, true] {
            let (mut together, mut pipeline) = (Commands::default(), redis::pipe());
            for length in LENGTHS {
                let argument = vec![b'\r'; length];
                together.asking = asking;
                together.add(ours(&argument));
                together.asking = false;
                together.add(Command::new("PUBLISH", &[]));
                if asking {
                    pipeline.cmd("ASKING");
                }
                pipeline.add_command(theirs(&argument));
                pipeline.cmd("PUBLISH");
            }
            let one: &[Kind] = if asking { &[Kind::Other, Kind::Set, Kind::News] } else { &[Kind::Set, Kind::News] };
            assert_eq!(together.kinds(), one.repeat(LENGTHS.len()));
            let packed = pipeline.get_packed_pipeline();
            #[cfg(feature = "tls")]
            {
                let mut same = Commands::default();
                same.kinds.clone_from(&together.kinds);
                same.bytes.clone_from(&together.bytes);
                assert_eq!(Pipeline::from(same).get_packed_pipeline(), packed);
            }
            assert_eq!(together.into_bytes(), packed);
        }
    }

    #[test]
    fn errors_are_judged_by_what_was_sent() {
        assert_eq!(ours(b"").kind(), Kind::Set);
        assert_eq!(Command::new("EVAL", &[]).kind(), Kind::Other);
        assert_eq!(Command::new("EVAL", &[]).apart().kind(), Kind::Apart);
        assert_eq!(Command::new("EVAL", &[]).several().kind(), Kind::Several);
    }
}
