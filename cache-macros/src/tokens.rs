//! Token streams as text and as places: spelling, mentions, spans.

use proc_macro2::{Delimiter, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;

/// Where something stands in the source, from its first token to its last: stable Rust cannot join spans.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) first: Span,
    pub(crate) last: Span,
}

impl Place {
    /// The whole attribute.
    pub(crate) fn attribute() -> Self {
        Span::call_site().into()
    }

    /// All tokens of `syntax`, or the attribute if there are none.
    pub(crate) fn of(syntax: &impl ToTokens) -> Self {
        let mut tokens = syntax.to_token_stream().into_iter();
        let first = tokens.next();
        let last = tokens.last();
        let first_span = first.as_ref().map(|token| token.span());
        match (first_span, last) {
            (Some(first), Some(last)) => Self { first, last: last.span() },
            (Some(first), None) => first.into(),
            _ => Self::attribute(),
        }
    }

    /// Line and column, where the compiler can be asked.
    pub(crate) fn position(self) -> (usize, usize) {
        if !proc_macro::is_available() {
            return (0, 0);
        }
        // `Span::unwrap` is no `Option`'s: it gives the compiler's own span, which there is inside of a macro.
        let start = self.first.unwrap().start();
        (start.line(), start.column())
    }

    /// The start, for generated tokens: located there, but not linted as if the user had typed them.
    pub(crate) fn start(self) -> Span {
        located(self.first)
    }

    /// The end, likewise.
    pub(crate) fn end(self) -> Span {
        located(self.last)
    }
}

impl From<Span> for Place {
    fn from(span: Span) -> Self {
        Self { first: span, last: span }
    }
}

/// A span for generated tokens that points at the user's.
pub(crate) fn located(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

/// Source text of `tokens`, in the spacing people write.
pub(crate) fn spell(tokens: impl ToTokens) -> String {
    let mut text = String::new();
    write(&mut text, tokens.to_token_stream());
    text
}

fn write(out: &mut String, tokens: TokenStream) {
    let mut glued = true;
    for token in tokens {
        let word = matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_));
        let after_word = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if word && after_word && !glued_quote(out) {
            out.push(' ');
        }
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                if after_lifetime(out) {
                    out.push(' ');
                }
                out.push_str(open);
                write(out, group.stream());
                out.push_str(close);
            }
            TokenTree::Punct(punct) => {
                let alone = punct.spacing() == Spacing::Alone && glued;
                let c = punct.as_char();
                let arrow = c == '-' && punct.spacing() == Spacing::Joint;
                let infix = alone && "+=".contains(c);
                if infix || arrow || (after_word && "&'".contains(c)) {
                    out.push(' ');
                }
                out.push(c);
                let arrow = c == '>' && out.ends_with("->");
                if arrow || c == ',' || c == ';' || infix {
                    out.push(' ');
                }
                glued = punct.spacing() == Spacing::Alone;
                continue;
            }
            other => out.push_str(&other.to_string()),
        }
        glued = true;
    }
    if out.ends_with(", ") {
        out.truncate(out.len() - 2);
    }
}

/// `&'a [u8]`
fn after_lifetime(out: &str) -> bool {
    let word = out.trim_end_matches(|c: char| c == '_' || c.is_alphanumeric());
    word.len() < out.len() && word.ends_with('\'')
}

/// `'a`: the name belongs to the quote before it.
fn glued_quote(out: &str) -> bool {
    out.ends_with('\'')
}

/// Whether `name` occurs in `tokens`, as a name or captured by a format string.
pub(crate) fn mentions(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident.unraw() == *name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        TokenTree::Literal(literal) => captures(&literal.to_string(), name),
        TokenTree::Punct(_) => false,
    })
}

/// Whether `tokens` may be such as only stand in an `async fn` that returns a `Result`: `.await`, `?`, `return`, or a macro,
/// which may hold any of these.
pub(crate) fn may_wait(tokens: &TokenStream) -> bool {
    let mut after_name = false;
    let mut called = false;
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => {
            (after_name, called) = (true, false);
            ident == "await" || ident == "return"
        }
        TokenTree::Punct(punct) => {
            called = std::mem::take(&mut after_name) && punct.as_char() == '!';
            punct.as_char() == '?'
        }
        TokenTree::Group(group) => {
            after_name = false;
            std::mem::take(&mut called) || may_wait(&group.stream())
        }
        TokenTree::Literal(_) => {
            (after_name, called) = (false, false);
            false
        }
    })
}

fn captures(literal: &str, name: &str) -> bool {
    literal.match_indices('{').any(|(at, _)| {
        let rest = literal[at + 1..].trim_start();
        rest.strip_prefix(name).is_some_and(|rest| !rest.starts_with(|c: char| c == '_' || c.is_alphanumeric()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[test]
    fn types_are_spelled_as_written() {
        for text in [
            "Result<Option<User>, DbError>",
            "Vec<(u64, String)>",
            "Pin<Box<dyn Future<Output = T> + Send + 'a>>",
            "&'static str",
            "<T as Trait>::Item",
            "[u8; 4]",
            "fn(u8) -> u16",
            "&mut dyn Fn(&str) -> bool",
            "()",
        ] {
            let tokens: TokenStream = text.parse().expect("tokens");
            assert_eq!(spell(tokens), text);
        }
    }

    #[test]
    fn mentions_are_found_in_format_strings_too() {
        assert!(mentions(quote!(db.org(&ctx).id), "ctx"));
        assert!(mentions(quote!(r#type.len()), "type"));
        assert!(mentions(quote!(format!("{id:>8}")), "id"));
        assert!(!mentions(quote!(format!("{ids}")), "id"));
        assert!(!mentions(quote!(context), "ctx"));
    }

    #[test]
    fn what_waits_is_found_at_any_depth() {
        assert!(may_wait(&quote!(.on(&caches.of(tenant).await))));
        assert!(may_wait(&quote!(.on(find(tenant)?))));
        assert!(may_wait(&quote!(.on(match found { Some(cache) => cache, None => return Err(missing) }))));
        assert!(may_wait(&quote!(.on(of!(tenant)))));
        assert!(!may_wait(&quote!(.on(&awaited).ttl({ TTL }).only(a != (b), !(c), [d]))));
    }
}
