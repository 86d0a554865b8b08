//! What is known of the tags that a result will name: from an earlier envelope, or a hint.

use xxhash_rust::xxh3::xxh3_64;

use super::envelope::Envelope;
use super::found::{read_found, write_found};
use super::{HINT, random8};

/// What the first load of an entry leaves whose result names tags: they must be known before the load whose value
/// is stored.
pub(crate) fn hint(found: &[String]) -> Vec<u8> {
    let mut hint = vec![HINT];
    hint.extend_from_slice(&random8());
    hint.extend_from_slice(&[0; 8]);
    write_found(found, &mut hint);
    let check = xxh3_64(&hint[17..]);
    hint[9..17].copy_from_slice(&check.to_le_bytes());
    hint
}

/// The tags that an earlier result of this entry named, whether or not it stands.
pub(crate) fn known_found(bytes: &[u8]) -> Vec<String> {
    if let Some(envelope) = Envelope::parse(bytes) {
        return envelope.found();
    }
    let hint = (|| {
        let (check, found) = bytes.strip_prefix(&[HINT])?.get(8..)?.split_first_chunk::<8>()?;
        (u64::from_le_bytes(*check) == xxh3_64(found)).then_some(())?;
        read_found(found).map(|(found, _)| found)
    })();
    hint.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::token;
    use super::*;

    #[test]
    fn a_hint_reads_as_it_was_written() {
        let found = ["org:7".to_owned(), String::new()];
        let bytes = hint(&found);
        assert_eq!(known_found(&bytes), found);
        for length in 0..bytes.len() {
            assert!(known_found(&bytes[..length]).is_empty(), "length {length}");
        }
        assert!(known_found(&token(*b"hist", [1; 8])).is_empty());
    }
}
