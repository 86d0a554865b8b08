//! The errors of one run, collected and then said all at once.

use proc_macro2::TokenStream;
use quote::quote_spanned;

use crate::messages::Message;
use crate::tokens::Place;

/// Errors found so far.
#[derive(Default)]
pub(crate) struct Diags {
    errors: Vec<(Place, Message)>,
}

impl Diags {
    /// One mistake of the user's, at the smallest thing to change.
    pub(crate) fn error(&mut self, at: impl Into<Place>, message: Message) {
        self.errors.push((at.into(), message));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// `compile_error!` for each, in the order of the source, legal where an item, an associated item or a statement is.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let mut errors = self.errors;
        errors.sort_by_key(|(place, _)| place.position());
        errors
            .into_iter()
            .map(|(place, message)| {
                let text = message.to_string();
                let path = quote_spanned!(place.first=> ::core::compile_error!);
                let body = quote_spanned!(place.last=> { #text });
                quote::quote!(#path #body)
            })
            .collect()
    }
}
