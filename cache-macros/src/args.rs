//! The attribute's arguments: `name = value`, `name(..)`, `path::to::function(..)`, in any order.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Expr, Path, Token, Type, token};

use crate::diag::Diags;
use crate::messages;
use crate::tokens::Place;

/// One argument. What it means is decided by `check`.
pub(crate) struct Arg {
    /// A single name, or the path of a typed target.
    pub(crate) path: Path,
    pub(crate) form: Form,
}

/// How the argument is written.
pub(crate) enum Form {
    /// `name`
    Bare,
    /// `name = value`
    Value(TokenStream),
    /// `name(..)`
    List(Group),
    /// Half-written; the error is already reported.
    Broken,
}

impl Arg {
    /// The option's name, if this is spelled like an option.
    pub(crate) fn name(&self) -> Option<String> {
        self.path.get_ident().map(|ident| ident.unraw().to_string())
    }

    /// What to underline when the value is wrong.
    pub(crate) fn value_place(&self) -> Place {
        match &self.form {
            Form::Value(value) => Place::of(value),
            Form::List(list) => Place::of(list),
            Form::Bare | Form::Broken => Place::of(&self.path),
        }
    }
}

/// Splits the arguments; what cannot be read is reported and skipped up to the next comma.
pub(crate) fn parse(tokens: TokenStream, diags: &mut Diags) -> Vec<Arg> {
    let parser = |input: ParseStream| {
        let mut args = Vec::new();
        while !input.is_empty() {
            match arg(input, diags) {
                Ok(arg) => args.push(arg),
                Err(error) => {
                    diags.error(error.span(), messages::not_an_option());
                    skip_to_comma(input)?;
                }
            }
            if !input.is_empty() && input.parse::<Option<Token![,]>>()?.is_none() {
                diags.error(input.span(), messages::comma_missing());
                // `ttl = "1s" key = ".."`: only the comma is missing.
                let next_option = input.peek(syn::Ident::peek_any) && input.peek2(Token![=]);
                if !next_option {
                    skip_to_comma(input)?;
                    input.parse::<Option<Token![,]>>()?;
                }
            }
        }
        Ok(args)
    };
    parser.parse2(tokens).unwrap_or_else(|error| {
        diags.error(error.span(), messages::not_an_option());
        Vec::new()
    })
}

fn arg(input: ParseStream, diags: &mut Diags) -> syn::Result<Arg> {
    // `crate = ..` is an option, `crate::users::get_user(id)` a target.
    let path = if input.peek2(Token![::]) || input.peek(Token![::]) {
        input.parse::<syn::ExprPath>()?.path
    } else {
        Path::from(input.call(Ident::parse_any)?)
    };
    if input.peek(token::Paren) {
        let TokenTree::Group(list) = input.parse()? else {
            return Err(input.error("expected `(`"));
        };
        return Ok(Arg { path, form: Form::List(list) });
    }
    if input.peek(Token![.]) {
        diags.error(Place::of(&path), messages::method_target());
        skip_to_comma(input)?;
        return Ok(Arg { path, form: Form::Broken });
    }
    if input.parse::<Option<Token![=]>>()?.is_none() {
        return Ok(Arg { path, form: Form::Bare });
    }
    let name = path.get_ident().map(ToString::to_string).unwrap_or_default();
    let form = value(input, &name).unwrap_or_else(|_| {
        let place = Place::of(&path);
        diags.error(place, messages::value_missing(&name));
        Form::Broken
    });
    if matches!(form, Form::Broken) {
        skip_to_comma(input)?;
    }
    Ok(Arg { path, form })
}

/// A value's extent is that of the syntax it must have: commas inside of `Codec<A, B>` are not ours.
fn value(input: ParseStream, name: &str) -> syn::Result<Form> {
    let value = match name {
        "crate" => input.call(Path::parse_mod_style)?.into_token_stream(),
        "codec" if !input.peek(syn::Lit) => input.parse::<Type>()?.into_token_stream(),
        _ => input.parse::<Expr>()?.into_token_stream(),
    };
    Ok(Form::Value(value))
}

fn skip_to_comma(input: ParseStream) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// `a = x, b = y`, as in `bind(..)`.
pub(crate) fn parse_bindings(list: &Group) -> syn::Result<Vec<(Ident, Expr)>> {
    let binding = |input: ParseStream| {
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        Ok((name, input.parse::<Expr>()?))
    };
    let parser = |input: ParseStream| input.parse_terminated(binding, Token![,]);
    Ok(parser.parse2(list.stream())?.into_iter().collect())
}

/// `a, self`, as in `skip(..)`.
pub(crate) fn parse_names(list: &Group) -> syn::Result<Vec<Ident>> {
    let parser = |input: ParseStream| input.parse_terminated(Ident::parse_any, Token![,]);
    Ok(parser.parse2(list.stream())?.into_iter().collect())
}
