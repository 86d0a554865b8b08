//! Templates as text: `user:{id}:{filter:hash}` into pieces, and everything that can be wrong with one.

use std::ops::Range;

/// A template, cut up. Ranges are bytes of the text it was parsed from.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    /// Literal text, braces unescaped.
    Text(String),
    /// `{name.field:format}`.
    Placeholder(Placeholder),
}

/// One `{..}`.
#[derive(Debug, PartialEq)]
pub(crate) struct Placeholder {
    /// With its braces.
    pub(crate) range: Range<usize>,
    /// The name and the fields behind it, raw prefixes removed: never empty.
    pub(crate) path: Vec<String>,
    /// `{name:hash}`.
    pub(crate) hash: bool,
}

/// What is wrong, and where.
#[derive(Debug, PartialEq)]
pub(crate) struct Mistake {
    pub(crate) range: Range<usize>,
    pub(crate) kind: Kind,
}

/// What is wrong.
#[derive(Debug, PartialEq)]
pub(crate) enum Kind {
    /// Nothing between the quotes.
    EmptyTemplate,
    /// `{id` to the end, or to the next `{`.
    Unclosed,
    /// `}` that closes nothing.
    Stray,
    /// `{}`.
    Empty,
    /// `{a + b}`, `{user.name()}`: not a path of names.
    NotAName,
    /// `{id:hex}`: the text after the colon.
    UnknownFormat(String),
    /// `{a}{b}`.
    Adjacent,
    /// `{a}-{b}`: the literal between two placeholders can also occur in a value.
    NoSeparator,
}

/// Cuts `text` up. With mistakes, the pieces are those that could be read.
pub(crate) fn parse(text: &str) -> (Vec<Piece>, Vec<Mistake>) {
    let mut parser = Parser { text, pieces: Vec::new(), mistakes: Vec::new() };
    parser.run();
    if parser.mistakes.is_empty() {
        parser.check_separators();
    }
    (parser.pieces, parser.mistakes)
}

/// Values leave this byte as it is, so it cannot separate two of them.
fn occurs_in_values(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_alphanumeric() || "_.@~+-%".contains(c)
}

struct Parser<'a> {
    text: &'a str,
    pieces: Vec<Piece>,
    mistakes: Vec<Mistake>,
}

impl Parser<'_> {
    fn run(&mut self) {
        if self.text.is_empty() {
            self.mistake(0..0, Kind::EmptyTemplate);
        }
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let doubled = bytes.get(at + 1) == Some(&bytes[at]);
            match bytes[at] {
                b'{' if !doubled => at = self.placeholder(at),
                b'}' if !doubled => {
                    self.mistake(at..at + 1, Kind::Stray);
                    at += 1;
                }
                b'{' | b'}' => {
                    self.literal(at..at + 1);
                    at += 2;
                }
                _ => {
                    let end = self.text[at..].find(['{', '}']).map_or(bytes.len(), |n| at + n);
                    self.literal(at..end);
                    at = end;
                }
            }
        }
    }

    /// Reads from `{` on; answers where to go on.
    fn placeholder(&mut self, open: usize) -> usize {
        let inside = open + 1;
        let end = self.text[inside..].find(['{', '}']).map_or(self.text.len(), |n| inside + n);
        if self.text.as_bytes().get(end) != Some(&b'}') {
            self.mistake(open..end, Kind::Unclosed);
            return end;
        }
        let range = open..end + 1;
        let content = &self.text[inside..end];
        let (path, format) = match content.split_once(':') {
            Some((path, format)) if !format.starts_with(':') => (path, Some(format)),
            _ => (content, None),
        };
        let names: Vec<String> = path.split('.').map(|name| name.trim().trim_start_matches("r#").to_owned()).collect();
        if content.trim().is_empty() {
            self.mistake(range.clone(), Kind::Empty);
        } else if !is_path(&names) {
            self.mistake(range.clone(), Kind::NotAName);
        } else if let Some(format) = format.filter(|format| format.trim() != "hash") {
            self.mistake(range.clone(), Kind::UnknownFormat(format.to_owned()));
        }
        self.pieces.push(Piece::Placeholder(Placeholder { range, path: names, hash: format.is_some() }));
        end + 1
    }

    fn literal(&mut self, range: Range<usize>) {
        let more = &self.text[range];
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) => text.push_str(more),
            _ => self.pieces.push(Piece::Text(more.to_owned())),
        }
    }

    fn check_separators(&mut self) {
        let mut before: Option<&Placeholder> = None;
        let mut between: Option<&str> = None;
        let mut found = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => between = Some(text),
                Piece::Placeholder(this) => {
                    if let Some(before) = before {
                        match between {
                            None => found.push((this.range.clone(), Kind::Adjacent)),
                            Some(text) if text.chars().all(occurs_in_values) => {
                                let range = before.range.end..this.range.start;
                                found.push((range, Kind::NoSeparator));
                            }
                            Some(_) => {}
                        }
                    }
                    before = Some(this);
                    between = None;
                }
            }
        }
        for (range, kind) in found {
            self.mistake(range, kind);
        }
    }

    fn mistake(&mut self, range: Range<usize>, kind: Kind) {
        self.mistakes.push(Mistake { range, kind });
    }
}

/// `user`, `self.id`, `pair.0`: a name, then fields.
fn is_path(names: &[String]) -> bool {
    let named = |name: &str| {
        let mut chars = name.chars();
        chars.next().is_some_and(|c| c == '_' || c.is_alphabetic()) && chars.all(|c| c == '_' || c.is_alphanumeric())
    };
    let numbered = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    match names {
        [first, fields @ ..] => named(first) && fields.iter().all(|n| named(n) || numbered(n)),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    fn part(range: Range<usize>, path: &[&str], hash: bool) -> Piece {
        Piece::Placeholder(Placeholder { range, path: path.iter().map(|&name| name.to_owned()).collect(), hash })
    }

    fn mistakes(text: &str) -> Vec<(Range<usize>, Kind)> {
        let (_, mistakes) = parse(text);
        mistakes.into_iter().map(|m| (m.range, m.kind)).collect()
    }

    #[test]
    fn pieces_are_cut() {
        assert_eq!(parse("user:{id}").0, [text("user:"), part(5..9, &["id"], false)]);
        assert_eq!(
            parse("{self.org.0}/{filter:hash}!").0,
            [part(0..12, &["self", "org", "0"], false), text("/"), part(13..26, &["filter"], true), text("!"),]
        );
        assert_eq!(parse("a{{b}}{r#type}").0, [text("a{b}"), part(6..14, &["type"], false)]);
        assert_eq!(parse("{{{id}}}").0.len(), 3);
        assert_eq!(parse("ünï:{id}").1, []);
    }

    #[test]
    fn braces_are_checked() {
        assert_eq!(mistakes(""), [(0..0, Kind::EmptyTemplate)]);
        assert_eq!(mistakes("user:{id"), [(5..8, Kind::Unclosed)]);
        assert_eq!(mistakes("user:{id:{org}"), [(5..9, Kind::Unclosed)], "the second placeholder is fine");
        assert_eq!(mistakes("user:id}"), [(7..8, Kind::Stray)]);
        assert_eq!(mistakes("user:{}"), [(5..7, Kind::Empty)]);
        assert_eq!(mistakes("{a()}"), [(0..5, Kind::NotAName)]);
        assert_eq!(mistakes("{0}"), [(0..3, Kind::NotAName)]);
        assert_eq!(mistakes("{a.}"), [(0..4, Kind::NotAName)]);
        assert_eq!(mistakes("{a::b}"), [(0..6, Kind::NotAName)]);
    }

    #[test]
    fn formats_are_checked() {
        let unknown = |format: &str| Kind::UnknownFormat(format.to_owned());
        assert_eq!(mistakes("{id:hex}"), [(0..8, unknown("hex"))]);
        assert_eq!(mistakes("{id:?}"), [(0..6, unknown("?"))]);
        assert_eq!(mistakes("{id:}"), [(0..5, unknown(""))]);
    }

    #[test]
    fn two_values_need_a_separator() {
        assert_eq!(mistakes("{a}{b}"), [(3..6, Kind::Adjacent)]);
        assert_eq!(mistakes("{a}-{b}"), [(3..4, Kind::NoSeparator)]);
        assert_eq!(mistakes("{a}%3A{b}"), [(3..6, Kind::NoSeparator)]);
        assert_eq!(mistakes("{a}é{b}"), [(3..5, Kind::NoSeparator)]);
        for separator in [":", "/", "|", "#", ",", " ", "-:-", "(", "{{"] {
            assert_eq!(mistakes(&format!("{{a}}{separator}{{b}}")), []);
        }
    }
}
