//! `MGET`, also for one name: unlike `GET` it answers somebody else's list or hash with nil, a miss.

#[cfg(feature = "tls")]
use redis::Pipeline;

use super::command::{argument, header};

/// A name, in two pieces.
pub(super) trait Piecewise: Copy {
    fn pieces(&self) -> [&[u8]; 2];
}

impl Piecewise for &[u8] {
    fn pieces(&self) -> [&[u8]; 2] {
        [b"", self]
    }
}

/// Most names are shorter.
const LENGTH: usize = 40;

/// How so many names are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    /// In one command.
    Together(usize),
    /// Each in one of its own: it may be another master's.
    Each(usize),
}

impl Asked {
    pub(super) fn commands(self) -> usize {
        match self {
            Self::Together(_) => 1,
            Self::Each(names) => names,
        }
    }

    /// How many values each reply has.
    pub(super) fn values(self) -> usize {
        match self {
            Self::Together(names) => names,
            Self::Each(_) => 1,
        }
    }
}

/// The commands, as they are sent.
pub(super) fn packed(names: impl Iterator<Item: Piecewise>, asked: Asked) -> Vec<u8> {
    let mut out = Vec::with_capacity(asked.commands() * (1 + asked.values()) * LENGTH);
    if let Asked::Together(count) = asked {
        command(&mut out, count);
    }
    for name in names {
        if let Asked::Each(_) = asked {
            command(&mut out, 1);
        }
        argument(&mut out, &name.pieces());
    }
    out
}

/// The same as values.
#[cfg(feature = "tls")]
pub(super) fn pipeline(names: impl Iterator<Item: Piecewise>, asked: Asked) -> Pipeline {
    let mut pipeline = redis::pipe();
    if let Asked::Together(_) = asked {
        pipeline.cmd("MGET");
    }
    for name in names {
        if let Asked::Each(_) = asked {
            pipeline.cmd("MGET");
        }
        pipeline.arg(name.pieces().concat());
    }
    pipeline
}

fn command(out: &mut Vec<u8>, names: usize) {
    header(out, b'*', 1 + names);
    argument(out, &[b"MGET"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_client_would_send() {
        for count in [1, 2, 8, 9, 10, 99, 100, 1234] {
            let names: Vec<Vec<u8>> = (0..count).map(|n| vec![b'n'; n]).collect();
            let names = || names.iter().map(Vec::as_slice);
            let mut together = redis::pipe();
            together.cmd("MGET");
            names().for_each(|name| _ = together.arg(name));
            let mut each = redis::pipe();
            names().for_each(|name| _ = each.cmd("MGET").arg(name));
            for (asked, expected) in [(Asked::Together(count), together), (Asked::Each(count), each)] {
                assert_eq!(packed(names(), asked), expected.get_packed_pipeline());
                #[cfg(feature = "tls")]
                assert_eq!(pipeline(names(), asked).get_packed_pipeline(), expected.get_packed_pipeline());
            }
        }
    }
}
