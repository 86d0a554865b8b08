//! What a cached function returns: a plain value, or a `Result` whose errors are never stored.
//!
//! Which of the two is decided by method resolution on the concrete type, so an alias of `Result` is a
//! `Result`: the inherent method of `Returns<Result<T, E>>` with a shareable error wins over the trait for any
//! `Result`, and that one over the trait for `&Returns<T>`, which needs one more borrow.

use std::any::Any;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::codec::{CacheDefault, CodecChoice};
use crate::flight::Shared;

/// What a value needs to be cached: `Serialize`, `DeserializeOwned`, `Clone`, `Send`, `Sync`, and no borrows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cached",
    note = "a cached value is stored as bytes and shared between callers",
    note = "help: `#[derive(Clone, serde::Serialize, serde::Deserialize)]` on it, and own what it borrows"
)]
pub trait Cacheable: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Cacheable for T {}

/// How a return value is taken apart and put together again.
pub trait Load {
    /// What the function returns.
    type Return;
    /// What of it is stored.
    type Value: Cacheable;
    /// What of it is not.
    type Error;
    /// How values are written.
    type Codec: CodecChoice;

    /// Takes a return value apart.
    fn open(returned: Self::Return) -> Result<Self::Value, Self::Error>;
    /// Puts it together.
    fn close(outcome: Result<Self::Value, Self::Error>) -> Self::Return;
    /// Whether it is an error.
    fn failed(_: &Self::Return) -> bool {
        false
    }
    /// The error for callers who joined, if its type can be shared.
    fn share(_: &Self::Error) -> Option<Shared> {
        None
    }
    /// A shared error, back in its type.
    fn unshare(_: &Shared) -> Option<Self::Error> {
        None
    }
    /// The value, of what is kept of it: as it is, or [bare](Self::bare).
    #[inline]
    fn taken(kept: &Shared) -> Option<Self::Value> {
        kept.downcast_ref::<Self::Value>().cloned()
    }
    /// What the clones of a value share, if there is such a thing.
    fn bare(_: &Self::Value) -> Option<Shared> {
        None
    }
    /// The same of a second value, whose clones do not write where those of the first one do.
    fn again(_: &Self::Value) -> Option<Shared> {
        None
    }
}

/// Belongs to a witness whatever its types are: also across threads.
type Marker<T> = PhantomData<fn() -> T>;

/// Stands for the return type `R` where the macro asks what it is.
pub struct Returns<R>(Marker<R>);

impl<R> Returns<R> {
    /// The witness.
    #[expect(clippy::new_without_default, reason = "made by the macro only")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// A return type that is stored whole.
pub struct Plain<T, C = CacheDefault>(Marker<(T, C)>);
/// A `Result` whose errors stay with the caller who got them.
pub struct Fallible<T, E, C = CacheDefault>(Marker<(T, E, C)>);
/// A `Result` whose errors are handed to the callers who joined, too.
pub struct Shareable<T, E, C = CacheDefault>(Marker<(T, E, C)>);

impl<T, E: Clone + Send + Sync + 'static> Returns<Result<T, E>> {
    /// Chosen for a `Result` whose error can be shared.
    pub fn load(self) -> Shareable<T, E> {
        Shareable(PhantomData)
    }
}

/// Chosen for any other `Result`.
pub trait LoadFallible {
    /// The `Ok` type.
    type Value;
    /// The `Err` type.
    type Error;
    /// The witness of how to load it.
    fn load(self) -> Fallible<Self::Value, Self::Error>;
}

impl<T, E> LoadFallible for Returns<Result<T, E>> {
    type Value = T;
    type Error = E;
    fn load(self) -> Fallible<T, E> {
        Fallible(PhantomData)
    }
}

/// Chosen for everything else.
pub trait LoadPlain {
    /// The whole return type.
    type Value;
    /// The witness of how to load it.
    fn load(self) -> Plain<Self::Value>;
}

impl<T> LoadPlain for &Returns<T> {
    type Value = T;
    fn load(self) -> Plain<T> {
        Plain(PhantomData)
    }
}

macro_rules! with_codec {
    ($($kind:ident<$($parameter:ident),+>)*) => {$(
        impl<$($parameter),+> $kind<$($parameter),+> {
            /// The same, written by codec `C`.
            pub fn codec<C: crate::codec::Codec>(self) -> $kind<$($parameter,)+ C> {
                $kind(PhantomData)
            }
        }
    )*};
}

with_codec!(Plain<T> Fallible<T, E> Shareable<T, E>);

/// A value that all clones share, and with it the count of them.
pub trait Again: Sized {
    /// What they share.
    fn bare(&self) -> Option<Shared>;
    /// An equal one with a count of its own.
    fn again(&self) -> Option<Shared>;
    /// A value, of what they share.
    fn of_bare(bare: &Shared) -> Option<Self>;
}

impl<T: Clone + Send + Sync + 'static> Again for Arc<T> {
    fn bare(&self) -> Option<Shared> {
        Some(Self::clone(self))
    }

    fn again(&self) -> Option<Shared> {
        Some(Self::new(T::clone(self)))
    }

    #[inline]
    fn of_bare(bare: &Shared) -> Option<Self> {
        // Counted before it is known what it is: it mostly is.
        Shared::clone(bare).downcast().ok()
    }
}

impl<T: Clone + Send + Sync + 'static> Again for Option<Arc<T>> {
    fn bare(&self) -> Option<Shared> {
        self.as_ref()?.bare()
    }

    fn again(&self) -> Option<Shared> {
        // Also of nothing: a hit counts what it holds before it knows what that is.
        self.as_ref().map_or_else(|| Some(Arc::new(Self::None) as Shared), Again::again)
    }

    #[inline]
    fn of_bare(bare: &Shared) -> Option<Self> {
        Arc::of_bare(bare).map(Some)
    }
}

/// What `L` stands for, of a value that can be made [again](Again).
pub struct Copied<L>(Marker<L>);

/// Chosen for any other value.
pub trait NotCopied: Sized {
    /// The same witness.
    fn copied(self) -> Self {
        self
    }
}

impl<L> NotCopied for L {}

macro_rules! copied {
    ($($kind:ident<$value:ident $(, $parameter:ident)*>)*) => {$(
        impl<$value: Again $(, $parameter)*> $kind<$value $(, $parameter)*> {
            /// Chosen for a value that can be made again.
            pub fn copied(self) -> Copied<Self> {
                Copied(PhantomData)
            }
        }
    )*};
}

copied!(Plain<T, C> Fallible<T, E, C> Shareable<T, E, C>);

impl<L: Load> Load for Copied<L>
where
    L::Value: Again,
{
    type Return = L::Return;
    type Value = L::Value;
    type Error = L::Error;
    type Codec = L::Codec;

    fn open(returned: L::Return) -> Result<L::Value, L::Error> {
        L::open(returned)
    }

    fn close(outcome: Result<L::Value, L::Error>) -> L::Return {
        L::close(outcome)
    }

    fn failed(returned: &L::Return) -> bool {
        L::failed(returned)
    }

    fn share(error: &L::Error) -> Option<Shared> {
        L::share(error)
    }

    fn unshare(shared: &Shared) -> Option<L::Error> {
        L::unshare(shared)
    }

    #[inline]
    fn taken(kept: &Shared) -> Option<L::Value> {
        #[cold]
        fn whole<L: Load>(kept: &Shared) -> Option<L::Value> {
            L::taken(kept)
        }
        L::Value::of_bare(kept).or_else(|| whole::<L>(kept))
    }

    fn bare(value: &L::Value) -> Option<Shared> {
        value.bare()
    }

    fn again(value: &L::Value) -> Option<Shared> {
        value.again()
    }
}

impl<T: Cacheable, C: CodecChoice> Load for Plain<T, C> {
    type Return = T;
    type Value = T;
    type Error = Infallible;
    type Codec = C;

    fn open(returned: T) -> Result<T, Infallible> {
        Ok(returned)
    }

    fn close(outcome: Result<T, Infallible>) -> T {
        match outcome {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }
}

impl<T: Cacheable, E, C: CodecChoice> Load for Fallible<T, E, C> {
    type Return = Result<T, E>;
    type Value = T;
    type Error = E;
    type Codec = C;

    fn open(returned: Self::Return) -> Result<T, E> {
        returned
    }

    fn close(outcome: Result<T, E>) -> Self::Return {
        outcome
    }

    fn failed(returned: &Self::Return) -> bool {
        returned.is_err()
    }
}

impl<T: Cacheable, E: Clone + Send + Sync + 'static, C: CodecChoice> Load for Shareable<T, E, C> {
    type Return = Result<T, E>;
    type Value = T;
    type Error = E;
    type Codec = C;

    fn open(returned: Self::Return) -> Result<T, E> {
        returned
    }

    fn close(outcome: Result<T, E>) -> Self::Return {
        outcome
    }

    fn failed(returned: &Self::Return) -> bool {
        returned.is_err()
    }

    fn share(error: &E) -> Option<Shared> {
        Some(Arc::new(error.clone()))
    }

    fn unshare(shared: &Shared) -> Option<E> {
        let any: &(dyn Any + Send + Sync) = &**shared;
        any.downcast_ref::<E>().cloned()
    }
}

/// What a function's companion `put` takes for a function that returns `R`: the value, the value inside `Some`,
/// or the whole return value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what this function caches",
    note = "help: give the value that the function returns, with or without its `Ok`"
)]
pub trait StoredAs<R> {
    /// As the function would return it.
    fn stored_as(self) -> R;
}

// None of these overlap: each would need a type that contains itself.
impl<T> StoredAs<T> for T {
    fn stored_as(self) -> T {
        self
    }
}

impl<T, E> StoredAs<Result<T, E>> for T {
    fn stored_as(self) -> Result<T, E> {
        Ok(self)
    }
}

impl<T> StoredAs<Option<T>> for T {
    fn stored_as(self) -> Option<T> {
        Some(self)
    }
}

impl<T, E> StoredAs<Result<Option<T>, E>> for T {
    fn stored_as(self) -> Result<Option<T>, E> {
        Ok(Some(self))
    }
}

/// What a function's companion `peek` answers for a function that returns this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Result` of `{V}`",
    note = "the first argument of a return type spelled `Result<..>` is taken for the cached value; help: write the alias under another name"
)]
pub trait Peeked<V> {
    /// The value, if this is not an error.
    fn peeked(self) -> Option<V>;
}

impl<T> Peeked<T> for T {
    fn peeked(self) -> Option<T> {
        Some(self)
    }
}

impl<T, E> Peeked<T> for Result<T, E> {
    fn peeked(self) -> Option<T> {
        self.ok()
    }
}

/// A return value that `#[invalidates]` looks into.
///
/// `(&&Returned(&it)).value()` finds the first of these that fits: a `Result` of an `Option`, a `Result` or an
/// `Option`, anything. Each takes one borrow less than the one before.
pub struct Returned<'a, R>(pub &'a R);

impl<R> Clone for Returned<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Returned<'_, R> {}

/// The value of an `Ok(Some(..))`.
pub trait ReturnedNested<'a> {
    /// What is inside.
    type Value: 'a;
    /// The value, if there is one.
    fn value(&self) -> Option<&'a Self::Value>;
}

impl<'a, T, E> ReturnedNested<'a> for &Returned<'a, Result<Option<T>, E>> {
    type Value = T;
    fn value(&self) -> Option<&'a T> {
        self.0.as_ref().ok()?.as_ref()
    }
}

/// The value of an `Ok` or a `Some`.
pub trait ReturnedSome<'a> {
    /// What is inside.
    type Value: 'a;
    /// The value, if there is one.
    fn value(&self) -> Option<&'a Self::Value>;
}

impl<'a, T, E> ReturnedSome<'a> for Returned<'a, Result<T, E>> {
    type Value = T;
    fn value(&self) -> Option<&'a T> {
        self.0.as_ref().ok()
    }
}

impl<'a, T> ReturnedSome<'a> for Returned<'a, Option<T>> {
    type Value = T;
    fn value(&self) -> Option<&'a T> {
        self.0.as_ref()
    }
}

/// A return value that is neither `Result` nor `Option`.
pub trait ReturnedPlain<'a> {
    /// The return type.
    type Value: 'a;
    /// The value itself.
    fn value(self) -> Option<&'a Self::Value>;
}

impl<'a, T> ReturnedPlain<'a> for Returned<'a, T> {
    type Value = T;
    fn value(self) -> Option<&'a T> {
        Some(self.0)
    }
}

/// Whether a `Result` is `Ok`.
pub trait ReturnedResult {
    /// True for `Ok`.
    fn is_ok(&self) -> bool;
}

impl<T, E> ReturnedResult for Returned<'_, Result<T, E>> {
    fn is_ok(&self) -> bool {
        self.0.is_ok()
    }
}

/// Anything else counts as success.
pub trait ReturnedOther {
    /// Always true.
    #[expect(clippy::wrong_self_convention, reason = "by value, so that method resolution tries it last")]
    fn is_ok(self) -> bool;
}

impl<T> ReturnedOther for Returned<'_, T> {
    fn is_ok(self) -> bool {
        true
    }
}

/// What a function with `fence = "require"` can return: an error in place of its body's result.
#[diagnostic::on_unimplemented(
    message = "`fence = \"require\"` cannot return its error as `{Self}`",
    label = "cannot be made of a `cache_runtime::Error`",
    note = "where no fence can be set, the function returns an error and its body does not run",
    note = "help: return a `Result` whose error type is `From<cache_runtime::Error>`, or write `fence` alone to run the body all the same"
)]
pub trait Refusable {
    /// The return value of a function whose body did not run.
    fn refuse(error: Error) -> Self;
}

// So that a missing `From` is told in our words.
#[diagnostic::do_not_recommend]
impl<T, E: From<Error>> Refusable for Result<T, E> {
    fn refuse(error: Error) -> Self {
        Err(error.into())
    }
}

#[cfg(test)]
#[expect(clippy::needless_borrow, reason = "the number of borrows is what is tested")]
mod tests {
    use super::*;

    type Alias = Result<Option<u8>, String>;
    struct NotClone;

    #[test]
    fn a_result_is_found_through_any_alias() {
        let nested: Alias = Ok(Some(3));
        assert_eq!((&&Returned(&nested)).value(), Some(&3));
        let single: Result<u8, NotClone> = Ok(4);
        assert_eq!((&&Returned(&single)).value(), Some(&4));
        assert_eq!((&&Returned(&Some(5))).value(), Some(&5));
        assert_eq!((&&Returned(&6)).value(), Some(&6));
        let failed: Alias = Err("no".into());
        assert!(!(&Returned(&failed)).is_ok());
        assert_eq!((&&Returned(&failed)).value(), None);
        assert!((&Returned(&6)).is_ok());
    }

    #[test]
    fn an_arc_is_made_again_where_its_content_can_be_cloned() {
        fn again<L: Load>(_: L, value: &L::Value) -> Option<L::Value> {
            L::taken(&L::again(value)?)
        }
        let one = Arc::new(3_u8);
        let other = again(Returns::<Arc<u8>>::new().load().copied(), &one).expect("it can be cloned");
        assert!(other == one && !Arc::ptr_eq(&one, &other));
        let nested = again(Returns::<Result<Option<Arc<u8>>, String>>::new().load().copied(), &Some(Arc::clone(&one)));
        assert!(nested.flatten().is_some_and(|other| !Arc::ptr_eq(&one, &other)));
        assert!(again(Returns::<u8>::new().load().copied(), &3).is_none());
        let locked = Arc::new(std::sync::Mutex::new(3_u8));
        assert!(again(Returns::<Arc<std::sync::Mutex<u8>>>::new().load().copied(), &locked).is_none());
    }

    #[test]
    fn an_arc_is_taken_of_itself_and_of_what_its_clones_share() {
        fn taken<L: Load>(_: L, value: L::Value) -> [Option<L::Value>; 3] {
            let (bare, whole): (_, Shared) = (L::bare(&value), Arc::new(value));
            [bare.and_then(|bare| L::taken(&bare)), L::taken(&whole), L::taken(&(Arc::new("another") as Shared))]
        }
        let one = Arc::new(3_u8);
        let [bare, whole, other] = taken(Returns::<Arc<u8>>::new().load().copied(), Arc::clone(&one));
        assert!([&bare, &whole].into_iter().all(|taken| taken.as_ref().is_some_and(|taken| Arc::ptr_eq(taken, &one))));
        assert!(other.is_none());
        assert_eq!(Arc::strong_count(&one), 3, "what is handed out counts, and what is not does not");
        let of_option = Returns::<Result<Option<Arc<u8>>, String>>::new().load().copied();
        for of_option in taken(of_option, Some(Arc::clone(&one))).into_iter().take(2) {
            assert!(of_option.flatten().is_some_and(|taken| Arc::ptr_eq(&taken, &one)));
        }
        let of_option = Returns::<Result<Option<Arc<u8>>, String>>::new().load().copied();
        assert_eq!(taken(of_option, None), [None, Some(None), None], "nothing is shared of nothing");
        let (one, other) = (None::<Arc<u8>>.again(), None::<Arc<u8>>.again());
        assert!(one.zip(other).is_some_and(|(one, other)| !Arc::ptr_eq(&one, &other)), "each thread has its own");
        assert_eq!(taken(Returns::<u8>::new().load().copied(), 3), [None, Some(3), None]);
    }

    #[test]
    fn errors_are_shared_only_where_their_type_allows() {
        fn kind<L: Load>(_: L) -> &'static str {
            std::any::type_name::<L>()
        }
        assert!(kind(Returns::<Alias>::new().load()).contains("Shareable"));
        assert!(kind(Returns::<Result<u8, NotClone>>::new().load()).contains("Fallible"));
        assert!(kind(Returns::<Option<u8>>::new().load()).contains("Plain"));
    }
}
