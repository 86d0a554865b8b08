//! Templates against the function: every placeholder names something.

use syn::LitStr;

use crate::diag::Diags;
use crate::item::{Item, Name, Param};
use crate::messages::{self, Unknown};
use crate::plan::{Owed, Part, Parts, Root, Segment, Template};
use crate::suggest;
use crate::template::{self, Piece, Placeholder};
use crate::tokens::Place;

use super::bindings::Bindings;

/// What templates can name.
pub(crate) struct Scope<'a> {
    pub(crate) item: &'a Item,
    pub(crate) bindings: &'a mut Bindings,
    /// Whether `{return}` exists.
    pub(crate) returned: bool,
    pub(crate) diags: &'a mut Diags,
}

/// A template, and the names at the start of its placeholders; misspelt ones as they were meant.
pub(crate) struct Checked {
    pub(crate) template: Template,
    pub(crate) names: Vec<Used>,
    /// Whether all of it could be understood: else nothing can be said of what is missing.
    pub(crate) complete: bool,
}

/// A name in a template.
pub(crate) struct Used {
    pub(crate) name: String,
    /// The placeholder as written.
    pub(crate) written: String,
}

/// Checks one template, adding its values to `parts`.
pub(crate) fn check(literal: &LitStr, option: &str, parts: &mut Parts, scope: &mut Scope<'_>) -> Checked {
    let text = literal.value();
    let (pieces, mistakes) = template::parse(&text);
    for mistake in &mistakes {
        let message = messages::bad_template(option, &text, mistake.range.clone(), &mistake.kind);
        scope.diags.error(literal.span(), message);
    }
    let separated = |kind: &template::Kind| matches!(kind, template::Kind::Adjacent | template::Kind::NoSeparator);
    let mut checked = Checked {
        complete: mistakes.iter().all(|mistake| separated(&mistake.kind)),
        template: Template { source: text.clone(), segments: Vec::new(), in_module: false },
        names: Vec::new(),
    };
    for piece in pieces {
        match piece {
            Piece::Text(text) => checked.template.segments.push(Segment::Text(escape(&text))),
            Piece::Placeholder(placeholder) => {
                let broken = |m: &template::Mistake| m.range == placeholder.range && !separated(&m.kind);
                let unreadable = mistakes.iter().any(broken)
                    && !mistakes
                        .iter()
                        .any(|m| m.range == placeholder.range && matches!(m.kind, template::Kind::UnknownFormat(_)));
                if unreadable {
                    continue;
                }
                resolve(placeholder, literal, &text, parts, &mut checked, scope);
            }
        }
    }
    checked
}

/// Checks one template that has its values to itself.
pub(crate) fn owed(literal: &LitStr, option: &str, scope: &mut Scope<'_>) -> Owed {
    let mut parts = Parts::default();
    let template = check(literal, option, &mut parts, scope).template;
    Owed { template, parts: parts.list }
}

/// Whether the template names what is returned, and not a parameter `r#return`.
pub(crate) fn names_return(literal: &LitStr, scope: &Scope<'_>) -> bool {
    let returned = |piece: &Piece| match piece {
        Piece::Text(_) => false,
        Piece::Placeholder(placeholder) => placeholder.path.first().is_some_and(|name| name == "return"),
    };
    let taken = find(scope.item, "return").is_some() || scope.bindings.names().iter().any(|name| name == "return");
    !taken && template::parse(&literal.value()).0.iter().any(returned)
}

fn resolve(
    placeholder: Placeholder,
    literal: &LitStr,
    text: &str,
    parts: &mut Parts,
    checked: &mut Checked,
    scope: &mut Scope<'_>,
) {
    let Placeholder { range, path, hash } = placeholder;
    let Some((name, fields)) = path.split_first() else {
        return;
    };
    let written = text[range.clone()].to_owned();
    let part = |root, place| Part { root, fields: fields.to_vec(), hash, place };
    let at_literal: Place = literal.span().into();
    let found = if let Some((param, found)) = find(scope.item, name) {
        let place = if fields.is_empty() { param.place() } else { at_literal };
        Some(part(Root::Name(found.ident.clone(), param.cfgs.clone()), place))
    } else if let Some(index) = scope.bindings.find(name) {
        Some(part(Root::Bound(index), Place::of(&scope.bindings.bound[index].value)))
    } else if name == "return" && scope.returned {
        Some(part(Root::Return, at_literal))
    } else {
        None
    };
    if let Some(part) = found {
        let number = parts.number(part);
        checked.template.segments.push(Segment::Part(number));
        checked.names.push(Used { name: name.clone(), written });
        return;
    }
    unknown(name, fields, hash, literal, text, range, checked, scope);
}

#[expect(clippy::too_many_arguments, reason = "the ways in which one name can be wrong")]
fn unknown(
    name: &str,
    fields: &[String],
    hash: bool,
    literal: &LitStr,
    text: &str,
    range: std::ops::Range<usize>,
    checked: &mut Checked,
    scope: &mut Scope<'_>,
) {
    let function = scope.item.name();
    let bound = scope.bindings.names();
    let params: Vec<&str> =
        scope.item.names().map(|name| name.text.as_str()).chain(bound.iter().map(String::as_str)).collect();
    let message = match name {
        "self" => messages::no_self(text, range, &function),
        "return" => {
            checked.complete = false;
            messages::return_in_key(text, range)
        }
        _ if scope.bindings.broken => {
            checked.complete = false;
            return;
        }
        _ => {
            let returned = scope.returned.then_some("return");
            let meant = suggest::closest(name, params.iter().copied().chain(returned));
            match meant {
                Some(meant) => {
                    checked.names.push(Used { name: meant.to_owned(), written: text[range.clone()].to_owned() })
                }
                None => checked.complete = false,
            }
            if let Some(meant) = meant {
                scope.bindings.find(meant);
            }
            let format = if hash { ":hash" } else { "" };
            let corrected = |meant: &str| {
                let path: Vec<&str> = std::iter::once(meant).chain(fields.iter().map(String::as_str)).collect();
                format!("{{{}{format}}}", path.join("."))
            };
            messages::unknown_placeholder(Unknown {
                text,
                range,
                name,
                function: &function,
                meant: meant.map(corrected),
                params: &params,
            })
        }
    };
    scope.diags.error(literal.span(), message);
}

fn find<'a>(item: &'a Item, name: &str) -> Option<(&'a Param, &'a Name)> {
    item.params.iter().find_map(|param| {
        let found = param.names.iter().find(|known| known.text == name)?;
        Some((param, found))
    })
}

/// Values escape `%`, so the text between them does, too.
pub(crate) fn escape(text: &str) -> String {
    text.replace('%', "%25")
}
