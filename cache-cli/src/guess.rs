//! Templates from keys: the parts that vary are placeholders.
//!
//! ```text
//! user:7:orders, user:8:orders, user:7:profile   ->   user:{}:orders, user:{}:profile
//! ```
//! A rendered value has no separators (they are escaped in it), so a key falls into parts at them. A part that looks like an
//! id is a placeholder at once; one of words is, as soon as there are too many different ones at its place, and at the end
//! where each of several was met only a few times. What is kept has a bounded size, however many keys there are.

use std::collections::BTreeMap;

/// So many words at one place are no placeholder yet.
const WORDS: usize = 12;
/// The same at the beginning of a key and in the path of a function, where words are names.
const NAMES: usize = 200;
/// From so many words on, met so few times each, they are a placeholder in the end.
const FEW_WORDS: usize = 3;
const FEW_KEYS: u64 = 3;

/// What is summed up of the keys of a template.
pub(crate) trait Sum: Default {
    fn keys(&self) -> u64;
    fn add(&mut self, other: Self);
}

/// A place in keys, and what can follow there.
struct Node<T> {
    /// By the next part, which is a word or separators.
    next: BTreeMap<String, Node<T>>,
    /// Where the next part is a placeholder.
    any: Option<Box<Node<T>>>,
    /// Whether it is one whatever it looks like.
    varies: bool,
    here: T,
}

impl<T: Default> Default for Node<T> {
    fn default() -> Self {
        Self { next: BTreeMap::new(), any: None, varies: false, here: T::default() }
    }
}

/// The templates of the keys seen so far.
pub(crate) struct Guess<T> {
    root: Node<T>,
}

impl<T: Sum> Guess<T> {
    pub(crate) fn new() -> Self {
        Self { root: Node::default() }
    }

    /// What is summed up of the template that the key seems to have.
    pub(crate) fn of(&mut self, key: &str) -> &mut T {
        let mut node = &mut self.root;
        let mut before = None;
        for part in parts(key) {
            let limit = if matches!(before, None | Some("::")) { NAMES } else { WORDS };
            before = Some(part);
            node = node.follow(part, limit);
        }
        &mut node.here
    }

    /// The templates, in their order.
    pub(crate) fn templates(mut self) -> Vec<(String, T)> {
        let mut found = Vec::new();
        self.root.settle(true);
        self.root.collect(String::new(), &mut found);
        found
    }
}

impl<T: Sum> Node<T> {
    fn follow(&mut self, part: &str, limit: usize) -> &mut Self {
        if is_separator(part) {
            return self.next.entry(part.to_owned()).or_default();
        }
        if !self.varies && !is_value(part) {
            if self.next.contains_key(part) || self.words() < limit {
                return self.next.entry(part.to_owned()).or_default();
            }
            self.vary();
        }
        self.any.get_or_insert_default()
    }

    fn words(&self) -> usize {
        self.next.keys().filter(|part| !is_separator(part)).count()
    }

    /// The words at this place are a placeholder from now on.
    fn vary(&mut self) {
        self.varies = true;
        let (separators, words) = std::mem::take(&mut self.next).into_iter().partition(|(part, _)| is_separator(part));
        self.next = separators;
        let words: BTreeMap<String, Self> = words;
        let any = self.any.get_or_insert_default();
        words.into_values().for_each(|word| any.take_in(word));
    }

    fn take_in(&mut self, other: Self) {
        self.here.add(other.here);
        self.varies |= other.varies;
        for (part, node) in other.next {
            self.next.entry(part).or_default().take_in(node);
        }
        if let Some(any) = other.any {
            self.any.get_or_insert_default().take_in(*any);
        }
        if self.varies || self.words() > WORDS {
            self.vary();
        }
    }

    fn keys(&self) -> u64 {
        let behind = self.next.values().chain(self.any.as_deref());
        self.here.keys() + behind.map(Self::keys).sum::<u64>()
    }

    /// Words of which each was met a few times are placeholders after all, but for those that keys begin with.
    fn settle(&mut self, first: bool) {
        let words = || self.next.iter().filter(|(part, _)| !is_separator(part));
        let few = words().count() >= FEW_WORDS && words().all(|(_, node)| node.keys() <= FEW_KEYS);
        if !first && few {
            self.vary();
        }
        self.next.values_mut().chain(self.any.as_deref_mut()).for_each(|node| node.settle(false));
    }

    fn collect(self, so_far: String, found: &mut Vec<(String, T)>) {
        for (part, node) in self.next {
            node.collect(format!("{so_far}{part}"), found);
        }
        if let Some(any) = self.any {
            any.collect(format!("{so_far}{{}}"), found);
        }
        if self.here.keys() > 0 {
            found.push((so_far, self.here));
        }
    }
}

/// Words and what separates them, in turns.
fn parts(key: &str) -> impl Iterator<Item = &str> {
    let mut rest = key;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| separates(c) != separates(first)).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        rest = behind;
        Some(part)
    })
}

/// Whether it is escaped in values, so that it is only ever a literal.
fn separates(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_alphanumeric() && !"_.@~+-%,()".contains(c)
}

fn is_separator(part: &str) -> bool {
    part.starts_with(separates)
}

/// Whether it looks like an id, a number, a hash or a rendered list, and not like a word.
fn is_value(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let hex = || part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    (digits > 0 && part.bytes().all(|byte| byte.is_ascii_digit() || b"+-._".contains(&byte)))
        || part.contains(['%', ',', '(', '@'])
        || (part.len() >= 8 && digits > 0 && hex())
        || !part.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Sum for u64 {
        fn keys(&self) -> u64 {
            *self
        }

        fn add(&mut self, other: Self) {
            *self += other;
        }
    }

    fn guessed(keys: impl IntoIterator<Item = String>) -> Vec<(String, u64)> {
        let mut guess = Guess::<u64>::new();
        keys.into_iter().for_each(|key| *guess.of(&key) += 1);
        guess.templates()
    }

    fn expected(templates: &[(&str, u64)]) -> Vec<(String, u64)> {
        templates.iter().map(|(template, keys)| ((*template).to_owned(), *keys)).collect()
    }

    #[test]
    fn ids_are_placeholders_and_words_are_not() {
        let users = (0..50).flat_map(|id| [format!("user:{id}"), format!("user:{id}:orders"), format!("org:{id}/v2")]);
        let keys = users.chain(["settings".to_owned()]);
        assert_eq!(
            guessed(keys),
            expected(&[("org:{}/v2", 50), ("settings", 1), ("user:{}:orders", 50), ("user:{}", 50)])
        );
    }

    #[test]
    fn words_that_vary_are_placeholders() {
        let names = |count: usize| (0..count).map(|name| format!("name:{}:mail", "x".repeat(name + 1)));
        assert_eq!(guessed(names(100)), expected(&[("name:{}:mail", 100)]));
        assert_eq!(guessed(names(5)), expected(&[("name:{}:mail", 5)]), "of each there is one");
        let kinds =
            ["small", "large", "huge"].into_iter().flat_map(|kind| (0..9).map(move |id| format!("{kind}:{id}")));
        assert_eq!(guessed(kinds), expected(&[("huge:{}", 9), ("large:{}", 9), ("small:{}", 9)]));
    }

    #[test]
    fn paths_of_functions_stay() {
        let functions =
            (0..30).flat_map(|name| (0..5).map(move |id| format!("shop::users::get_{}:{id}", "x".repeat(name))));
        let guessed = guessed(functions);
        assert_eq!(guessed.len(), 30);
        assert!(guessed.iter().all(|(template, keys)| template.ends_with(":{}") && *keys == 5), "{guessed:?}");
    }

    #[test]
    fn what_is_known_does_not_grow_with_the_keys() {
        let mut guess = Guess::<u64>::new();
        for number in 0..20_000_u32 {
            let word: String = number.to_string().bytes().map(|digit| char::from(digit + 49)).collect();
            *guess.of(&format!("{word}:{word}:{word}")) += 1;
        }
        let templates = guess.templates();
        assert_eq!(templates, expected(&[("{}:{}:{}", 20_000)]));
    }

    #[test]
    fn values_are_told_from_words() {
        for value in ["7", "-7", "2026-11-21", "a%20b", "1,2", "(1,2)", "me@here", "0123456789abcdef", "über"] {
            assert!(is_value(value), "{value}");
        }
        for word in ["users", "v2", "get_user", "by-name", "deadbeef", "a1"] {
            assert!(!is_value(word), "{word}");
        }
    }
}
