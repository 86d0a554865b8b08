/// Finds a user.
pub async fn get_user(db: &Db, id: u64) -> Result<Option<User>, DbError> {
    let __cache_call = match get_user::__cache_call(&id)
        .kept({
            use ::cache_runtime::__private::{
                LoadFallible as _, LoadPlain as _, NotCopied as _,
            };
            ::cache_runtime::__private::Returns::<Result<Option<User>, DbError>>::new()
                .load()
                .copied()
        })
    {
        ::core::ops::ControlFlow::Break(__cache_kept) => return __cache_kept,
        ::core::ops::ControlFlow::Continue(__cache_call) => __cache_call,
    };
    let __cache_body = ::core::pin::pin!(
        async move { if let ::core::option::Option::Some(__cache_edge) =
        ::core::option::Option::None:: < Result < Option < User >, DbError > > { return
        __cache_edge; } db.user(id). await }
    );
    __cache_call.load(__cache_body).await
}
///The cache entries of [`get_user()`].
pub enum get_user {}
#[allow(clippy::ptr_arg, clippy::ref_option_ref, clippy::too_many_arguments)]
impl get_user {
    #[doc(hidden)]
    fn __cache_call(id: &u64) -> ::cache_runtime::__private::Call<'static> {
        {
            static SITE: ::cache_runtime::__private::Site = ::cache_runtime::__private::Site::new(::cache_runtime::__private::Declaration {
                function: ::core::concat!(::core::module_path!(), "::get_user"),
                file: ::core::file!(),
                line: ::core::line!(),
                value: "Result<Option<User>, DbError>",
                key: ::cache_runtime::__private::Template {
                    source: "user:{id}",
                    segments: &[
                        ::cache_runtime::__private::Segment::Text("user:"),
                        ::cache_runtime::__private::Segment::Part(0u16),
                    ],
                },
                tags: &[
                    ::cache_runtime::__private::Template {
                        source: "user:{id}",
                        segments: &[
                            ::cache_runtime::__private::Segment::Text("user:"),
                            ::cache_runtime::__private::Segment::Part(0u16),
                        ],
                    },
                    ::cache_runtime::__private::Template {
                        source: "users",
                        segments: &[::cache_runtime::__private::Segment::Text("users")],
                    },
                ],
                ttl: ::cache_runtime::__private::Ttl::Millis(600000u64),
                companion: <get_user as ::cache_runtime::__private::Companion>::ID,
                ..::cache_runtime::__private::Declaration::DEFAULT
            });
            #[::cache_runtime::__private::linkme::distributed_slice(
                ::cache_runtime::__private::SITES
            )]
            #[linkme(crate = ::cache_runtime::__private::linkme)]
            static ENTRY: &::cache_runtime::__private::Site = &SITE;
            &SITE
        }
            .bind(&[id])
    }
    /// The key of the entry for these arguments.
    pub fn key(id: u64) -> ::cache_runtime::Key {
        Self::__cache_call(&id).into_key()
    }
    #[doc(hidden)]
    pub fn __cache_key(id: &u64) -> ::cache_runtime::Key {
        Self::__cache_call(id).into_key()
    }
    /// Removes the entry for these arguments.
    pub fn invalidate(id: u64) -> ::cache_runtime::Operation<()> {
        Self::__cache_call(&id).invalidate()
    }
    /// The stored value, if there is one; runs nothing.
    pub fn peek(
        id: u64,
    ) -> ::cache_runtime::Operation<::core::option::Option<Option<User>>> {
        Self::__cache_call(&id)
            .peek({
                use ::cache_runtime::__private::{
                    LoadFallible as _, LoadPlain as _, NotCopied as _,
                };
                ::cache_runtime::__private::Returns::<
                    Result<Option<User>, DbError>,
                >::new()
                    .load()
                    .copied()
            })
    }
    /// Stores a value that is current.
    pub fn put(
        id: u64,
        __cache_put: impl ::cache_runtime::__private::StoredAs<
            Result<Option<User>, DbError>,
        >,
    ) -> ::cache_runtime::Operation<()> {
        Self::__cache_call(&id)
            .put(
                {
                    use ::cache_runtime::__private::{
                        LoadFallible as _, LoadPlain as _, NotCopied as _,
                    };
                    ::cache_runtime::__private::Returns::<
                        Result<Option<User>, DbError>,
                    >::new()
                        .load()
                        .copied()
                },
                __cache_put,
            )
    }
}
