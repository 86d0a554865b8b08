//! Typed targets: `get_user(id)`, `users::get_user(id, return.version)`.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Expr, PathArguments, Token};

use crate::args::{Arg, Form};
use crate::diag::Diags;
use crate::expand::RETURN;
use crate::messages;
use crate::plan::{Argument, Target};
use crate::tokens::{Place, located, spell};

/// Whether an argument that is no option is a typed target.
pub(crate) fn is_target(arg: &Arg) -> bool {
    matches!(arg.form, Form::List(_)) || arg.path.segments.len() > 1
}

/// Reads one target.
pub(crate) fn target(arg: Arg, diags: &mut Diags) -> Option<Target> {
    let place = Place::of(&arg.path);
    let spelled = spell(&arg.path);
    let first = arg.path.segments.first()?;
    if first.ident == "Self" || first.ident == "self" && arg.path.segments.len() == 1 {
        diags.error(place, messages::method_target());
        return None;
    }
    let list = match arg.form {
        Form::List(list) => list,
        Form::Broken => return None,
        Form::Bare | Form::Value(_) => {
            diags.error(place, messages::bare_target(&spelled));
            return None;
        }
    };
    let args = arguments(&list).map_err(|error| {
        let message = messages::bad_target_arguments(&error.to_string());
        diags.error(error.span(), message);
    });
    let mut path = arg.path;
    let last = path.segments.last_mut()?;
    let turbofish = match std::mem::replace(&mut last.arguments, PathArguments::None) {
        PathArguments::AngleBracketed(arguments) => arguments.into_token_stream(),
        _ => TokenStream::new(),
    };
    Some(Target {
        spelled: format!("{spelled}({})", spell(list.stream())),
        path,
        turbofish,
        args: args.ok()?,
        place: Place { first: place.first, last: list.span_close() },
    })
}

fn arguments(list: &Group) -> syn::Result<Vec<Argument>> {
    let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
    let parsed = parser.parse2(with_return(list.stream()))?;
    let argument = |value: Expr| {
        let value = value.into_token_stream();
        Argument { returned: crate::tokens::mentions(value.clone(), RETURN), value }
    };
    Ok(parsed.into_iter().map(argument).collect())
}

/// `return` is a value here: no expression of an argument returns.
fn with_return(tokens: TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Ident(ident) if ident == "return" => TokenTree::Ident(Ident::new(RETURN, located(ident.span()))),
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), with_return(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            token => token,
        })
        .collect()
}
