//! The graph of invalidation: every cached function of the program, and what invalidates it.
//!
//! Each `#[cached]` and each `#[invalidates]` leaves its templates in the program; [`graph()`](crate::graph()) joins
//! them. It is about declarations: nothing has to be called, and no cache has to be installed.
//!
//! # In a test
//!
//! One line finds what nobody notices until a value is stale, such as a tag that nothing invalidates:
//!
//! ```rust,standalone_crate
//! # use cache_runtime::{cached, invalidates};
//! # #[cached(key = "user:{id}", ttl = "10m", tags = ["user:{id}"])] async fn get_user(id: u64) -> u64 { id }
//! # #[invalidates(tags = ["user:{id}"])] async fn rename_user(id: u64) {}
//! # /*
//! #[test]
//! # */
//! fn everything_cached_is_invalidated() {
//!     cache_runtime::graph().check().unwrap();
//! }
//! # fn main() { everything_cached_is_invalidated() }
//! ```
//!
//! It fails with what is wrong, where, and what to type; [`Finding`] has the list. What is meant is allowed with
//! [`Graph::check_except`].
//!
//! # Which functions are in it
//!
//! Those of all crates that are linked into the program, called or not, in debug and in release builds, with LTO too.
//! A crate is linked if the program's source names it: `use shop::anything`, or just `use shop as _;`. A crate that
//! stands in `Cargo.toml` and nowhere else is left out by the compiler, and its functions are not in the graph. So the
//! test belongs where everything comes together: among the tests of the program's own crate, or into `tests/` with a
//! `use .. as _;` for each crate. A test of one library sees its own half, and a graph without any function is a
//! finding of its own.
//!
//! What is not in it: invalidations by hand (`get_user::invalidate(id)`, `cache.invalidate_tags(..)`), and entries by
//! hand (`cache.put(..)`).
//!
//! # As a picture
//!
//! [`Graph::to_mermaid`] and [`Graph::to_dot`] draw it, [`Graph::to_json`] (feature `json`) is for other programs. The
//! drawings name no lines, so that a copy in the repository changes only when the graph does.

mod check;
mod finding;
mod findings;
mod fit;
mod registry;
mod render;
mod template;
#[cfg(test)]
mod tests;
mod unify;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use check::Findings;
pub use finding::Finding;
pub use template::Template;

/// The cached functions of this program, and what invalidates them: see [the module](mod@crate::graph).
///
/// Put together anew by each call, from what the linker has collected.
///
/// ```rust,standalone_crate
/// use cache_runtime::{cached, invalidates};
///
/// #[cached(key = "user:{id}", ttl = "10m", tags = ["user:{id}"])]
/// async fn get_user(id: u64) -> u64 { id }
///
/// #[invalidates(tags = ["user:{user_id}"])]
/// async fn rename_user(user_id: u64) {}
///
/// # fn main() {
/// let graph = cache_runtime::graph();
/// assert_eq!(graph.functions[0].place.name(), "get_user");
/// assert_eq!(graph.functions[0].ttl_ms, Some(600_000));
/// let edge = &graph.edges[0];
/// assert_eq!(graph.invalidations[edge.invalidation].place.name(), "rename_user");
/// # }
/// ```
pub fn graph() -> Graph {
    registry::collect(&crate::site::SITES, &crate::site::INVALIDATION_SITES)
}

/// Cached functions and invalidations, and which of these void entries of which of those.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Graph {
    /// The cached functions, ordered by path, file and line.
    pub functions: Vec<Function>,
    /// The invalidating functions, ordered likewise.
    pub invalidations: Vec<Invalidation>,
    /// What joins them.
    pub edges: Vec<Edge>,
}

/// A function that carries `#[cached]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Function {
    /// Where it stands.
    pub place: Place,
    /// The template of its keys. Without one in the attribute, that of its path and parameters.
    pub key: Template,
    /// The templates of the tags that its entries carry, those that the result names (`{return..}`) at the end.
    pub tags: Vec<Template>,
    /// How long its entries live, in milliseconds; `None` where an expression says it at each call.
    pub ttl_ms: Option<u64>,
    /// The return type, as spelled.
    pub value: String,
}

/// A function that carries `#[invalidates]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Invalidation {
    /// Where it stands.
    pub place: Place,
    /// The templates of the tags that it invalidates.
    pub tags: Vec<Template>,
    /// The templates of the keys that it invalidates.
    pub keys: Vec<Template>,
    /// The typed targets, as spelled: `get_user(id)`.
    pub targets: Vec<String>,
    /// `on = "ok"`: not after an `Err`.
    pub only_ok: bool,
    /// `fence`, in either form.
    pub fenced: bool,
}

/// Where a function stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Place {
    /// Module path and name. A method's is that of its module: `shop::users::get`.
    pub path: String,
    /// The file, as the compiler was given it: from the workspace's root, as a rule.
    pub file: String,
    /// The line of the attribute, from 1.
    pub line: u32,
}

/// An invalidation that voids entries of a cached function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Edge {
    /// An index into [`Graph::invalidations`].
    pub invalidation: usize,
    /// An index into [`Graph::functions`].
    pub function: usize,
    /// What joins the two.
    pub link: Link,
}

/// What joins an invalidation and a cached function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Link {
    /// A tag, as each of them writes it.
    #[non_exhaustive]
    Tag {
        /// By the invalidation.
        invalidated: Template,
        /// By the function.
        carried: Template,
    },
    /// A key, as the invalidation writes it.
    #[non_exhaustive]
    Key {
        /// By the invalidation.
        invalidated: Template,
    },
    /// A typed target. It joins exactly the function that it names.
    #[non_exhaustive]
    Target {
        /// As spelled: `get_user(id)`.
        target: String,
    },
}

impl Place {
    /// The function's name.
    pub fn name(&self) -> &str {
        self.path.rsplit("::").next().unwrap_or(&self.path)
    }

    /// The path of its module.
    pub fn module(&self) -> &str {
        self.path.rsplit_once("::").map_or("", |(module, _)| module)
    }
}

/// `src/users.rs:12 (shop::users::get_user)`
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({})", self.file, self.line, self.path)
    }
}
