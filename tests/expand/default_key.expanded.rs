async fn price(
    item: &str,
    r#type: Kind,
    (a, _): (u8, u8),
    #[cfg(feature = "region")]
    mut region: Region,
) -> u32 {
    let __cache_call = match price::__cache_site()
        .bind(
            &[
                &item,
                &r#type,
                &a,
                #[cfg(all(feature = "region"))]
                &region,
                #[cfg(not(all(feature = "region")))]
                &"",
            ],
        )
        .kept({
            use ::cache_runtime::__private::{
                LoadFallible as _, LoadPlain as _, NotCopied as _,
            };
            ::cache_runtime::__private::Returns::<u32>::new().load().copied()
        })
    {
        ::core::ops::ControlFlow::Break(__cache_kept) => return __cache_kept,
        ::core::ops::ControlFlow::Continue(__cache_call) => __cache_call,
    };
    let __cache_body = ::core::pin::pin!(
        async move { if let ::core::option::Option::Some(__cache_edge) =
        ::core::option::Option::None:: < u32 > { return __cache_edge; } region.fix();
        lookup(item, r#type, a, region) ? }
    );
    __cache_call.load(__cache_body).await
}
///The cache entries of [`price()`].
enum price {}
#[allow(clippy::ptr_arg, clippy::ref_option_ref, clippy::too_many_arguments)]
impl price {
    #[doc(hidden)]
    fn __cache_site() -> &'static ::cache_runtime::__private::Site {
        static SITE: ::cache_runtime::__private::Site = ::cache_runtime::__private::Site::new(::cache_runtime::__private::Declaration {
            function: ::core::concat!(::core::module_path!(), "::price"),
            file: ::core::file!(),
            line: ::core::line!(),
            value: "u32",
            key: ::cache_runtime::__private::Template {
                source: ::core::concat!(
                    ::core::module_path!(), "::price:{item}:{type}:{a}:{region}"
                ),
                segments: &[
                    ::cache_runtime::__private::Segment::Text(
                        ::core::concat!(::core::module_path!(), "::price"),
                    ),
                    ::cache_runtime::__private::Segment::Text(":"),
                    ::cache_runtime::__private::Segment::Part(0u16),
                    ::cache_runtime::__private::Segment::Text(":"),
                    ::cache_runtime::__private::Segment::Part(1u16),
                    ::cache_runtime::__private::Segment::Text(":"),
                    ::cache_runtime::__private::Segment::Part(2u16),
                    ::cache_runtime::__private::Segment::Text(":"),
                    ::cache_runtime::__private::Segment::Part(3u16),
                ],
            },
            ttl: ::cache_runtime::__private::Ttl::Millis(3600000u64),
            companion: <price as ::cache_runtime::__private::Companion>::ID,
            ..::cache_runtime::__private::Declaration::DEFAULT
        });
        #[::cache_runtime::__private::linkme::distributed_slice(
            ::cache_runtime::__private::SITES
        )]
        #[linkme(crate = ::cache_runtime::__private::linkme)]
        static ENTRY: &::cache_runtime::__private::Site = &SITE;
        &SITE
    }
    #[doc(hidden)]
    fn __cache_call(
        item: &str,
        r#type: &Kind,
        __cache_pattern_2: &(u8, u8),
        #[cfg(feature = "region")]
        region: &Region,
    ) -> ::cache_runtime::__private::Call<'static> {
        let (a, _) = __cache_pattern_2;
        let _ = (&a,);
        Self::__cache_site()
            .bind(
                &[
                    &item,
                    r#type,
                    a,
                    #[cfg(all(feature = "region"))]
                    &region,
                    #[cfg(not(all(feature = "region")))]
                    &"",
                ],
            )
    }
    /// The key of the entry for these arguments.
    pub fn key(
        item: &str,
        r#type: Kind,
        __cache_pattern_2: (u8, u8),
        #[cfg(feature = "region")]
        region: Region,
    ) -> ::cache_runtime::Key {
        Self::__cache_call(
                item,
                &r#type,
                &__cache_pattern_2,
                #[cfg(feature = "region")]
                &region,
            )
            .into_key()
    }
    #[doc(hidden)]
    pub fn __cache_key(
        item: &str,
        r#type: &Kind,
        __cache_pattern_2: &(u8, u8),
        #[cfg(feature = "region")]
        region: &Region,
    ) -> ::cache_runtime::Key {
        Self::__cache_call(
                item,
                r#type,
                __cache_pattern_2,
                #[cfg(feature = "region")]
                region,
            )
            .into_key()
    }
    /// Removes the entry for these arguments.
    pub fn invalidate(
        item: &str,
        r#type: Kind,
        __cache_pattern_2: (u8, u8),
        #[cfg(feature = "region")]
        region: Region,
    ) -> ::cache_runtime::Operation<()> {
        Self::__cache_call(
                item,
                &r#type,
                &__cache_pattern_2,
                #[cfg(feature = "region")]
                &region,
            )
            .invalidate()
    }
    /// The stored value, if there is one; runs nothing.
    pub fn peek(
        item: &str,
        r#type: Kind,
        __cache_pattern_2: (u8, u8),
        #[cfg(feature = "region")]
        region: Region,
    ) -> ::cache_runtime::Operation<::core::option::Option<u32>> {
        Self::__cache_call(
                item,
                &r#type,
                &__cache_pattern_2,
                #[cfg(feature = "region")]
                &region,
            )
            .peek({
                use ::cache_runtime::__private::{
                    LoadFallible as _, LoadPlain as _, NotCopied as _,
                };
                ::cache_runtime::__private::Returns::<u32>::new().load().copied()
            })
    }
    /// Stores a value that is current.
    pub fn put(
        item: &str,
        r#type: Kind,
        __cache_pattern_2: (u8, u8),
        #[cfg(feature = "region")]
        region: Region,
        __cache_put: impl ::cache_runtime::__private::StoredAs<u32>,
    ) -> ::cache_runtime::Operation<()> {
        Self::__cache_call(
                item,
                &r#type,
                &__cache_pattern_2,
                #[cfg(feature = "region")]
                &region,
            )
            .put(
                {
                    use ::cache_runtime::__private::{
                        LoadFallible as _, LoadPlain as _, NotCopied as _,
                    };
                    ::cache_runtime::__private::Returns::<u32>::new().load().copied()
                },
                __cache_put,
            )
    }
}
impl Prices {
    async fn price(&self, item: &str) -> u32 {
        let __cache_call = match {
            static SITE: ::cache_runtime::__private::Site = ::cache_runtime::__private::Site::new(::cache_runtime::__private::Declaration {
                function: ::core::concat!(::core::module_path!(), "::price"),
                file: ::core::file!(),
                line: ::core::line!(),
                value: "u32",
                key: ::cache_runtime::__private::Template {
                    source: ::core::concat!(
                        ::core::module_path!(), "::price:{Self}:{item}"
                    ),
                    segments: &[
                        ::cache_runtime::__private::Segment::Text(
                            ::core::concat!(::core::module_path!(), "::price"),
                        ),
                        ::cache_runtime::__private::Segment::Text(":"),
                        ::cache_runtime::__private::Segment::Part(0u16),
                        ::cache_runtime::__private::Segment::Text(":"),
                        ::cache_runtime::__private::Segment::Part(1u16),
                    ],
                },
                ttl: ::cache_runtime::__private::Ttl::Millis(3600000u64),
                ..::cache_runtime::__private::Declaration::DEFAULT
            });
            #[::cache_runtime::__private::linkme::distributed_slice(
                ::cache_runtime::__private::SITES
            )]
            #[linkme(crate = ::cache_runtime::__private::linkme)]
            static ENTRY: &::cache_runtime::__private::Site = &SITE;
            &SITE
        }
            .bind(&[&::core::any::type_name::<Self>(), &item])
            .kept({
                use ::cache_runtime::__private::{
                    LoadFallible as _, LoadPlain as _, NotCopied as _,
                };
                ::cache_runtime::__private::Returns::<u32>::new().load().copied()
            })
        {
            ::core::ops::ControlFlow::Break(__cache_kept) => return __cache_kept,
            ::core::ops::ControlFlow::Continue(__cache_call) => __cache_call,
        };
        let __cache_body = ::core::pin::pin!(
            async move { if let ::core::option::Option::Some(__cache_edge) =
            ::core::option::Option::None:: < u32 > { return __cache_edge; } 0 }
        );
        __cache_call.load(__cache_body).await
    }
}
