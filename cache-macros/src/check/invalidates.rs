//! `#[invalidates]`: all mistakes at once, or the plan.

use proc_macro2::TokenStream;
use syn::{Expr, ExprLit, Lit, LitStr};

use crate::args;
use crate::diag::Diags;
use crate::messages;
use crate::plan::{Fence, Function, Invalidates, Owed, Target};
use crate::tokens::{Place, spell};

use super::bindings::Bindings;
use super::options::{Given, Options};
use super::templates::{self, Scope};
use super::{function, targets};

const OPTIONS: [&str; 7] = ["tags", "keys", "on", "fence", "bind", "cache", "crate"];

/// Checks `#[invalidates(args)] tokens`.
pub(crate) fn invalidates(args: TokenStream, tokens: TokenStream, diags: &mut Diags) -> Option<Invalidates> {
    let item = function::item(tokens, "invalidates", diags)?;
    let args = args::parse(args, diags);
    let named = !args.is_empty() || !diags.is_empty();
    let (mut options, targets) = Options::read(args, "invalidates", &OPTIONS, targets::is_target, diags);
    let given_targets = targets.len();
    let targets: Vec<_> = targets.into_iter().filter_map(|arg| targets::target(arg, diags)).collect();

    let mut bindings = Bindings::read(&mut options, &item, diags);
    let tags = options.texts("tags", diags);
    let keys = options.texts("keys", diags);
    let absent = |given: &Given<_>| matches!(given, Given::Absent);
    let named = named && !diags.is_empty();
    if absent(&tags) && absent(&keys) && given_targets == 0 && !named {
        diags.error(Place::attribute(), messages::no_target(&item.name()));
    }
    let broken = |given: &Given<_>| matches!(given, Given::Broken);
    let unread = broken(&tags) || broken(&keys) || targets.len() < given_targets;
    let mut scope = Scope { item: &item, bindings: &mut bindings, returned: true, diags };
    let tags = owed(tags, "tags", &mut scope);
    let keys = owed(keys, "keys", &mut scope);
    if !bindings.broken {
        bindings.report_unused(diags);
    }

    let only_ok = on(&mut options, diags);
    let fence = options.fence(diags);
    if let (Given::Is(_, place), false) = (&fence, unread) {
        let templates = tags.iter().chain(&keys).map(Owed::returned);
        let returned: Vec<bool> = templates.chain(targets.iter().map(Target::returned)).collect();
        if !returned.is_empty() && returned.iter().all(|returned| *returned) {
            diags.error(*place, messages::nothing_to_fence(&item.name()));
        }
    }
    let cache = options.expr("cache", diags).value();
    let rt = options.runtime(diags);
    let (shape, ret) = function::shape(&item, "invalidates", diags)?;
    let named_ret = function::has_name(&ret);
    Some(Invalidates {
        function: Function { item, rt, shape, ret, named_ret },
        tags,
        keys,
        targets,
        bound: bindings.bound,
        only_ok,
        fence: fence.value().unwrap_or(Fence::Off),
        cache,
    })
}

fn owed(texts: Given<Vec<LitStr>>, option: &str, scope: &mut Scope<'_>) -> Vec<Owed> {
    let texts = texts.value().unwrap_or_default();
    texts.iter().map(|text| templates::owed(text, option, scope)).collect()
}

/// `on = "ok"`.
fn on(options: &mut Options, diags: &mut Diags) -> bool {
    let Given::Is(value, place) = options.expr("on", diags) else {
        return false;
    };
    let text = match &value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.value(),
        other => spell(other),
    };
    if text != "ok" || !matches!(value, Expr::Lit(_)) {
        diags.error(place, messages::unknown_on(&text));
    }
    true
}
