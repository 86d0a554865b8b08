//! Whether a rendered key is one of a template's, and what its placeholders stand for then.

use super::Template;
use super::template::Piece;
use super::unify::in_values;

/// A placeholder and the text that stands in its place.
pub(crate) type Bound = (String, String);

/// How many steps are tried before a key is taken for one that does not fit. Macros see to it that what stands between two
/// placeholders separates them, and then there is one way; a template from elsewhere can have very many.
const STEPS: usize = 10_000;

impl Template {
    /// Whether some arguments render to this text, as far as one can tell without their types.
    ///
    /// ```
    /// # use cache_runtime::graph::Template;
    /// let template = Template::from("user:{id}:orders");
    /// assert!(template.fits("user:7:orders"));
    /// assert!(!template.fits("user:7"));
    /// ```
    ///
    /// A key that was cut because it is over 512 bytes long fits no template.
    pub fn fits(&self, text: &str) -> bool {
        self.bind(text).is_some()
    }

    /// What the placeholders stand for in `text`.
    pub(crate) fn bind(&self, text: &str) -> Option<Vec<Bound>> {
        let mut binding = Binding { steps: STEPS, bound: Vec::new() };
        binding.rest(&self.pieces(), text).then_some(binding.bound)
    }

    /// Rendered with these placeholders; `None` if there is one more.
    #[cfg(feature = "inspect")]
    pub(crate) fn with(&self, bound: &[Bound]) -> Option<String> {
        let piece = |piece| match piece {
            Piece::Text(text) => Some(rendered(&text)),
            Piece::Hole(name) => bound.iter().find(|(bound, _)| *bound == name).map(|(_, text)| text.clone()),
        };
        self.pieces().into_iter().map(piece).collect()
    }

    /// Whether the result is needed to render it.
    #[cfg(feature = "inspect")]
    pub(crate) fn names_result(&self) -> bool {
        let of_result = |name: &str| name.split('.').next() == Some("return");
        self.pieces().iter().any(|piece| matches!(piece, Piece::Hole(name) if of_result(name)))
    }

    /// As a Redis pattern that matches every key of it, and perhaps others.
    #[cfg(feature = "inspect")]
    pub(crate) fn pattern(&self) -> String {
        let piece = |piece| match piece {
            Piece::Text(text) => crate::glob::literal(&rendered(&text)),
            Piece::Hole(_) => "*".to_owned(),
        };
        self.pieces().into_iter().map(piece).collect()
    }
}

/// Literal text as it stands in keys.
fn rendered(text: &str) -> String {
    text.replace('%', "%25")
}

struct Binding {
    steps: usize,
    bound: Vec<Bound>,
}

impl Binding {
    fn rest(&mut self, pieces: &[Piece], text: &str) -> bool {
        let Some(steps) = self.steps.checked_sub(1) else { return false };
        self.steps = steps;
        match pieces {
            [] => text.is_empty(),
            [Piece::Text(literal), rest @ ..] => {
                text.strip_prefix(&rendered(literal)).is_some_and(|text| self.rest(rest, text))
            }
            [Piece::Hole(name), rest @ ..] => self.hole(name, rest, text),
        }
    }

    /// The same placeholder stands for the same text each time.
    fn hole(&mut self, name: &str, rest: &[Piece], text: &str) -> bool {
        if let Some((_, value)) = self.bound.iter().find(|(bound, _)| bound == name) {
            let value = value.clone();
            return text.strip_prefix(&value).is_some_and(|text| self.rest(rest, text));
        }
        let longest = text.find(|c| !in_values(c)).unwrap_or(text.len());
        let ends = (0..=longest).rev().filter(|end| text.is_char_boundary(*end));
        for end in ends {
            self.bound.push((name.to_owned(), text[..end].to_owned()));
            if self.rest(rest, &text[end..]) {
                return true;
            }
            self.bound.pop();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(template: &str, text: &str) -> Option<Vec<Bound>> {
        Template::from(template).bind(text)
    }

    fn one(name: &str, value: &str) -> Bound {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn placeholders_stand_for_what_values_render_to() {
        assert_eq!(bound("user:{id}", "user:7"), Some(vec![one("id", "7")]));
        assert_eq!(bound("users", "users"), Some(vec![]));
        assert_eq!(bound("{org}:{id}", "a:%3A"), Some(vec![one("org", "a"), one("id", "%3A")]));
        assert_eq!(bound("name:{name}", "name:"), Some(vec![one("name", "")]), "an empty text is a value");
        assert_eq!(bound("50%:{id}", "50%25:7"), Some(vec![one("id", "7")]));
        for (template, text) in
            [("user:{id}", "user:7:orders"), ("user:{id}", "users"), ("users", "user"), ("{a}", "a b")]
        {
            assert_eq!(bound(template, text), None, "{template} and {text}");
        }
    }

    #[test]
    fn one_placeholder_is_one_text() {
        assert_eq!(bound("{id}:{id}", "7:7"), Some(vec![one("id", "7")]));
        assert_eq!(bound("{id}:{id}", "7:8"), None);
    }

    #[test]
    fn a_literal_may_begin_as_a_value_ends() {
        assert_eq!(bound("{a}x:{b}", "xx:y"), Some(vec![one("a", "x"), one("b", "y")]));
        assert_eq!(bound("v{a}", "vv"), Some(vec![one("a", "v")]));
        assert_eq!(bound("{a}x:{b}", "y:y"), None);
    }

    #[test]
    fn what_can_be_bound_in_too_many_ways_takes_no_time() {
        let many: String = (0..12).map(|hole| format!("{{h{hole}}}-")).collect();
        assert!(!Template::from(many.as_str()).fits(&"-".repeat(200)), "it ends in another literal");
    }

    #[cfg(feature = "inspect")]
    #[test]
    fn tags_are_rendered_by_what_the_key_told() {
        let bound = [one("id", "%3A")];
        assert_eq!(Template::from("{{50%}}:{id}").with(&bound).as_deref(), Some("{50%25}:%3A"));
        assert_eq!(Template::from("org:{org}").with(&bound), None);
        assert!(Template::from("org:{return.org}").names_result());
        assert!(!Template::from("org:{returned}").names_result());
        assert_eq!(Template::from("a*:{id}:b").pattern(), r"a\*:*:b");
    }
}
