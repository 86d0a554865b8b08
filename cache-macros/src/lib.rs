//! The macros of `cache-runtime`, which re-exports and documents them: depend on that crate.
//!
//! A macro is a pipeline, and modules depend downward only:
//!
//! ```text
//! lib                                        entry points
//! expand    fallback                         plans as tokens | what stands beside errors
//! check                                      what the arguments mean: all mistakes, or a plan
//! plan      args      item                   values that cannot be wrong | syntax
//! diag                                       errors, collected
//! messages                                   every text a user meets
//! template  duration  suggest  surroundings  text, without spans and without `syn`
//! ```

mod args;
mod check;
mod diag;
mod duration;
mod expand;
mod fallback;
mod item;
mod messages;
mod plan;
mod suggest;
mod surroundings;
mod template;
mod tokens;

#[cfg(test)]
mod snapshots;

use proc_macro::TokenStream;

/// Caches what an async function returns.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Serialize, Deserialize)] struct User { id: u64, org: u64 }
/// # #[derive(Debug)] struct DbError;
/// # struct Db;
/// # impl Db { async fn query_user(&self, id: u64) -> Result<Option<User>, DbError> { Ok(Some(User { id, org: 1 })) } }
/// use cache_runtime::cached;
///
/// #[cached(key = "user:{id}", ttl = "10m", tags = ["user:{id}", "users"], skip(db))]
/// async fn get_user(db: &Db, id: u64) -> Result<Option<User>, DbError> {
///     db.query_user(id).await
/// }
/// ```
///
/// The function is called as before. A hit answers without running the body; a miss runs it once,
/// however many callers there are, and stores what it returned (but see [tags from the
/// result](#tags-from-the-result)). `Err` is never stored, `None` only with `negative_ttl`.
///
/// # Options
///
/// | option | form | meaning |
/// |---|---|---|
/// | `key` | `"user:{id}"` | template of the key; omitted, `crate::module::function:{a}:{b}` over all parameters not skipped |
/// | `ttl` | `"10m"`, `300` (seconds), or an expression of type `Duration` | how long an entry lives; required |
/// | `tags` | `["user:{id}", "org:{return.org_id}"]` | templates of the tags that invalidate the entry |
/// | `skip(a, b)` | parameters, `self` included | what does not change the value: a database handle |
/// | `bind(org = ctx.org_id())` | names for templates | an expression usable as `{org}` |
/// | `negative_ttl` | as `ttl` | caches `None` for that long |
/// | `local` | `"5s"`, an expression of type `Duration`, or `false` | how long entries are kept in process over Redis, at most, or that they are not; default: the cache's `local_ttl` |
/// | `version` | an integer | raise it to make all older entries misses |
/// | `codec` | path of a codec type | how values are encoded; default: as the cache says |
/// | `cache` | expression of type `&Cache` | default: the installed cache |
/// | `crate` | `= ::path` | where the runtime is re-exported |
///
/// # Templates
///
/// `{name}` is a parameter or a bound name, `{name.field.path}` a field of it, `{self.field}` one of
/// the receiver, `{name:hash}` a hash of a value that is `Serialize`; `{{` and `}}` are braces.
/// Every parameter is in the key or in `skip(..)`, since two calls that differ only in a forgotten
/// argument would share an entry: anything else does not compile.
///
/// # Tags from the result
///
/// `{return.path}` in a tag names a field of the `Ok` or `Some` value: for what no argument says, such as the owner of
/// what was looked up.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Serialize, Deserialize)] struct User { id: u64, org_id: u64 }
/// # #[derive(Debug)] struct DbError;
/// # use cache_runtime::{cached, invalidates};
/// #[cached(key = "user:{id}", ttl = "10m", tags = ["user:{id}", "org:{return.org_id}"])]
/// async fn get_user(id: u64) -> Result<Option<User>, DbError> {
///     Ok(Some(User { id, org_id: 1 }))
/// }
///
/// #[invalidates(tags = ["org:{org_id}"])] // every user of it
/// async fn suspend(org_id: u64) -> Result<(), DbError> {
///     Ok(())
/// }
/// ```
///
/// Such a tag is not known before the body ran, and a value is stored only under tags that were read before: the first
/// load of a key leaves a hint of its tags, and from the second on the value is stored. So it is again when the result
/// names other tags, and when the entry is gone, because its key was invalidated or its ttl ended. Callers who joined the
/// first load are not handed its value, since one of its tags may have been invalidated before they came: they look again,
/// and share a second one. A hit in Redis costs a second round trip. A `None` or an `Err` names nothing and has none of
/// these tags.
///
/// # The type of the function's name
///
/// For a free function a type of its name is emitted, with the parameters that are not skipped:
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Serialize, Deserialize)] struct User { id: u64, org: u64 }
/// # #[derive(Debug)] struct DbError;
/// # struct Db;
/// # use cache_runtime::cached;
/// # #[cached(key = "user:{id}", ttl = "10m")]
/// # async fn get_user(id: u64) -> Result<Option<User>, DbError> { Ok(Some(User { id, org: 1 })) }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), cache_runtime::Error> {
/// # let user = User { id: 7, org: 1 };
/// let key = get_user::key(7);
/// get_user::put(7, user).await?;
/// let stored: Option<Option<User>> = get_user::peek(7).await?;
/// get_user::invalidate(7).await?;
/// # assert!(stored.is_some() && key.as_str() == "user:7"); Ok(()) }
/// ```
///
/// `put`, `peek` and `invalidate` are plain functions that return an `Operation<T>`, a future that borrows nothing and can
/// be spawned. Where an expression in the attribute that they need has `.await`, `?`, `return` or a macro in it, they are
/// async functions.
///
/// A module, a struct or an imported type of the same name stands in its way, as two types of one
/// name do. Methods have no such type: their tags and keys serve. Where a template needs a skipped parameter
/// (a tag does, or the key through `bind`) there is none either; where `ttl` or `cache` does, only `key` is there. There
/// is no `put` where a tag names a skipped parameter beside `{return..}`.
#[proc_macro_attribute]
pub fn cached(args: TokenStream, item: TokenStream) -> TokenStream {
    run_cached(args.into(), item.into()).into()
}

/// Invalidates entries when an async function has run.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Serialize, Deserialize)] struct User { id: u64, org: u64 }
/// # #[derive(Debug)] struct DbError;
/// # struct Db;
/// # #[cache_runtime::cached(key = "user:{id}", ttl = "10m")]
/// # async fn get_user(id: u64) -> Result<Option<User>, DbError> { Ok(Some(User { id, org: 1 })) }
/// use cache_runtime::invalidates;
///
/// #[invalidates(tags = ["user:{id}"])]
/// async fn rename_user(db: &Db, id: u64, name: &str) -> Result<(), DbError> {
///     Ok(()) // .. after the commit
/// }
///
/// // Typed: the compiler checks the arguments against those of `get_user`.
/// #[invalidates(get_user(id), tags = ["users"])]
/// async fn delete_user(db: &Db, id: u64) -> Result<(), DbError> {
///     Ok(())
/// }
///
/// // `return` is the `Ok` or `Some` value.
/// #[invalidates(tags = ["org:{return.org}"], get_user(return.id))]
/// async fn create_user(db: &Db, name: &str) -> Result<User, DbError> {
///     Ok(User { id: 8, org: 1 })
/// }
/// ```
///
/// It happens after the body returned and before its result is handed on, also when that is an `Err`
/// (a commit that timed out may have happened), unless `on = "ok"`. It also happens when the future is
/// dropped after the body began. Trouble of the cache does not change the function's result, except under
/// `fence = "require"`.
///
/// Templates with `{return..}` need a value: after an `Err`, a `None` or a drop there is none, and they name nothing.
/// Where such a mutation may have happened all the same, name what it touches by its arguments too.
///
/// # Fence
///
/// An invalidation that could not be delivered is retried as long as the process lives. `fence` is for the process
/// that dies between its commit and its invalidation: what is named is marked on the server before the body runs.
///
/// ```
/// # #[derive(Debug)] struct DbError;
/// # impl From<cache_runtime::Error> for DbError { fn from(_: cache_runtime::Error) -> Self { DbError } }
/// # use cache_runtime::invalidates;
/// #[invalidates(tags = ["balance:{account}"], fence)]
/// async fn deposit(account: u64, cents: u64) -> Result<(), DbError> {
///     Ok(())
/// }
///
/// #[invalidates(tags = ["balance:{account}"], fence = "require")] // `DbError: From<cache_runtime::Error>`
/// async fn withdraw(account: u64, cents: u64) -> Result<(), DbError> {
///     Ok(())
/// }
/// ```
///
/// While it is fenced, loads run and what they return is not stored. The invalidation lifts the fence; after a crash it
/// ends by itself, in a miss, after the `fence_ttl` of the cache's builder (30 seconds unless set): let that be longer than the
/// body takes. The cost is one more round trip, before the body.
///
/// Where the server does not take the fence, `fence` runs the body all the same, as if it were not there.
/// `fence = "require"` does not run it and returns the error, for which the function's error type must be
/// `From<cache_runtime::Error>`. What is named is invalidated then all the same, as soon as the server takes it: a part of
/// the fence may have been set.
///
/// What is named by `{return..}`, or by `return` in a typed target, is not known before the body and is not fenced. With
/// `fence`, at least one target is named by the arguments alone.
///
/// # Options
///
/// | option | form | meaning |
/// |---|---|---|
/// | `tags` | `["user:{id}"]` | templates of tags |
/// | `keys` | `["user:{id}"]` | templates of keys |
/// | `get_user(id)` | a cached free function and arguments | the entry of these arguments |
/// | `on` | `"ok"` | not when the function returned an `Err`; still when its future was dropped, and beside a fence over Redis, since to lift it is to invalidate what it named |
/// | `fence` | `fence`, `fence = "require"` | safe from a crash after the commit; see above |
/// | `bind(org = ctx.org_id())` | names for templates | an expression usable as `{org}` |
/// | `cache` | expression of type `&Cache` | default: the installed cache |
/// | `crate` | `= ::path` | where the runtime is re-exported |
#[proc_macro_attribute]
pub fn invalidates(args: TokenStream, item: TokenStream) -> TokenStream {
    run_invalidates(args.into(), item.into()).into()
}

/// Makes a type usable in templates: a newtype, a struct of parts, an enum without fields.
///
/// ```
/// use cache_runtime::{KeyPart, cached};
///
/// #[derive(KeyPart)]
/// struct UserId(u64);
///
/// #[derive(KeyPart)]
/// enum Plan { Free, Paid }
///
/// #[cached(key = "quota:{user}:{plan}", ttl = "1h")]
/// async fn quota(user: UserId, plan: Plan) -> u64 {
///     1_000
/// }
/// ```
///
/// `#[key_part(crate = ::path)]` says where the runtime is re-exported.
#[proc_macro_derive(KeyPart, attributes(key_part))]
pub fn key_part(input: TokenStream) -> TokenStream {
    run_key_part(input.into()).into()
}

/// The source of `suggest`, for the runtime, which suggests as well: a crate of macros has no functions to share.
#[doc(hidden)]
#[proc_macro]
pub fn __suggest(_: TokenStream) -> TokenStream {
    // Behind its first paragraph, which is the documentation of a file.
    let (_, source) = include_str!("suggest.rs").split_once("\n\n").expect("a file says what it is for");
    source.parse().expect("it is compiled here, too")
}

/// The source of `duration`, for the runtime, which reads durations as well.
#[doc(hidden)]
#[proc_macro]
pub fn __duration(_: TokenStream) -> TokenStream {
    let (_, source) = include_str!("duration.rs").split_once("\n\n").expect("a file says what it is for");
    source.parse().expect("it is compiled here, too")
}

type Tokens = proc_macro2::TokenStream;

fn run_cached(args: Tokens, item: Tokens) -> Tokens {
    let mut diags = diag::Diags::default();
    match check::cached(args.clone(), item.clone(), &mut diags) {
        Some(plan) if diags.is_empty() => expand::cached(&plan),
        _ => beside(fallback::cached(args, item), diags),
    }
}

fn run_invalidates(args: Tokens, item: Tokens) -> Tokens {
    let mut diags = diag::Diags::default();
    match check::invalidates(args, item.clone(), &mut diags) {
        Some(plan) if diags.is_empty() => expand::invalidates(&plan),
        _ => beside(item, diags),
    }
}

fn run_key_part(input: Tokens) -> Tokens {
    let mut diags = diag::Diags::default();
    let plan = check::key_part(input, &mut diags);
    let implementation = plan.map(|plan| expand::key_part(&plan)).unwrap_or_default();
    beside(implementation, diags)
}

fn beside(item: Tokens, diags: diag::Diags) -> Tokens {
    let errors = diags.into_tokens();
    quote::quote!(#item #errors)
}
