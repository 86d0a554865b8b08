//! Messages about templates and what they name.

use std::ops::Range;

use super::Message;
use crate::messages::parameters;
use crate::template::Kind;

/// What is wrong with the text of a template, whatever the names mean.
pub(crate) fn bad_template(option: &str, text: &str, range: Range<usize>, kind: &Kind) -> Message {
    let one = option.trim_end_matches('s');
    let draw = |title: String, label: &str| Message::new(title).drawing(text, range.clone(), label);
    let marked = &text[range.clone()];
    match kind {
        Kind::EmptyTemplate => Message::new(format!("this {one} is empty"))
            .help(format!("write a name: `\"users\"`, or `\"user:{{id}}\"` for one {one} per `id`")),
        Kind::Unclosed => draw("a `{` is not closed".to_owned(), "no `}` for this")
            .help("write `}` behind the name, or `{{` for a brace in the text"),
        Kind::Stray => {
            draw("a `}` closes nothing".to_owned(), "no `{` before this").help("write `}}` for a brace in the text")
        }
        Kind::Empty => {
            draw("a placeholder is empty".to_owned(), "no name").help("write the name of a parameter: `{id}`")
        }
        Kind::NotAName => draw("a placeholder is a name and fields of it, nothing else".to_owned(), "not a name")
            .help(format!("give the expression a name: `bind(name = {})`, and write `{{name}}`", expression(marked))),
        Kind::UnknownFormat(format) => {
            let name = marked.trim_matches(['{', '}']);
            let name = name.split(':').next().unwrap_or(name);
            draw(format!("there is no format `{format}`"), "unknown format")
                .help(format!("write `{{{name}}}`, or `{{{name}:hash}}` for a hash of a value that is `Serialize`"))
        }
        Kind::Adjacent => draw("two placeholders stand side by side".to_owned(), "nothing before this")
            .note(r#"the values "1", "23" and "12", "3" would share one entry"#)
            .help(format!("put `:` between them: `:{marked}`")),
        Kind::NoSeparator => {
            draw(format!("`{marked}` does not separate two placeholders"), "can also occur in a value")
                .note("two different pairs of values would share one entry")
                .help("put `:` there")
        }
    }
}

/// `{user.name()}` without the braces, where that is an expression.
fn expression(marked: &str) -> &str {
    match marked.trim_matches(['{', '}']).trim() {
        "" => "..",
        inner => inner,
    }
}

/// A placeholder names what is not there.
pub(crate) struct Unknown<'a> {
    pub(crate) text: &'a str,
    pub(crate) range: Range<usize>,
    pub(crate) name: &'a str,
    pub(crate) function: &'a str,
    /// What is meant, fields and format included: `{id}`.
    pub(crate) meant: Option<String>,
    pub(crate) params: &'a [&'a str],
}

pub(crate) fn unknown_placeholder(unknown: Unknown<'_>) -> Message {
    let Unknown { text, range, name, function, meant, params } = unknown;
    let otherwise = if params.is_empty() {
        format!("`{function}` has no parameters: remove the placeholder")
    } else {
        parameters(params)
    };
    let title = format!("the template names `{name}`, which is not a parameter of `{function}`");
    Message::new(title).drawing(text, range, "no such parameter").meant(meant, otherwise)
}

/// `{self}` in a function without a receiver.
pub(crate) fn no_self(text: &str, range: Range<usize>, function: &str) -> Message {
    Message::new(format!("the template names `self`, which `{function}` does not have"))
        .drawing(text, range, "no `self` here")
        .help("name a parameter, or remove the placeholder")
}

/// `{return.id}` where nothing has been returned yet.
pub(crate) fn return_in_key(text: &str, range: Range<usize>) -> Message {
    Message::new("the template names the value that is returned")
        .drawing(text, range, "not known before the call")
        .note("the key is made from the arguments, to find the entry; only tags can name what was found")
        .help("name a parameter: `{id}`")
}

pub(crate) fn not_covered(name: &str, function: &str, key: &str) -> Message {
    let separator = if key.is_empty() { "" } else { ":" };
    let (subject, help) = match name {
        "self" => (
            format!("`self` of `{function}`"),
            format!(
                "add what matters of it to the key, as `{separator}{{self.field}}`, or `skip(self)` if nothing of it does"
            ),
        ),
        name => (
            format!("parameter `{name}` of `{function}`"),
            format!("add `{separator}{{{name}}}` to the key, or `skip({name})` if it does not change the value"),
        ),
    };
    Message::new(format!("{subject} is neither in the key nor skipped"))
        .note(format!("two calls that differ only in `{name}` would share one entry"))
        .help(help)
}
