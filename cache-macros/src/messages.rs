//! Every message a user of the macros can meet, in one voice.
//!
//! What is wrong, in the user's words; `note:` why, if that is not plain; `help:` one thing to type.

use std::fmt;
use std::ops::Range;

/// A message.
pub(crate) struct Message(String);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Message {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The template with a mark under the mistake: stable Rust has no spans inside of literals.
    fn drawing(mut self, template: &str, range: Range<usize>, label: &str) -> Self {
        let visible = |text: &str| text.replace(char::is_control, " ");
        let before = template[..range.start].chars().count();
        let marked = template[range].chars().count().max(1);
        let pad = " ".repeat(before);
        let mark = "^".repeat(marked);
        let template = visible(template);
        self.0.push_str(&format!("\n\n  {template}\n  {pad}{mark} {label}"));
        self
    }

    fn note(self, text: impl fmt::Display) -> Self {
        self.end("note", text)
    }

    fn help(self, text: impl fmt::Display) -> Self {
        self.end("help", text)
    }

    fn end(mut self, kind: &str, text: impl fmt::Display) -> Self {
        let follows = self.0.contains("\nnote: ") || self.0.contains("\nhelp: ");
        let gap = if follows { "\n" } else { "\n\n" };
        self.0.push_str(&format!("{gap}{kind}: {text}"));
        self
    }

    fn meant(self, suggestion: Option<impl fmt::Display>, otherwise: impl fmt::Display) -> Self {
        match suggestion {
            Some(suggestion) => self.help(format_args!("did you mean `{suggestion}`?")),
            None => self.help(otherwise),
        }
    }
}

mod options;
mod shapes;
mod templates;

pub(crate) use options::*;
pub(crate) use shapes::*;
pub(crate) use templates::*;
