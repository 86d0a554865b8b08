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
    /// A key that was cut because it is over 512 bytes long fits its template only if that ends in a placeholder.
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

    /// Whether a key is one of its keys, or may be: of one that was cut, only how it begins can be told.
    #[cfg(feature = "inspect")]
    pub(crate) fn may_have(&self, key: &str) -> bool {
        let begins_alike = |kept: &str| {
            let head = self.head();
            kept.starts_with(&head) || head.starts_with(kept)
        };
        self.fits(key) || crate::key::kept_of_cut(key).is_some_and(begins_alike)
    }

    /// As a Redis pattern that matches every key of it, those that were cut among them, and perhaps others.
    #[cfg(feature = "inspect")]
    pub(crate) fn pattern(&self) -> String {
        // What a cut key keeps of a head that is longer is not worth telling: few heads are.
        if self.head().len() > LONGEST_HEAD { "*".to_owned() } else { crate::glob::literal(&self.head()) + "*" }
    }

    /// What all its keys begin with.
    #[cfg(feature = "inspect")]
    fn head(&self) -> String {
        match self.pieces().first() {
            Some(Piece::Text(text)) => rendered(text),
            _ => String::new(),
        }
    }
}

/// A cut key keeps more of its beginning than that.
#[cfg(feature = "inspect")]
const LONGEST_HEAD: usize = 256;

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
        assert_eq!(Template::from("a*:{id}:b").pattern(), r"a\*:*");
    }

    #[cfg(feature = "inspect")]
    #[test]
    fn a_key_that_was_cut_may_be_one_of_each_template_that_begins_alike() {
        let cut = crate::Key::new("note:".to_owned() + &"a".repeat(600));
        let cut = cut.as_str();
        assert!(cut.len() <= 512 && !Template::from("note:{text}:x").fits(cut));
        for (template, may) in
            [("note:{text}", true), ("{any}", true), ("note:{text}:x", true), ("notes:{text}", false)]
        {
            assert_eq!(Template::from(template).may_have(cut), may, "{template}");
        }
        assert!(!Template::from("note:{text}").may_have("note:7:x"), "that one was not cut");
        assert_eq!(Template::from("a".repeat(300).as_str()).pattern(), "*");
    }
}
