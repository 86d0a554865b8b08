//! Whether two templates can render the same text.
//!
//! A template is a pattern: a literal is its characters, a placeholder is one or more of the characters that a rendered
//! value can have (`KeyWriter` escapes all others). Two templates unify if there is a text that both match. The rule is
//! exact for these patterns, wherever placeholders and literals meet: `{org}:{id}` and `a:{x}` have `a:b` in common.
//!
//! What it leaves out: types (a number is never `me`), empty values, and what becomes of more than 512 bytes.

use super::template::Piece;

/// What a pattern takes next.
#[derive(Clone, Copy)]
enum Step {
    /// This character, as rendered.
    One(char),
    /// A character of a value.
    Any,
    /// As many more of them as there are.
    More,
}

/// Whether a text matches both, found by walking through both at once: a position is one of each.
pub(super) fn unify(a: &[Piece], b: &[Piece]) -> bool {
    let (a, b) = (steps(a), steps(b));
    let mut seen = vec![false; (a.len() + 1) * (b.len() + 1)];
    let mut open = vec![(0, 0)];
    while let Some((i, j)) = open.pop() {
        if std::mem::replace(&mut seen[i * (b.len() + 1) + j], true) {
            continue;
        }
        let (left, right) = (a.get(i).copied(), b.get(j).copied());
        if left.is_none() && right.is_none() {
            return true;
        }
        // A value may end here.
        if let Some(Step::More) = left {
            open.push((i + 1, j));
        }
        if let Some(Step::More) = right {
            open.push((i, j + 1));
        }
        if let (Some(left), Some(right)) = (left, right)
            && left.meets(right)
        {
            open.push((left.after(i), right.after(j)));
        }
    }
    false
}

fn steps(pieces: &[Piece]) -> Vec<Step> {
    let mut steps = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => steps.extend(text.replace('%', "%25").chars().map(Step::One)),
            Piece::Hole(_) => steps.extend([Step::Any, Step::More]),
        }
    }
    steps
}

impl Step {
    /// Whether there is a character that both take.
    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::One(a), Self::One(b)) => a == b,
            (Self::One(c), _) | (_, Self::One(c)) => in_values(c),
            _ => true,
        }
    }

    /// Where a pattern is once it has taken a character.
    fn after(self, position: usize) -> usize {
        match self {
            Self::More => position,
            Self::One(_) | Self::Any => position + 1,
        }
    }
}

/// Whether rendered values can have it: what stays as it is, the `%` of escapes and of `None`, what separates the parts
/// of one value.
pub(super) fn in_values(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_alphanumeric() || "_.@~+-%,()".contains(c)
}

#[cfg(test)]
mod tests {
    use super::super::Template;
    use crate::key::{KeyPart, KeyWriter};

    fn unify(a: &str, b: &str) -> bool {
        let (a, b) = (Template::from(a), Template::from(b));
        let both = a.unifies(&b);
        assert_eq!(both, b.unifies(&a), "{a} and {b}: the order says nothing");
        both
    }

    #[test]
    fn names_say_nothing() {
        assert!(unify("user:{id}", "user:{user_id}"));
        assert!(unify("user:{return.id}", "user:{id:hash}"));
        assert!(unify("users", "users"));
        assert!(!unify("user:{id}", "usr:{id}"));
        assert!(!unify("users", "user"));
    }

    #[test]
    fn a_placeholder_takes_what_a_value_can_be() {
        assert!(unify("user:{id}", "user:7"));
        assert!(unify("user:{id}", "user:me"));
        assert!(unify("{name}", "users"));
        assert!(unify("{id}", "50%"), "as `50%25` in both");
        assert!(unify("{id}", "ü"));
        assert!(unify("page:{p}", "page:(1,2)"), "what a list renders to");
        assert!(!unify("user:{id}", "user:"), "nothing is no value");
        assert!(!unify("user:{id}", "user:a b"), "a space in a value is `%20`");
    }

    #[test]
    fn a_placeholder_ends_at_a_separator() {
        assert!(!unify("user:{id}", "user:{id}:orders"));
        assert!(!unify("{a}", "x:{b}"));
        assert!(!unify("{a}:{b}", "{a}:{b}:{c}"));
        assert!(!unify("{a}:{b}", "{a}/{b}"));
        assert!(!unify("{a}", "crate::module::function"));
    }

    #[test]
    fn placeholders_and_literals_meet_anywhere() {
        assert!(unify("{org}:{id}", "a:{x}"));
        assert!(unify("{org}:{id}", "{x}:b"));
        assert!(unify("a:{x}", "{y}:b"));
        assert!(!unify("a:{x}", "b:{y}"));
        assert!(unify("user-{id}", "{x}-7"), "`user-7`");
        assert!(unify("a{x}", "{y}b"), "`ab` is too short, `a0b` is not");
        assert!(unify("a{x}", "aa{y}"));
        assert!(unify("{x}ab", "{y}abab"));
        assert!(!unify("a{x}", "a"));
    }

    #[test]
    fn long_templates_take_no_time() {
        let many = "{a}x:".repeat(300);
        assert!(unify(&many, &many.replace('a', "b")));
        assert!(!unify(&many, &format!("{many}!")));
    }

    /// What can be rendered at all is taken by a placeholder: the alphabet is that of the writer.
    #[test]
    fn whatever_is_rendered_can_be_in_a_value() {
        struct Separated;
        impl KeyPart for Separated {
            fn write(&self, out: &mut KeyWriter) {
                out.text("a");
                out.separator();
                out.plain("b");
            }
        }
        let all: String = (0..0x250_u32).filter_map(char::from_u32).collect();
        let parts: [&dyn KeyPart; 6] = [&all, &None::<u8>, &[(1, "x")], &vec![Some(None::<u8>)], &Separated, &-7];
        for part in parts {
            let mut writer = KeyWriter::new();
            part.write(&mut writer);
            let rendered = std::str::from_utf8(writer.rendered()).expect("keys are text");
            assert!(rendered.chars().all(super::in_values), "{rendered}");
        }
        // And what it escapes is not: a literal of it is met by no value.
        for c in (0..128_u8).map(char::from).filter(|c| !super::in_values(*c)) {
            let mut writer = KeyWriter::new();
            c.write(&mut writer);
            assert!(!writer.rendered().contains(&(c as u8)), "{c:?}");
        }
    }
}
