//! What the user probably meant: the closest of a few known words.

/// The candidate closest to `word`, if one is close enough to be a slip of the keyboard.
pub(crate) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = word.to_lowercase();
    candidates
        .into_iter()
        .filter_map(|candidate| Some((closeness(&wanted, candidate)?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How far apart the two are; `None` when they are different words.
fn closeness(wanted: &str, candidate: &str) -> Option<usize> {
    let candidate = candidate.to_lowercase();
    let (shorter, longer) = lengths(wanted, &candidate);
    let parts = |text: &str, of: &str| of.split('_').any(|part| part == text);
    let part = shorter >= 2 && (parts(wanted, &candidate) || parts(&candidate, wanted));
    slip(wanted, &candidate).or(part.then_some(longer - shorter + 1))
}

/// How many slips of the keyboard are between the two, if that is all that is between them.
pub(crate) fn slip(a: &str, b: &str) -> Option<usize> {
    let distance = distance(a, b);
    let (shorter, longer) = lengths(a, b);
    (distance <= longer.div_ceil(4).max(1) && distance < shorter).then_some(distance)
}

fn lengths(a: &str, b: &str) -> (usize, usize) {
    let (a, b) = (a.chars().count(), b.chars().count());
    (a.min(b), a.max(b))
}

/// Edits between two words: insert, remove, replace a letter, or swap two neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replace.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: [&str; 6] = ["key", "ttl", "tags", "skip", "negative_ttl", "version"];

    #[test]
    fn slips_are_recognised() {
        for (typed, meant) in [
            ("tll", "ttl"),
            ("TTL", "ttl"),
            ("tag", "tags"),
            ("skpi", "skip"),
            ("verison", "version"),
            ("negativ_ttl", "negative_ttl"),
        ] {
            assert_eq!(closest(typed, OPTIONS), Some(meant), "{typed}");
        }
        assert_eq!(closest("idd", ["db", "id"]), Some("id"));
        assert_eq!(closest("user_id", ["id", "db"]), Some("id"));
        assert_eq!(closest("id", ["db", "user_id"]), Some("user_id"));
    }

    #[test]
    fn other_words_are_left_alone() {
        assert_eq!(closest("fence", OPTIONS), None);
        assert_eq!(closest("x", ["id", "y"]), None);
        assert_eq!(closest("a", ["b"]), None);
        assert_eq!(closest("key", []), None);
    }
}
