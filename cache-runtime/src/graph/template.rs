//! Templates as text: what is written, and which pieces it is made of.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::unify;

/// A key or tag template, as written: `user:{id}`.
///
/// ```
/// use cache_runtime::graph::Template;
///
/// let carried = Template::from("user:{id}");
/// assert_eq!(carried.as_str(), "user:{id}");
/// assert!(carried.unifies(&"user:{user_id}".into()));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(String);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Literal text, its doubled braces as one.
    Text(String),
    /// A placeholder: what stands between the braces.
    Hole(String),
}

impl Template {
    /// As written, braces included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether some arguments of the one and some of the other render the same key or tag.
    ///
    /// Names do not count, since they are those of parameters. A placeholder stands for one character or more of those
    /// that a rendered value can have: letters and digits, `_ . @ ~ + - %`, `, ( )` between the parts of one value, and
    /// whatever is not ASCII. Everything else is escaped in values, so `:` or `/` is only ever a literal, and a
    /// placeholder never reaches beyond it:
    ///
    /// ```
    /// # use cache_runtime::graph::Template;
    /// let unify = |a: &str, b: &str| Template::from(a).unifies(&b.into());
    /// assert!(unify("user:{id}", "user:{user_id}"));
    /// assert!(unify("user:{id}", "user:7")); // with `7` for `{id}`
    /// assert!(unify("{org}:{id}", "a:{x}")); // with `a` for `{org}`
    /// assert!(!unify("user:{id}", "user:{id}:orders")); // no value contains the `:`
    /// assert!(!unify("user:{id}", "user:")); // an empty text is nobody's id
    /// ```
    ///
    /// What types say is not known here: `user:{id}` unifies with `user:me` where `id` is a number, too.
    pub fn unifies(&self, other: &Self) -> bool {
        unify::unify(&self.pieces(), &other.pieces())
    }

    /// With names left out, `user:{}`: equal where two templates render the same for all arguments.
    pub(super) fn outline(&self) -> String {
        written(self.pieces().into_iter().map(|piece| match piece {
            Piece::Hole(_) => Piece::Hole(String::new()),
            text => text,
        }))
    }

    /// With the names of `other`, if there are as many: `user:{id}` as `user:{user_id}`.
    pub(super) fn with_names_of(&self, other: &Self) -> Self {
        let named = |template: &Self| {
            let holes = template.pieces().into_iter().filter(|piece| matches!(piece, Piece::Hole(_)));
            holes.collect::<Vec<_>>()
        };
        let names = named(other);
        if named(self).len() != names.len() {
            return self.clone();
        }
        let mut names = names.into_iter();
        Self(written(self.pieces().into_iter().map(|piece| match piece {
            Piece::Hole(name) => names.next().unwrap_or(Piece::Hole(name)),
            text => text,
        })))
    }

    /// The pieces of a template that a macro has accepted.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = self.0.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '{' if rest.next_if_eq(&'{').is_none() => {
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    pieces.push(Piece::Hole(rest.by_ref().take_while(|c| *c != '}').collect()));
                }
                '}' => {
                    rest.next_if_eq(&'}');
                    text.push('}');
                }
                c => text.push(c),
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        pieces
    }
}

fn written(pieces: impl Iterator<Item = Piece>) -> String {
    let piece = |piece| match piece {
        Piece::Text(text) => text.replace('{', "{{").replace('}', "}}"),
        Piece::Hole(name) => format!("{{{name}}}"),
    };
    pieces.map(piece).collect()
}

impl From<&str> for Template {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    fn hole(name: &str) -> Piece {
        Piece::Hole(name.to_owned())
    }

    #[test]
    fn templates_are_cut_as_the_macros_cut_them() {
        let pieces = |text: &str| Template::from(text).pieces();
        assert_eq!(pieces("users"), [text("users")]);
        assert_eq!(pieces("user:{id}"), [text("user:"), hole("id")]);
        assert_eq!(
            pieces("{self.org.0}/{filter:hash}!"),
            [hole("self.org.0"), text("/"), hole("filter:hash"), text("!")]
        );
        assert_eq!(pieces("a{{b}}{id}"), [text("a{b}"), hole("id")]);
        assert_eq!(pieces("{{{id}}}"), [text("{"), hole("id"), text("}")]);
        assert_eq!(pieces("50%:{id}"), [text("50%:"), hole("id")]);
    }

    #[test]
    fn names_are_the_callers() {
        let template = |text: &str| Template::from(text);
        assert_eq!(template("user:{id}").outline(), template("user:{user_id}").outline());
        assert_ne!(template("user:{id}").outline(), template("user:id").outline());
        assert_ne!(template("{{}}").outline(), template("{a}").outline(), "braces are text");
        assert_eq!(
            template("org:{id}:x{{").with_names_of(&template("orgs:{return.org}:x{{")),
            template("org:{return.org}:x{{")
        );
        assert_eq!(
            template("org:{id}").with_names_of(&template("org")),
            template("org:{id}"),
            "there are none to take"
        );
    }
}
