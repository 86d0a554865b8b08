//! The patterns of `remove_matching`, with the meaning that Redis gives them.

/// Whether `text` matches `pattern`: `*`, `?`, `[abc]`, `[^a-c]`, and `\` before a character taken as it is.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    matches_bytes(pattern.as_bytes(), text.as_bytes())
}

fn matches_bytes(mut pattern: &[u8], mut text: &[u8]) -> bool {
    // Where to go on after a mismatch: behind the latest star, one more byte swallowed by it.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            retry = Some((rest, text));
            pattern = rest;
            continue;
        }
        if let (true, true) = (pattern.is_empty(), text.is_empty()) {
            return true;
        }
        if let (Some(rest), [_, after @ ..]) = (text.first().and_then(|byte| one(pattern, *byte)), text) {
            (pattern, text) = (rest, after);
            continue;
        }
        match retry {
            Some((after_star, [_, swallowed @ ..])) => {
                retry = Some((after_star, swallowed));
                (pattern, text) = (after_star, swallowed);
            }
            _ => return false,
        }
    }
}

/// The rest of the pattern, if its first element takes `byte`.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [b'?', rest @ ..] => Some(rest),
        [b'\\', escaped, rest @ ..] => (*escaped == byte).then_some(rest),
        [b'[', rest @ ..] => set(rest, byte),
        [plain, rest @ ..] => (*plain == byte).then_some(rest),
        [] => None,
    }
}

fn set(mut pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let negated = pattern.first() == Some(&b'^');
    if negated {
        pattern = &pattern[1..];
    }
    let mut found = false;
    loop {
        match pattern {
            [] => break,
            [b']', rest @ ..] => {
                pattern = rest;
                break;
            }
            [b'\\', escaped, rest @ ..] => {
                found |= *escaped == byte;
                pattern = rest;
            }
            [low, b'-', high, rest @ ..] => {
                found |= (*low.min(high)..=*low.max(high)).contains(&byte);
                pattern = rest;
            }
            [plain, rest @ ..] => {
                found |= *plain == byte;
                pattern = rest;
            }
        }
    }
    (found != negated).then_some(pattern)
}

/// `text` as a pattern that matches only itself.
pub(crate) fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '^' | '-' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_to_redis() {
        for (pattern, text, expected) in [
            ("user:*", "user:7", true),
            ("user:*", "users:7", false),
            ("*:7", "a:7:7", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            ("", "", true),
            ("*", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_literal_matches_only_itself() {
        let odd = r"a*b?[c]\d-^";
        assert!(matches(&literal(odd), odd));
        assert!(!matches(&literal(odd), r"aXb?[c]\d-^"));
    }
}
