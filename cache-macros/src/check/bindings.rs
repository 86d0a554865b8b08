//! `bind(name = expression)`: names for templates.

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::ext::IdentExt as _;

use crate::args;
use crate::diag::Diags;
use crate::item::Item;
use crate::messages;
use crate::plan::Bound;
use crate::tokens::mentions;

use super::options::{Given, Options};

/// The bound names, and which of them a template names.
pub(crate) struct Bindings {
    pub(crate) bound: Vec<Bound>,
    used: Vec<bool>,
    /// Whether `bind(..)` could not be read, so that names may be missing.
    pub(crate) broken: bool,
}

impl Bindings {
    pub(crate) fn read(options: &mut Options, item: &Item, diags: &mut Diags) -> Self {
        let mut bound: Vec<Bound> = Vec::new();
        let given = options.list("bind", diags);
        let mut broken = matches!(given, Given::Broken);
        if let Given::Is(list, place) = given {
            let entries = args::parse_bindings(&list).unwrap_or_else(|_| {
                diags.error(place, messages::bad_bind());
                broken = true;
                Vec::new()
            });
            for (name, value) in entries {
                let text = name.unraw().to_string();
                if item.names().any(|param| param.text == text) {
                    diags.error(name.span(), messages::bind_parameter(&text));
                } else if bound.iter().any(|other| other.name.unraw() == text) {
                    diags.error(name.span(), messages::bind_twice(&text));
                } else {
                    bound.push(Bound { name, value });
                }
            }
        }
        Self { used: vec![false; bound.len()], bound, broken }
    }

    /// The index of a bound name, which counts as used from now on.
    pub(crate) fn find(&mut self, name: &str) -> Option<usize> {
        let at = self.bound.iter().position(|bound| bound.name.unraw() == *name)?;
        self.used[at] = true;
        Some(at)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let unraw = |bound: &Bound| bound.name.unraw().to_string();
        self.bound.iter().map(unraw).collect()
    }

    /// Whether the expression behind `index` mentions `name`.
    pub(crate) fn mentions(&self, index: usize, name: &str) -> bool {
        mentions(self.bound[index].value.to_token_stream(), name)
    }

    /// Names that no template names are mistakes.
    pub(crate) fn report_unused(&self, diags: &mut Diags) {
        for (bound, used) in self.bound.iter().zip(&self.used) {
            if !used {
                let span: Span = bound.name.span();
                diags.error(span, messages::bind_unused(&bound.name.unraw().to_string()));
            }
        }
    }
}
