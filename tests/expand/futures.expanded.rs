fn one(id: u64) -> impl Future<Output = u64> + Send {
    async move {
        let __cache_call = match one::__cache_call(&id)
            .kept({
                use ::cache_runtime::__private::{
                    LoadFallible as _, LoadPlain as _, NotCopied as _,
                };
                ::cache_runtime::__private::Returns::<u64>::new().load().copied()
            })
        {
            ::core::ops::ControlFlow::Break(__cache_kept) => return __cache_kept,
            ::core::ops::ControlFlow::Continue(__cache_call) => __cache_call,
        };
        let __cache_body = ::core::pin::pin!(
            async move { (move || { async move { id } }) (). await }
        );
        __cache_call.load(__cache_body).await
    }
}
///The cache entries of [`one()`].
enum one {}
#[allow(clippy::ptr_arg, clippy::ref_option_ref, clippy::too_many_arguments)]
impl one {
    #[doc(hidden)]
    fn __cache_call(id: &u64) -> ::cache_runtime::__private::Call<'static> {
        {
            static SITE: ::cache_runtime::__private::Site = ::cache_runtime::__private::Site::new(::cache_runtime::__private::Declaration {
                function: ::core::concat!(::core::module_path!(), "::one"),
                file: ::core::file!(),
                line: ::core::line!(),
                value: "u64",
                key: ::cache_runtime::__private::Template {
                    source: "a:{id}",
                    segments: &[
                        ::cache_runtime::__private::Segment::Text("a:"),
                        ::cache_runtime::__private::Segment::Part(0u16),
                    ],
                },
                ttl: ::cache_runtime::__private::Ttl::Millis(1000u64),
                companion: <one as ::cache_runtime::__private::Companion>::ID,
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
    pub fn peek(id: u64) -> ::cache_runtime::Operation<::core::option::Option<u64>> {
        Self::__cache_call(&id)
            .peek({
                use ::cache_runtime::__private::{
                    LoadFallible as _, LoadPlain as _, NotCopied as _,
                };
                ::cache_runtime::__private::Returns::<u64>::new().load().copied()
            })
    }
    /// Stores a value that is current.
    pub fn put(
        id: u64,
        __cache_put: impl ::cache_runtime::__private::StoredAs<u64>,
    ) -> ::cache_runtime::Operation<()> {
        Self::__cache_call(&id)
            .put(
                {
                    use ::cache_runtime::__private::{
                        LoadFallible as _, LoadPlain as _, NotCopied as _,
                    };
                    ::cache_runtime::__private::Returns::<u64>::new().load().copied()
                },
                __cache_put,
            )
    }
}
impl Repo for Pg {
    fn get<'life0, 'async_trait>(
        &'life0 self,
        id: u64,
    ) -> ::core::pin::Pin<
        Box<dyn ::core::future::Future<Output = Option<User>> + Send + 'async_trait>,
    >
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        ::std::boxed::Box::pin(async move {
            let __cache_call = match {
                static SITE: ::cache_runtime::__private::Site = ::cache_runtime::__private::Site::new(::cache_runtime::__private::Declaration {
                    function: ::core::concat!(::core::module_path!(), "::get"),
                    file: ::core::file!(),
                    line: ::core::line!(),
                    value: "Option<User>",
                    key: ::cache_runtime::__private::Template {
                        source: "user:{id}",
                        segments: &[
                            ::cache_runtime::__private::Segment::Text("user:"),
                            ::cache_runtime::__private::Segment::Part(0u16),
                        ],
                    },
                    ttl: ::cache_runtime::__private::Ttl::Millis(1000u64),
                    ..::cache_runtime::__private::Declaration::DEFAULT
                });
                #[::cache_runtime::__private::linkme::distributed_slice(
                    ::cache_runtime::__private::SITES
                )]
                #[linkme(crate = ::cache_runtime::__private::linkme)]
                static ENTRY: &::cache_runtime::__private::Site = &SITE;
                &SITE
            }
                .bind(&[&id])
                .kept({
                    use ::cache_runtime::__private::{
                        LoadFallible as _, LoadPlain as _, NotCopied as _,
                    };
                    ::cache_runtime::__private::Returns::<Option<User>>::new()
                        .load()
                        .copied()
                })
            {
                ::core::ops::ControlFlow::Break(__cache_kept) => return __cache_kept,
                ::core::ops::ControlFlow::Continue(__cache_call) => __cache_call,
            };
            let __cache_body = ::core::pin::pin!(
                async move { (move || -> ::core::pin::Pin < Box < dyn
                ::core::future::Future < Output = Option < User > > + Send + 'async_trait
                > > { Box::pin(async move { let __self = self; __self.db.user(id). await
                }) }) (). await }
            );
            __cache_call.load(__cache_body).await
        })
    }
}
