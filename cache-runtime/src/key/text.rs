//! The bytes of a rendered key: in place as long as they are few, and written where they are read.

use std::fmt;
use std::hash::{Hash, Hasher};

/// Keys with their tags are rarely longer.
const SHORT: usize = 128;

#[derive(Clone)]
pub(super) struct Text {
    short: [u8; SHORT],
    length: usize,
    /// All of it, once it is longer than `short`.
    long: Vec<u8>,
}

impl Text {
    pub(super) const fn new() -> Self {
        Self { short: [0; SHORT], length: 0, long: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn bytes(&self) -> &[u8] {
        if self.long.is_empty() { &self.short[..self.length] } else { &self.long }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        if self.long.is_empty() { &mut self.short[..self.length] } else { &mut self.long }
    }

    #[inline]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.short.get_mut(self.length..end) {
            Some(room) if self.long.is_empty() => room.copy_from_slice(bytes),
            _ => self.extend_long(bytes),
        }
        self.length = end;
    }

    #[cold]
    fn extend_long(&mut self, bytes: &[u8]) {
        if self.long.is_empty() {
            self.long.extend_from_slice(&self.short[..self.length]);
        }
        self.long.extend_from_slice(bytes);
    }

    /// Forgets what is behind `length`, which is not 0.
    pub(super) fn truncate(&mut self, length: usize) {
        self.long.truncate(length);
        self.length = self.length.min(length);
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(self.bytes()).fmt(f)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_a_vec_does_wherever_it_outgrows_its_place() {
        for first in SHORT - 2..SHORT + 3 {
            for second in [0, 1, 3, 200] {
                let (mut text, mut expected) = (Text::new(), Vec::new());
                for (byte, count) in [(b'a', first), (b'b', second), (b'c', 2)] {
                    text.extend(&vec![byte; count]);
                    expected.extend(vec![byte; count]);
                    assert_eq!((text.bytes(), text.len()), (&expected[..], expected.len()));
                }
                for length in [expected.len() + 1, SHORT, 5] {
                    text.truncate(length);
                    expected.truncate(length);
                    text.extend(b"d");
                    expected.extend(b"d");
                    text.bytes_mut()[0] = b'e';
                    expected[0] = b'e';
                    assert_eq!((text.bytes(), text.len()), (&expected[..], expected.len()));
                }
            }
        }
    }
}
