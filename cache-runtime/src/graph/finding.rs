//! What can be wrong with a graph, and how that is said.

use std::fmt::{self, Display};

use serde::Serialize;

use super::{Place, Template, render};

/// Something in a [`Graph`](super::Graph) that is probably a mistake.
///
/// [`Display`] says what is wrong, where, and what to type; [`id`](Self::id) is what
/// [`check_except`](super::Graph::check_except) takes to allow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// A tag is carried, and nothing invalidates it.
    #[non_exhaustive]
    NeverInvalidated {
        /// The tag, as the first of the functions writes it.
        tag: Template,
        /// The functions whose entries carry it.
        carried_by: Vec<Place>,
        /// A tag that is invalidated and spelled much like it.
        closest: Option<Template>,
    },
    /// A tag is invalidated, and no entry carries it: the invalidation does nothing.
    #[non_exhaustive]
    NeverCarried {
        /// The tag, as the first of the invalidations writes it.
        tag: Template,
        /// The functions that invalidate it.
        invalidated_by: Vec<Place>,
        /// A tag that is carried and spelled much like it.
        closest: Option<Template>,
    },
    /// A key is invalidated, and no cached function has it.
    #[non_exhaustive]
    NoSuchKey {
        /// The key, as the first of the invalidations writes it.
        key: Template,
        /// The functions that invalidate it.
        invalidated_by: Vec<Place>,
        /// A key that is spelled much like it.
        closest: Option<Template>,
    },
    /// Several functions have one key template, names of placeholders aside: they read each other's entries.
    #[non_exhaustive]
    OneKey {
        /// The key, as the first of them writes it.
        key: Template,
        /// The functions.
        functions: Vec<Place>,
    },
    /// A key has a literal where another has a placeholder: for some arguments the two are one.
    #[non_exhaustive]
    OverlappingKeys {
        /// The two keys.
        keys: [Template; 2],
        /// The functions that have one of them.
        functions: Vec<Place>,
    },
    /// Two keys differ only in a literal, by what may be a slip of the keyboard: `user:{id}`, `usr:{id}`.
    #[non_exhaustive]
    SimilarKeys {
        /// The two keys.
        keys: [Template; 2],
        /// The functions that have one of them.
        functions: Vec<Place>,
    },
    /// No invalidation reaches a function's entries, and they live for more than an hour.
    ///
    /// A `ttl` that is an expression is not known here, and no finding.
    #[non_exhaustive]
    Unreachable {
        /// The function.
        function: Place,
        /// How long its entries live, in milliseconds.
        ttl_ms: u64,
    },
    /// There is no cached function in the program, so that nothing was checked.
    NothingLinked,
    /// What [`check_except`](super::Graph::check_except) was to allow does not occur, any more or as spelled.
    #[non_exhaustive]
    NotFound {
        /// As given.
        allowed: String,
        /// The [`id`](Finding::id) of a finding that is spelled much like it.
        closest: Option<String>,
    },
}

impl Finding {
    /// What to give to [`check_except`](super::Graph::check_except): `never invalidated: users`.
    ///
    /// It names templates as they are written, and functions by their path.
    pub fn id(&self) -> String {
        match self {
            Self::NeverInvalidated { tag, .. } => format!("never invalidated: {tag}"),
            Self::NeverCarried { tag, .. } => format!("never carried: {tag}"),
            Self::NoSuchKey { key, .. } => format!("no such key: {key}"),
            Self::OneKey { key, .. } => format!("one key: {key}"),
            Self::OverlappingKeys { keys: [a, b], .. } => format!("overlapping keys: {a}, {b}"),
            Self::SimilarKeys { keys: [a, b], .. } => format!("similar keys: {a}, {b}"),
            Self::Unreachable { function, .. } => format!("unreachable: {}", function.path),
            Self::NothingLinked => "nothing linked".to_owned(),
            Self::NotFound { allowed, .. } => format!("not found: {allowed}"),
        }
    }

    /// Where the mistake may be: the functions that are concerned.
    pub fn places(&self) -> &[Place] {
        match self {
            Self::NeverInvalidated { carried_by: places, .. }
            | Self::NeverCarried { invalidated_by: places, .. }
            | Self::NoSuchKey { invalidated_by: places, .. }
            | Self::OneKey { functions: places, .. }
            | Self::OverlappingKeys { functions: places, .. }
            | Self::SimilarKeys { functions: places, .. } => places,
            Self::Unreachable { function, .. } => std::slice::from_ref(function),
            Self::NothingLinked | Self::NotFound { .. } => &[],
        }
    }

    fn title(&self) -> String {
        match self {
            Self::NeverInvalidated { tag, .. } => format!("nothing invalidates the tag `{tag}`"),
            Self::NeverCarried { tag, .. } => format!("no entry carries the tag `{tag}`"),
            Self::NoSuchKey { key, .. } => format!("no cached function has the key `{key}`"),
            Self::OneKey { key, functions, .. } => {
                format!("{} cached functions have the key `{key}`", functions.len())
            }
            Self::OverlappingKeys { keys: [a, b], .. } => format!("the keys `{a}` and `{b}` can be the same"),
            Self::SimilarKeys { keys: [a, b], .. } => format!("the keys `{a}` and `{b}` differ only in a literal"),
            Self::Unreachable { function, ttl_ms } => {
                let ttl = render::lifetime(*ttl_ms);
                format!("nothing invalidates the entries of `{}`, which live for {ttl}", function.name())
            }
            Self::NothingLinked => "there is no cached function in this program".to_owned(),
            Self::NotFound { allowed, .. } => format!("`{allowed}` is allowed and does not occur"),
        }
    }

    /// Why, if that is not plain.
    fn note(&self) -> Option<&'static str> {
        match self {
            Self::NeverInvalidated { .. } => Some("it does nothing for the entries that carry it"),
            Self::NeverCarried { .. } | Self::NoSuchKey { .. } => Some("nothing is invalidated by it"),
            Self::OneKey { .. } => Some("they read each other's entries, or miss on them where their types differ"),
            Self::OverlappingKeys { .. } => Some("where a placeholder takes the other's literal, they share an entry"),
            Self::SimilarKeys { .. } => Some("if they are meant to be one, an invalidation of one leaves the other"),
            Self::Unreachable { .. } => Some("what changed is served until then"),
            Self::NothingLinked => Some("a crate that the source does not name is not linked"),
            Self::NotFound { .. } => None,
        }
    }

    /// One thing to type.
    fn help(&self) -> String {
        let meant = |closest: &dyn Display| format!("did you mean `{closest}`?");
        match self {
            Self::NeverInvalidated { closest: Some(closest), .. }
            | Self::NeverCarried { closest: Some(closest), .. }
            | Self::NoSuchKey { closest: Some(closest), .. } => meant(closest),
            Self::NotFound { closest: Some(closest), .. } => meant(closest),
            Self::NeverInvalidated { .. } => {
                "name it in the `#[invalidates(tags = [..])]` of what changes the value, or remove it here".to_owned()
            }
            Self::NeverCarried { .. } => {
                "name it in the `tags = [..]` of a cached function, or remove it here".to_owned()
            }
            Self::NoSuchKey { .. } => {
                "name the cached function, and the compiler checks it: `#[invalidates(get_user(id))]`".to_owned()
            }
            Self::OneKey { .. } => "give each of them a `key = \"..\"` of its own".to_owned(),
            Self::OverlappingKeys { .. } => "begin one of them with another word".to_owned(),
            Self::SimilarKeys { .. } => "name them so that nobody takes one for the other".to_owned(),
            Self::Unreachable { .. } => {
                "put `#[invalidates(..)]` on what changes the value, or write `ttl = \"1h\"` or less".to_owned()
            }
            Self::NothingLinked => "write `use your_crate as _;` for each crate that has some".to_owned(),
            Self::NotFound { .. } => "remove it from the list".to_owned(),
        }
    }
}

/// As the compiler would say it:
///
/// ```text
/// error: nothing invalidates the tag `users`
///
///        note: it does nothing for the entries that carry it
///        help: did you mean `user`?
///        help: if it is meant so, allow it: "never invalidated: users"
///   --> src/search.rs:32 (shop::search::search_users)
/// ```
impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\n\n", self.title())?;
        if let Some(note) = self.note() {
            writeln!(f, "       note: {note}")?;
        }
        write!(f, "       help: {}", self.help())?;
        if !matches!(self, Self::NothingLinked | Self::NotFound { .. }) {
            write!(f, "\n       help: if it is meant so, allow it: {:?}", self.id())?;
        }
        for place in self.places() {
            write!(f, "\n  --> {place}")?;
        }
        Ok(())
    }
}
