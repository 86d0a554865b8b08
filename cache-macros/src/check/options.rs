//! Reads options by name and form; a misspelt option counts as the one that was meant.

use proc_macro2::{Group, TokenStream};
use syn::{Expr, ExprLit, ExprUnary, Lit, LitStr, Path, Type, UnOp};

use crate::args::{Arg, Form};
use crate::diag::Diags;
use crate::duration::{self, Mistake};
use crate::messages;
use crate::plan::{Fence, Lifetime, Local};
use crate::suggest;
use crate::tokens::{Place, spell};

/// Names that other caches use for an option of ours.
const ALIASES: [(&str, &str); 12] = [
    ("expire", "ttl"),
    ("expires", "ttl"),
    ("expiry", "ttl"),
    ("time", "ttl"),
    ("lifetime", "ttl"),
    ("time_to_live", "ttl"),
    ("prefix", "key"),
    ("ignore", "skip"),
    ("exclude", "skip"),
    ("serializer", "codec"),
    ("none_ttl", "negative_ttl"),
    ("let", "bind"),
];

/// What is known about an option.
pub(crate) enum Given<T> {
    Absent,
    /// Given, with a mistake that is reported.
    Broken,
    Is(T, Place),
}

impl<T> Given<T> {
    /// Goes on with the value; a mistake on the way makes it broken.
    fn and_then<U>(self, next: impl FnOnce(T, Place) -> Option<U>) -> Given<U> {
        match self {
            Given::Absent => Given::Absent,
            Given::Broken => Given::Broken,
            Given::Is(value, place) => match next(value, place) {
                Some(value) => Given::Is(value, place),
                None => Given::Broken,
            },
        }
    }

    pub(crate) fn value(self) -> Option<T> {
        match self {
            Given::Is(value, _) => Some(value),
            _ => None,
        }
    }
}

/// The options that were given, each once.
pub(crate) struct Options {
    given: Vec<(&'static str, Arg)>,
}

impl Options {
    /// Sorts arguments into options and the rest, the typed targets.
    pub(crate) fn read(
        args: Vec<Arg>,
        attribute: &'static str,
        known: &[&'static str],
        is_target: fn(&Arg) -> bool,
        diags: &mut Diags,
    ) -> (Self, Vec<Arg>) {
        let mut given: Vec<(&'static str, Arg)> = Vec::new();
        let mut targets = Vec::new();
        for arg in args {
            let name = arg.name().unwrap_or_default();
            let exact = known.iter().find(|option| **option == name);
            if exact.is_none() && is_target(&arg) {
                targets.push(arg);
                continue;
            }
            let meant = exact.copied().or_else(|| meant(&name, known));
            if exact.is_none() && meant.is_none() && matches!(arg.form, Form::Broken) {
                continue;
            }
            if exact.is_none() {
                let place = Place::of(&arg.path);
                let name = spell(&arg.path);
                diags.error(place, messages::unknown_option(&name, attribute, meant, known));
            }
            let Some(option) = meant else { continue };
            if given.iter().any(|(other, _)| *other == option) {
                if exact.is_some() {
                    diags.error(Place::of(&arg.path), messages::given_twice(option));
                }
                continue;
            }
            given.push((option, arg));
        }
        (Self { given }, targets)
    }

    fn take(&mut self, option: &str) -> Option<Arg> {
        let at = self.given.iter().position(|(name, _)| *name == option)?;
        Some(self.given.swap_remove(at).1)
    }

    /// `option = value`
    fn assigned(&mut self, option: &str, diags: &mut Diags) -> Given<TokenStream> {
        let Some(arg) = self.take(option) else {
            return Given::Absent;
        };
        let place = arg.value_place();
        match arg.form {
            Form::Value(value) => Given::Is(value, place),
            Form::Broken => Given::Broken,
            Form::Bare => {
                diags.error(place, messages::value_missing(option));
                Given::Broken
            }
            Form::List(_) => {
                diags.error(place, messages::wrong_form(option));
                Given::Broken
            }
        }
    }

    /// `option(..)`
    pub(crate) fn list(&mut self, option: &str, diags: &mut Diags) -> Given<Group> {
        let Some(arg) = self.take(option) else {
            return Given::Absent;
        };
        let place = arg.value_place();
        match arg.form {
            Form::List(list) => Given::Is(list, place),
            Form::Broken => Given::Broken,
            Form::Bare | Form::Value(_) => {
                diags.error(place, messages::wrong_form(option));
                Given::Broken
            }
        }
    }

    pub(crate) fn expr(&mut self, option: &str, diags: &mut Diags) -> Given<Expr> {
        let given = self.assigned(option, diags);
        given.and_then(|value, _| syn::parse2(value).ok())
    }

    pub(crate) fn runtime(&mut self, diags: &mut Diags) -> Path {
        let given = self.assigned("crate", diags);
        let path = given.and_then(|value, _| syn::parse2(value).ok()).value();
        path.unwrap_or_else(|| syn::parse_quote!(::cache_runtime))
    }

    /// `key = ".."`
    pub(crate) fn text(&mut self, option: &str, diags: &mut Diags) -> Given<LitStr> {
        let given = self.expr(option, diags);
        given.and_then(|value, place| match string(&value) {
            Some(text) => Some(text),
            None => {
                diags.error(place, messages::not_a_string(option, &spell(&value)));
                None
            }
        })
    }

    /// `tags = ["..", ".."]`
    pub(crate) fn texts(&mut self, option: &str, diags: &mut Diags) -> Given<Vec<LitStr>> {
        let given = self.expr(option, diags);
        given.and_then(|value, place| {
            let Expr::Array(array) = &value else {
                let literal = string(&value).map(spell);
                diags.error(place, messages::not_a_list(option, literal.as_deref()));
                return None;
            };
            if array.elems.is_empty() {
                diags.error(place, messages::empty_list(option));
            }
            let mut texts: Vec<LitStr> = Vec::new();
            for element in &array.elems {
                match string(element) {
                    Some(text) if texts.iter().any(|other| other.value() == text.value()) => {
                        diags.error(text.span(), messages::template_twice(option, &text.value()));
                    }
                    Some(text) => texts.push(text),
                    None => {
                        let spelled = spell(element);
                        diags.error(Place::of(element), messages::not_a_string(option, &spelled));
                    }
                }
            }
            Some(texts)
        })
    }

    /// `ttl = "10m"`, seconds, or an expression.
    pub(crate) fn lifetime(&mut self, option: &str, diags: &mut Diags) -> Given<Lifetime> {
        let given = self.expr(option, diags);
        given.and_then(|value, place| lifetime(value, option, place, diags))
    }

    /// `local = "5s"`, `false`, or an expression.
    pub(crate) fn local(&mut self, diags: &mut Diags) -> Given<Local> {
        let given = self.expr("local", diags);
        given.and_then(|value, place| match literal(&value) {
            Some(Lit::Bool(flag)) if !flag.value => Some(Local::Off),
            Some(Lit::Bool(_)) => {
                diags.error(place, messages::local_true());
                None
            }
            _ => lifetime(value, "local", place, diags).map(Local::For),
        })
    }

    /// `fence`, `fence = "require"`; the place is that of the name.
    pub(crate) fn fence(&mut self, diags: &mut Diags) -> Given<Fence> {
        let Some(arg) = self.take("fence") else {
            return Given::Absent;
        };
        let name = Place::of(&arg.path);
        if matches!(arg.form, Form::Bare) {
            return Given::Is(Fence::Proceed, name);
        }
        self.given.push(("fence", arg));
        let given = self.expr("fence", diags).and_then(|value, place| match literal(&value) {
            Some(Lit::Str(text)) if text.value() == "require" => Some(Fence::Require),
            _ => {
                diags.error(place, messages::unknown_fence(&spell(&value)));
                None
            }
        });
        match given {
            Given::Is(fence, _) => Given::Is(fence, name),
            other => other,
        }
    }

    pub(crate) fn version(&mut self, diags: &mut Diags) -> Given<u64> {
        let given = self.expr("version", diags);
        given.and_then(|value, place| {
            let version = match literal(&value) {
                Some(Lit::Int(number)) => number.base10_parse().ok(),
                _ => None,
            };
            if version.is_none() {
                diags.error(place, messages::not_a_version(&spell(&value)));
            }
            version
        })
    }

    pub(crate) fn codec(&mut self, diags: &mut Diags) -> Given<Type> {
        let given = self.assigned("codec", diags);
        given.and_then(|value, place| match syn::parse2::<Type>(value.clone()) {
            Ok(Type::Path(path)) => Some(Type::Path(path)),
            _ => {
                diags.error(place, messages::not_a_codec(&spell(value)));
                None
            }
        })
    }
}

/// The option that `name` is a slip of, or another cache's word for.
fn meant(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    match alias {
        Some((_, option)) => known.iter().find(|known| *known == option).copied(),
        None => suggest::closest(name, known.iter().copied()),
    }
}

fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

fn string(value: &Expr) -> Option<LitStr> {
    match literal(value) {
        Some(Lit::Str(text)) => Some(text.clone()),
        // What `macro_rules` passes on as `$key:expr` or `$key:literal` stands in an invisible group.
        None => match value {
            Expr::Group(group) => string(&group.expr),
            _ => None,
        },
        _ => None,
    }
}

fn lifetime(value: Expr, option: &str, place: Place, diags: &mut Diags) -> Option<Lifetime> {
    let parsed = match (&value, literal(&value)) {
        (Expr::Group(group), _) => return lifetime((*group.expr).clone(), option, place, diags),
        (_, Some(Lit::Str(text))) => {
            let text = text.value();
            duration::parse(&text).map_err(|mistake| messages::bad_duration(option, &text, &mistake))
        }
        (_, Some(Lit::Int(number))) => seconds(number, option),
        (_, Some(other)) => Err(messages::not_a_duration(option, &spell(other))),
        (Expr::Unary(ExprUnary { op: UnOp::Neg(_), .. }), None) => {
            Err(messages::not_a_duration(option, &spell(&value)))
        }
        _ => return Some(Lifetime::Dynamic(value)),
    };
    match parsed {
        Ok(ms) => Some(Lifetime::Millis(ms)),
        Err(message) => {
            diags.error(place, message);
            None
        }
    }
}

fn seconds(number: &syn::LitInt, option: &str) -> Result<u64, messages::Message> {
    let text = number.to_string();
    let is_integer_type = |suffix: &str| {
        let digits = suffix.trim_start_matches(['u', 'i']);
        digits.len() < suffix.len() && (digits == "size" || digits.parse::<u8>().is_ok())
    };
    if !number.suffix().is_empty() && !is_integer_type(number.suffix()) {
        return Err(messages::unquoted_duration(&text));
    }
    let ms = number.base10_parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1000));
    ms.ok_or(Mistake::TooLong)
        .and_then(duration::in_range)
        .map_err(|mistake| messages::bad_duration(option, &text, &mistake))
}
