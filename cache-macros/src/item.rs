//! The annotated function: its signature parsed, its body left as it is.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, FnArg, Meta, Pat, Signature, Token, Type, Visibility};

use crate::tokens::Place;

/// A function, as it came in.
pub(crate) struct Item {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
    pub(crate) params: Vec<Param>,
}

/// One parameter. A pattern binds several names, or none.
pub(crate) struct Param {
    pub(crate) names: Vec<Name>,
    /// `None` for `self`.
    pub(crate) typed: Option<(Pat, Type)>,
    /// `#[cfg(..)]`s on it.
    pub(crate) cfgs: Vec<Attribute>,
}

/// A name that templates can use.
#[derive(Clone)]
pub(crate) struct Name {
    /// Without `r#`.
    pub(crate) text: String,
    pub(crate) ident: Ident,
}

impl Item {
    /// The function's name without `r#`.
    pub(crate) fn name(&self) -> String {
        self.sig.ident.unraw().to_string()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        self.params.iter().flat_map(|param| &param.names)
    }

    pub(crate) fn has_receiver(&self) -> bool {
        self.sig.receiver().is_some()
    }
}

/// What the attribute was put on, where that is no function with a body.
pub(crate) enum NotAFunction {
    /// `struct`, `impl`, ...: the keyword.
    Other(Ident),
    /// A trait's method without a body: the `;`.
    NoBody(Span),
    /// Not understood by this version of the parser.
    Syntax(syn::Error),
}

/// Reads the item; never looks into the body.
pub(crate) fn parse(tokens: TokenStream) -> Result<Item, NotAFunction> {
    if let Some(keyword) = other_keyword(tokens.clone()) {
        return Err(NotAFunction::Other(keyword));
    }
    match syn::parse2::<Parsed>(tokens) {
        Ok(Parsed(Ok(item))) => Ok(*item),
        Ok(Parsed(Err(semicolon))) => Err(NotAFunction::NoBody(semicolon)),
        Err(error) => Err(NotAFunction::Syntax(error)),
    }
}

/// The item's keyword, if the item is no function.
fn other_keyword(tokens: TokenStream) -> Option<Ident> {
    const ITEMS: [&str; 12] =
        ["struct", "enum", "union", "impl", "trait", "mod", "static", "type", "use", "let", "extern", "macro_rules"];
    let mut keyword = None;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == "fn" => return None,
            TokenTree::Ident(ident) if keyword.is_none() => {
                let text = ident.to_string();
                if ITEMS.contains(&text.as_str()) || text == "const" {
                    keyword = Some(ident);
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' || punct.as_char() == '=' => break,
            TokenTree::Group(group)
                if group.delimiter() == proc_macro2::Delimiter::Brace
                    && keyword.as_ref().is_some_and(|word| word != "const") =>
            {
                break;
            }
            _ => {}
        }
    }
    keyword
}

struct Parsed(Result<Box<Item>, Span>);

impl Parse for Parsed {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig: Signature = input.parse()?;
        if input.peek(Token![;]) {
            let semicolon: Token![;] = input.parse()?;
            return Ok(Self(Err(semicolon.span)));
        }
        let TokenTree::Group(body) = input.parse()? else {
            return Err(input.error("expected the body of the function"));
        };
        let params = sig.inputs.iter().map(param).collect();
        let item = Item { attrs, vis, sig, body, params };
        Ok(Self(Ok(Box::new(item))))
    }
}

fn param(arg: &FnArg) -> Param {
    match arg {
        FnArg::Receiver(receiver) => Param {
            names: vec![Name { text: "self".to_owned(), ident: Ident::new("self", receiver.self_token.span) }],
            typed: None,
            cfgs: cfgs(&receiver.attrs),
        },
        FnArg::Typed(arg) => {
            let mut names = Vec::new();
            bindings(&arg.pat, &mut names);
            Param { names, typed: Some(((*arg.pat).clone(), (*arg.ty).clone())), cfgs: cfgs(&arg.attrs) }
        }
    }
}

/// The `#[cfg(..)]`s among attributes.
pub(crate) fn cfgs(attrs: &[Attribute]) -> Vec<Attribute> {
    let is_cfg = |attr: &&Attribute| attr.path().is_ident("cfg");
    attrs.iter().filter(is_cfg).cloned().collect()
}

/// The lints that are allowed on the function, which are so for copies of its parameters, too.
pub(crate) fn allowed(attrs: &[Attribute]) -> Vec<TokenStream> {
    let lints = |attr: &Attribute| match &attr.meta {
        Meta::List(list) if list.path.is_ident("allow") || list.path.is_ident("expect") => Some(list.tokens.clone()),
        _ => None,
    };
    attrs.iter().filter_map(lints).collect()
}

/// The names that a pattern binds.
fn bindings(pat: &Pat, names: &mut Vec<Name>) {
    match pat {
        Pat::Ident(pat) => {
            names.push(Name { text: pat.ident.unraw().to_string(), ident: pat.ident.clone() });
            if let Some((_, inner)) = &pat.subpat {
                bindings(inner, names);
            }
        }
        Pat::Paren(pat) => bindings(&pat.pat, names),
        Pat::Reference(pat) => bindings(&pat.pat, names),
        Pat::Slice(pat) => pat.elems.iter().for_each(|pat| bindings(pat, names)),
        Pat::Tuple(pat) => pat.elems.iter().for_each(|pat| bindings(pat, names)),
        Pat::TupleStruct(pat) => pat.elems.iter().for_each(|pat| bindings(pat, names)),
        Pat::Struct(pat) => pat.fields.iter().for_each(|f| bindings(&f.pat, names)),
        Pat::Type(pat) => bindings(&pat.pat, names),
        // All cases bind the same names.
        Pat::Or(pat) => pat.cases.iter().take(1).for_each(|p| bindings(p, names)),
        _ => {}
    }
}

impl Param {
    /// What an error about the whole parameter underlines.
    pub(crate) fn place(&self) -> Place {
        match &self.typed {
            Some((_, ty)) => Place::of(ty),
            None => self.names.first().map_or_else(Place::attribute, |name| name.ident.span().into()),
        }
    }

    /// The pattern without `mut`: a companion does not change its parameters.
    pub(crate) fn quiet_pattern(&self) -> Option<TokenStream> {
        let (pat, _) = self.typed.as_ref()?;
        Some(without_mut(pat.to_token_stream(), false))
    }
}

/// Drops `mut` from bindings, keeps `&mut` and `ref mut`.
fn without_mut(tokens: TokenStream, mut keep: bool) -> TokenStream {
    let mut out = TokenStream::new();
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == "mut" && !keep => continue,
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_mut(group.stream(), false));
                inner.set_span(group.span());
                inner.to_tokens(&mut out);
                keep = false;
            }
            token => {
                keep = match &token {
                    TokenTree::Punct(punct) => punct.as_char() == '&',
                    TokenTree::Ident(ident) => ident == "ref",
                    _ => false,
                };
                token.to_tokens(&mut out);
            }
        }
    }
    out
}
