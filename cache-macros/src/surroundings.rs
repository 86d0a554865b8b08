//! What stands around an attribute: an attribute macro sees its own item only, so the source is looked at.
//!
//! Text in, answer out: [`scan`] tells what is open at a place. The one function that asks the compiler where it is, is
//! at the end.

mod scan;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;

pub(crate) use scan::Surroundings;
use scan::{Frame, Scan};

/// A file, read as far as was asked for: attributes are expanded one after the other, and a long file is not to be read
/// again for each.
struct Source {
    text: String,
    /// A line, counted from 1, and where it starts.
    line: (usize, usize),
    /// How far it is read, and what is open there.
    read: usize,
    open: Vec<Frame>,
}

impl Source {
    fn new(text: String) -> Self {
        Self { text, line: (1, 0), read: 0, open: vec![Frame::file()] }
    }

    /// Looks at what is open at `line` and `column`, both counted from 1, in characters.
    fn at(&mut self, line: usize, column: usize) -> Surroundings {
        let Some(offset) = self.offset(line, column) else {
            return Surroundings::Unknown;
        };
        if offset < self.read {
            self.start_over();
        }
        let mut scan = Scan::new(&self.text[self.read..offset], std::mem::take(&mut self.open));
        scan.run();
        (self.read, self.open) = (offset, scan.open().to_vec());
        if !self.text[offset..].starts_with('#') && !scan.leave_attribute() {
            // It may be within a token.
            self.start_over();
            return Surroundings::Unknown;
        }
        scan.answer()
    }

    fn start_over(&mut self) {
        (self.read, self.open) = (0, vec![Frame::file()]);
    }

    fn offset(&mut self, line: usize, column: usize) -> Option<usize> {
        if line < self.line.0 {
            self.line = (1, 0);
        }
        while self.line.0 < line {
            let (before, start) = self.line;
            self.line = (before + 1, start + self.text[start..].find('\n')? + 1);
        }
        let text = self.text[self.line.1..].split('\n').next()?;
        let (bytes, _) = text.char_indices().nth(column.checked_sub(1)?)?;
        Some(self.line.1 + bytes)
    }
}

thread_local! {
    static SOURCES: RefCell<HashMap<PathBuf, Option<Source>>> = RefCell::default();
}

/// What stands around the attribute that is being expanded.
pub(crate) fn of_call_site() -> Surroundings {
    if !proc_macro::is_available() {
        return Surroundings::Unknown;
    }
    let span = proc_macro::Span::call_site();
    let Some(file) = span.local_file() else {
        return Surroundings::Unknown;
    };
    SOURCES.with_borrow_mut(|sources| {
        let read = |file: &PathBuf| std::fs::read_to_string(file).ok().map(Source::new);
        let source = sources.entry(file).or_insert_with_key(read).as_mut();
        source.map_or(Surroundings::Unknown, |source| source.at(span.line(), span.column()))
    })
}

#[cfg(test)]
mod tests {
    use super::Surroundings::{Associated, Free, Unknown};
    use super::*;

    /// The answer for the last `#` of the text.
    fn around(text: &str) -> Surroundings {
        let source = format!("{text}#[cached]");
        let before = &source[..text.len()];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        Source::new(source).at(line, column)
    }

    #[test]
    fn modules_and_bodies_are_free() {
        for text in [
            "",
            "use a::{b, c};\n",
            "mod users {\n    ",
            "impl A { fn a() {} }\n",
            "impl A { fn a() {\n",
            "fn main() { if x { loop { ",
            "fn f(x: impl Into<u8>) -> impl Future<Output = u8> {",
            "trait T { fn a() { let x = S { y: 1 }; match x { _ => { ",
            "struct S { impl_: u8 }\n",
            "const X: S = S { y: 1 };\n",
            "static S: [u8; { 1 }] = [1];",
            "thread_local! { static X: u8 = 1; }\n",
            "vec![1]; fn f() {",
            "macro_rules! m { () => { impl A { } } }\n",
        ] {
            assert_eq!(around(text), Free, "{text}");
        }
    }

    #[test]
    fn impls_and_traits_are_not() {
        for text in [
            "impl Users {\n    ",
            "impl<T: Fn() -> u8> Repo for Users<T> where T: Send {",
            "pub(crate) unsafe trait Repo: Send {",
            "impl Repo for fn(u8) -> u8 {",
            "impl Matrix<{ N + 1 }> {",
            "impl Matrix<{ N }, { M }> {",
            "impl Array for [u8; { N }] {",
            "#[async_trait]\nimpl A { fn a() {} const B: S = S {}; type C = u8; ",
            "mod a { mod b { impl A { fn a() { if x { } } ",
            "fn f() { impl A {",
            "macro_rules! m { () => { impl A { ",
            "wrap! { impl A { ",
        ] {
            assert_eq!(around(text), Associated, "{text}");
        }
    }

    #[test]
    fn inside_of_macros_it_is_unknown() {
        for text in ["wrap! { ", "wrap!(", "macro_rules! m { () => { ", "m![{ "] {
            assert_eq!(around(text), Unknown, "{text}");
        }
    }

    #[test]
    fn text_that_looks_like_code_is_skipped() {
        for text in [
            "// impl A {\n",
            "/* impl A { /* nested { */ { */",
            "const A: &str = \"impl A {\\\" {\";\n",
            "const A: &str = r#\"impl \"A\" {\"#;\n",
            "const A: &[u8] = br\"{\\\";\n",
            "const A: char = '{';\n",
            "const A: char = '\\'';const B: char = '\\u{7b}';\n",
            "fn f<'a>(x: &'a str) -> char { '{' }\n",
            "fn r#impl() {",
            "const É: char = 'é'; /* é */ ",
        ] {
            assert_eq!(around(text), Free, "{text}");
        }
    }

    fn at(text: &str, line: usize, column: usize) -> Surroundings {
        Source::new(text.to_owned()).at(line, column)
    }

    #[test]
    fn a_file_answers_in_any_order() {
        let text = "#[a]\nimpl A {\n #[b]\n #[cfg_attr(all(), c)]\n const A: &str = \"#[d] {\";\n}\nwrap! {\n #[e]\n}\n#[é] #[f]\n";
        let known = [
            ((1, 1), Free),
            ((3, 2), Associated),
            ((4, 20), Associated),
            ((8, 2), Unknown),
            ((10, 1), Free),
            ((10, 6), Free),
            ((12, 1), Unknown),
        ];
        for ((line, column), expected) in known {
            assert_eq!(at(text, line, column), expected, "{line}:{column}");
        }
        let mut file = Source::new(text.to_owned());
        for (first, _) in known {
            for (second, expected) in known {
                file.at(first.0, first.1);
                assert_eq!(file.at(second.0, second.1), expected, "{second:?} after {first:?}");
                assert_eq!(file.at(second.0, second.1), expected, "{second:?} again");
            }
        }
    }

    #[test]
    fn attributes_of_attributes_are_left() {
        let column = "impl A { #[cfg_attr(all(), ".len() + 1;
        assert_eq!(at("impl A { #[cfg_attr(all(), cached)]", 1, column), Associated);
        assert_eq!(at("mod a {} #[cfg_attr(any(), cached)]", 1, column), Free);
        assert_eq!(at("impl A { cfg_attr(any(), a, cached)]", 1, column), Unknown);
    }

    #[test]
    fn places_that_do_not_fit_are_unknown() {
        assert_eq!(at("fn f() {}", 1, 1), Unknown);
        assert_eq!(at("#[cached]", 2, 1), Unknown);
        assert_eq!(at("#[cached]", 1, 40), Unknown);
        assert_eq!(at("", 1, 1), Unknown);
    }
}
