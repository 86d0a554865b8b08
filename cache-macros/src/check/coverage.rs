//! Coverage: every parameter, `self` included, is in the key or skipped.

use proc_macro2::Ident;
use syn::ext::IdentExt as _;

use crate::args;
use crate::diag::Diags;
use crate::item::Item;
use crate::messages;
use crate::suggest;

use super::bindings::Bindings;
use super::options::{Given, Options};
use super::templates::Checked;

/// What `skip(..)` names.
pub(crate) struct Skipped {
    names: Vec<String>,
    idents: Vec<Ident>,
    /// Whether a name in it could not be understood: then nothing is said of what is missing.
    pub(crate) uncertain: bool,
}

impl Skipped {
    pub(crate) fn read(options: &mut Options, item: &Item, bindings: &Bindings, diags: &mut Diags) -> Self {
        let mut skipped = Self { names: Vec::new(), idents: Vec::new(), uncertain: false };
        let list = match options.list("skip", diags) {
            Given::Absent => return skipped,
            Given::Broken => {
                skipped.uncertain = true;
                return skipped;
            }
            Given::Is(list, place) => args::parse_names(&list).unwrap_or_else(|_| {
                diags.error(place, messages::bad_skip());
                skipped.uncertain = true;
                Vec::new()
            }),
        };
        for ident in list {
            skipped.add(ident, item, bindings, diags);
        }
        skipped
    }

    fn add(&mut self, ident: Ident, item: &Item, bindings: &Bindings, diags: &mut Diags) {
        let text = ident.unraw().to_string();
        let params: Vec<&str> = item.names().map(|name| name.text.as_str()).collect();
        if self.contains(&text) {
            diags.error(ident.span(), messages::skip_twice(&text));
        } else if params.contains(&text.as_str()) {
            self.names.push(text);
            self.idents.push(ident);
        } else if bindings.names().contains(&text) {
            diags.error(ident.span(), messages::skip_bound(&text));
        } else {
            let meant = suggest::closest(&text, params.iter().copied());
            let message = messages::skip_unknown(&text, &item.name(), meant, &params);
            diags.error(ident.span(), message);
            match meant {
                Some(meant) if !self.contains(meant) => {
                    self.names.push(meant.to_owned());
                    self.idents.push(ident);
                }
                _ => self.uncertain = true,
            }
        }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|skipped| skipped == name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// A parameter cannot be both.
    pub(crate) fn check_key(&self, key: &Checked, diags: &mut Diags) {
        for (name, ident) in self.names.iter().zip(&self.idents) {
            if let Some(used) = key.names.iter().find(|used| used.name == *name) {
                diags.error(ident.span(), messages::skip_in_key(name, &used.written));
            }
        }
    }
}

/// Two calls that differ in a forgotten argument only would share an entry.
pub(crate) fn check(item: &Item, key: &Checked, bindings: &mut Bindings, skipped: &Skipped, diags: &mut Diags) {
    if !key.complete || skipped.uncertain || bindings.broken {
        return;
    }
    let bound: Vec<usize> = key.names.iter().filter_map(|used| bindings.find(&used.name)).collect();
    for name in item.names() {
        let text = name.text.as_str();
        let in_key =
            key.names.iter().any(|used| used.name == text) || bound.iter().any(|&index| bindings.mentions(index, text));
        if !in_key && !skipped.contains(text) {
            let message = messages::not_covered(text, &item.name(), &key.template.source);
            diags.error(name.ident.span(), message);
        }
    }
}
