//! The tags that a result named, as an envelope and a hint have them.

pub(super) fn write_found(found: &[String], out: &mut Vec<u8>) {
    out.push(u8::try_from(found.len()).expect("a key has at most 255 tags"));
    for tag in found {
        out.extend_from_slice(&u16::try_from(tag.len()).expect("a tag has at most 512 bytes").to_le_bytes());
        out.extend_from_slice(tag.as_bytes());
    }
}

/// The tags at the beginning of `bytes`, and what stands behind them.
pub(super) fn read_found(bytes: &[u8]) -> Option<(Vec<String>, &[u8])> {
    let (count, mut rest) = bytes.split_first()?;
    let mut found = Vec::with_capacity(usize::from(*count));
    for _ in 0..*count {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let (tag, behind) = behind.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        found.push(String::from_utf8(tag.to_vec()).ok()?);
        rest = behind;
    }
    Some((found, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_they_were_written_and_nothing_is_guessed() {
        let found = ["org:7".to_owned(), String::new(), "ä".to_owned()];
        let mut bytes = Vec::new();
        write_found(&found, &mut bytes);
        let whole = bytes.len();
        bytes.extend_from_slice(b"payload");
        assert_eq!(read_found(&bytes), Some((found.to_vec(), &b"payload"[..])));
        for length in 0..whole {
            assert_eq!(read_found(&bytes[..length]), None, "length {length}");
        }
        bytes[whole - 1] = b'x';
        assert_eq!(read_found(&bytes), None, "no text");
    }
}
