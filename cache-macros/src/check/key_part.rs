//! `#[derive(KeyPart)]`: newtypes, structs of parts, enums without fields.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, Data, DeriveInput, Fields, Path};

use crate::diag::Diags;
use crate::messages;
use crate::plan::{KeyPart, KeyParts};
use crate::tokens::Place;

/// Checks the input of the derive.
pub(crate) fn key_part(input: TokenStream, diags: &mut Diags) -> Option<KeyPart> {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => {
            let message = messages::not_understood("derive(KeyPart)", &error.to_string());
            diags.error(error.span(), message);
            return None;
        }
    };
    let name = input.ident.to_string();
    let rt = runtime(&input.attrs, diags);
    let parts = match input.data {
        Data::Struct(data) => {
            let members = data.fields.members();
            let types = data.fields.iter().map(|field| field.ty.clone());
            KeyParts::Fields(members.zip(types).collect())
        }
        Data::Enum(data) => {
            let with_fields = data.variants.iter().find(|variant| !matches!(variant.fields, Fields::Unit));
            if let Some(variant) = with_fields {
                diags.error(Place::of(variant), messages::enum_with_fields(&name));
            } else if data.variants.is_empty() {
                diags.error(input.ident.span(), messages::empty_enum(&name));
            }
            let variants = data.variants.into_iter().map(|variant| variant.ident);
            match diags.is_empty() {
                true => KeyParts::Variants(variants.collect()),
                false => KeyParts::Variants(Vec::new()),
            }
        }
        Data::Union(data) => {
            diags.error(data.union_token.span, messages::union(&name));
            KeyParts::Variants(Vec::new())
        }
    };
    Some(KeyPart { ident: input.ident, generics: input.generics, rt, parts })
}

/// `#[key_part(crate = ::path)]`.
fn runtime(attrs: &[Attribute], diags: &mut Diags) -> Path {
    let mut rt: Path = syn::parse_quote!(::cache_runtime);
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("key_part")) {
        let read = attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(syn::Error::new(meta.path.span(), ""));
            }
            rt = meta.value()?.call(Path::parse_mod_style)?;
            Ok(())
        });
        if read.is_err() {
            diags.error(Place::of(&attr.to_token_stream()), messages::key_part_option());
        }
    }
    rt
}
