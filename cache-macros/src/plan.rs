//! What will be emitted: values that cannot be wrong. `check` makes them, `expand` writes them.

use proc_macro2::{Ident, TokenStream};
use syn::{Attribute, Expr, Path, Type};

use crate::item::Item;
use crate::tokens::Place;

/// A function whose calls can be wrapped.
pub(crate) struct Function {
    pub(crate) item: Item,
    /// The runtime's path.
    pub(crate) rt: Path,
    pub(crate) shape: Shape,
    /// What the future resolves to.
    pub(crate) ret: Type,
    /// Whether `ret` can be written inside the body.
    pub(crate) named_ret: bool,
}

/// How the function is asynchronous.
pub(crate) enum Shape {
    /// `async fn`
    Async,
    /// `fn .. -> impl Future`
    Future,
    /// `fn .. -> Pin<Box<dyn Future>>`: the type.
    Boxed(Box<Type>),
}

/// `#[cached]`.
pub(crate) struct Cached {
    pub(crate) function: Function,
    pub(crate) site: Site,
    pub(crate) parts: Parts,
    pub(crate) cache: Option<Expr>,
    pub(crate) codec: Option<Type>,
    pub(crate) companion: Option<Companion>,
}

/// The constant part of a `#[cached]`.
pub(crate) struct Site {
    pub(crate) key: Template,
    pub(crate) tags: Vec<Template>,
    /// The tags that name what is returned.
    pub(crate) found: Vec<Owed>,
    pub(crate) ttl: Lifetime,
    pub(crate) negative_ttl: Option<Lifetime>,
    pub(crate) local: Local,
    pub(crate) version: Option<u64>,
}

/// `ttl` and `negative_ttl`.
pub(crate) enum Lifetime {
    Millis(u64),
    Dynamic(Expr),
}

/// `local`.
pub(crate) enum Local {
    Default,
    Off,
    For(Lifetime),
}

/// A checked template.
pub(crate) struct Template {
    /// As written; a default key stands behind the module's path.
    pub(crate) source: String,
    pub(crate) segments: Vec<Segment>,
    /// Whether the module's path stands before the first text.
    pub(crate) in_module: bool,
}

/// A piece of a template.
pub(crate) enum Segment {
    Text(String),
    Part(u16),
}

/// The values that templates name, each once.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) bound: Vec<Bound>,
    pub(crate) list: Vec<Part>,
}

/// `bind(name = value)`.
pub(crate) struct Bound {
    pub(crate) name: Ident,
    pub(crate) value: Expr,
}

/// One value.
pub(crate) struct Part {
    pub(crate) root: Root,
    pub(crate) fields: Vec<String>,
    pub(crate) hash: bool,
    /// What an error about its type underlines.
    pub(crate) place: Place,
}

/// Where a value begins.
pub(crate) enum Root {
    /// A parameter, by the name it is bound to, and the `#[cfg]`s it stands under.
    Name(Ident, Vec<Attribute>),
    /// An index into [`Parts::bound`].
    Bound(usize),
    /// The name of `Self`, which keeps default keys of two types' methods apart.
    SelfType,
    /// The value of `{return}`.
    Return,
}

impl Parts {
    /// The number of `part`, which is added unless it is there.
    pub(crate) fn number(&mut self, part: Part) -> u16 {
        let known = self.list.iter().position(|other| other.same_as(&part));
        let index = known.unwrap_or_else(|| {
            self.list.push(part);
            self.list.len() - 1
        });
        u16::try_from(index).unwrap_or(u16::MAX)
    }
}

impl Part {
    fn same_as(&self, other: &Self) -> bool {
        let root = match (&self.root, &other.root) {
            (Root::Name(a, _), Root::Name(b, _)) => a == b,
            (Root::Bound(a), Root::Bound(b)) => a == b,
            (Root::Return, Root::Return) | (Root::SelfType, Root::SelfType) => true,
            _ => false,
        };
        root && self.fields == other.fields && self.hash == other.hash
    }
}

/// The type of the function's name.
pub(crate) struct Companion {
    /// The parameters that are not skipped, by index into the item's.
    pub(crate) params: Vec<usize>,
    /// Whether lifetimes and the cache, too, can be had from those parameters.
    pub(crate) full: bool,
    /// Whether the tags that `put` finds in its value, too.
    pub(crate) put: bool,
    /// What `peek` answers.
    pub(crate) value: Type,
}

/// `#[invalidates]`.
pub(crate) struct Invalidates {
    pub(crate) function: Function,
    pub(crate) tags: Vec<Owed>,
    pub(crate) keys: Vec<Owed>,
    pub(crate) targets: Vec<Target>,
    pub(crate) bound: Vec<Bound>,
    pub(crate) only_ok: bool,
    pub(crate) fence: Fence,
    pub(crate) cache: Option<Expr>,
}

/// `fence`.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fence {
    Off,
    Proceed,
    Require,
}

/// A template with its own parts.
pub(crate) struct Owed {
    pub(crate) template: Template,
    pub(crate) parts: Vec<Part>,
}

impl Owed {
    /// Whether it names what is returned.
    pub(crate) fn returned(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.root, Root::Return))
    }
}

impl Target {
    /// Whether it names what is returned.
    pub(crate) fn returned(&self) -> bool {
        self.args.iter().any(|argument| argument.returned)
    }
}

/// `get_user(id)`.
pub(crate) struct Target {
    /// The companion's path.
    pub(crate) path: Path,
    /// `::<T>` behind it.
    pub(crate) turbofish: TokenStream,
    pub(crate) args: Vec<Argument>,
    pub(crate) spelled: String,
    pub(crate) place: Place,
}

/// An argument of a typed target.
pub(crate) struct Argument {
    /// With `return` replaced by [`RETURN`].
    pub(crate) value: TokenStream,
    pub(crate) returned: bool,
}

/// `#[derive(KeyPart)]`.
pub(crate) struct KeyPart {
    pub(crate) ident: Ident,
    pub(crate) generics: syn::Generics,
    pub(crate) rt: Path,
    pub(crate) parts: KeyParts,
}

/// The shapes that can be key parts.
pub(crate) enum KeyParts {
    Fields(Vec<(syn::Member, Type)>),
    Variants(Vec<Ident>),
}
