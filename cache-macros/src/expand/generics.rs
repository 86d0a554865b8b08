//! The generics that a companion's method needs: what none of its parameters names cannot be inferred.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::{GenericParam, Generics, Type, WherePredicate};

use crate::tokens::mentions;

/// `<T: Bound>` and `where ..`, as far as `types` need them.
pub(super) fn needed(generics: &Generics, types: &[&Type]) -> (TokenStream, TokenStream) {
    let kept = kept(generics, types);
    let is_kept = |param: &GenericParam| kept.contains(&name(param));
    let params: Vec<&GenericParam> = generics.params.iter().filter(|param| is_kept(param)).collect();
    let answerable = |predicate: &&WherePredicate| {
        let tokens = predicate.to_token_stream();
        let mut dropped = generics.params.iter().filter(|param| !is_kept(param));
        !dropped.any(|param| mentions(tokens.clone(), &name(param)))
    };
    let wheres: Vec<&WherePredicate> = predicates(generics).filter(answerable).collect();
    let span = Span::mixed_site();
    let angles = (!params.is_empty()).then(|| quote_spanned!(span=> <#(#params),*>));
    let clause = (!wheres.is_empty()).then(|| quote_spanned!(span=> where #(#wheres),*));
    (angles.unwrap_or_default(), clause.unwrap_or_default())
}

/// The parameters that `types` name, and those that the bounds of these name in turn.
fn kept(generics: &Generics, types: &[&Type]) -> Vec<String> {
    let mut tokens: TokenStream = types.iter().map(|ty| ty.to_token_stream()).collect();
    let mut kept: Vec<String> = Vec::new();
    loop {
        let next =
            generics.params.iter().find(|param| !kept.contains(&name(param)) && mentions(tokens.clone(), &name(param)));
        let Some(next) = next else {
            return kept;
        };
        let next_name = name(next);
        tokens.extend(next.to_token_stream());
        for predicate in predicates(generics) {
            if mentions(subject(predicate), &next_name) {
                tokens.extend(predicate.to_token_stream());
            }
        }
        kept.push(next_name);
    }
}

fn name(param: &GenericParam) -> String {
    match param {
        GenericParam::Lifetime(param) => param.lifetime.ident.to_string(),
        GenericParam::Type(param) => param.ident.to_string(),
        GenericParam::Const(param) => param.ident.to_string(),
    }
}

fn predicates(generics: &Generics) -> impl Iterator<Item = &WherePredicate> {
    generics.where_clause.iter().flat_map(|clause| &clause.predicates)
}

/// What a predicate bounds.
fn subject(predicate: &WherePredicate) -> TokenStream {
    match predicate {
        WherePredicate::Type(predicate) => predicate.bounded_ty.to_token_stream(),
        other => other.to_token_stream(),
    }
}
