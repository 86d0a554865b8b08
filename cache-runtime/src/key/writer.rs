//! Where the parts of a key are rendered, so that two different lists of parts never render the same.

use super::MAX_LENGTH;
use super::hash::shorten;
use super::text::Text;

/// Collects a rendered key or tag.
///
/// Text of values is escaped: ASCII letters and digits, `_ . @ ~ + -` and everything beyond ASCII stay as they are, all
/// else becomes `%XX`. What structures a key (the template's literals, `,` `(` `)` between parts, `%n` for `None`) is
/// therefore never mistaken for a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyWriter {
    rendered: Text,
    failure: Option<Box<str>>,
}

/// Which bytes need no escape.
const STAYS: [bool; 256] = {
    let mut stays = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let is = byte as u8;
        stays[byte] = is.is_ascii_alphanumeric() || matches!(is, b'_' | b'.' | b'@' | b'~' | b'+' | b'-') || is >= 0x80;
        byte += 1;
    }
    stays
};

fn stays(byte: u8) -> bool {
    STAYS[usize::from(byte)]
}

impl KeyWriter {
    pub(crate) fn new() -> Self {
        Self { rendered: Text::new(), failure: None }
    }

    /// Writes text of a value, escaped.
    pub fn text(&mut self, text: &str) {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        if text.bytes().all(stays) {
            return self.raw(text);
        }
        for byte in text.bytes() {
            if stays(byte) {
                self.rendered.extend(&[byte]);
            } else {
                let escape = [b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                self.rendered.extend(&escape);
            }
        }
    }

    /// Writes text that needs no escape: digits, identifiers.
    pub fn plain(&mut self, text: &str) {
        debug_assert!(text.bytes().all(stays), "`{text}` needs `text`");
        self.raw(text);
    }

    /// Writes digits, and perhaps a minus before them.
    pub(crate) fn digits(&mut self, digits: &[u8]) {
        debug_assert!(digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'-')));
        self.rendered.extend(digits);
    }

    /// Separates two parts of one value.
    pub fn separator(&mut self) {
        self.rendered.extend(b",");
    }

    /// Writes what is not a value.
    pub(crate) fn raw(&mut self, text: &str) {
        self.rendered.extend(text.as_bytes());
    }

    /// Notes that a part cannot be rendered: the call goes uncached.
    pub(crate) fn fail(&mut self, reason: impl Into<Box<str>>) {
        self.failure.get_or_insert_with(|| reason.into());
    }

    /// Where the next part will stand.
    pub(crate) fn position(&self) -> usize {
        self.rendered.len()
    }

    /// Marks what was written at `position` as being inside a `Some`, if it would pass for an `Option`'s own mark.
    pub(crate) fn mark_some(&mut self, position: usize) {
        let rest = &self.rendered.bytes()[position..];
        if rest.starts_with(b"%n") || rest.starts_with(b"%s") {
            self.rendered.extend(b"%s");
            self.rendered.bytes_mut()[position..].rotate_right(2);
        }
    }

    /// Cuts what was written since `start`, if that is too long for a key or a tag.
    pub(crate) fn shorten(&mut self, start: usize) {
        if self.rendered.len() - start > MAX_LENGTH {
            shorten(&mut self.rendered, start, MAX_LENGTH);
        }
    }

    pub(crate) fn rendered(&self) -> &[u8] {
        self.rendered.bytes()
    }

    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}
