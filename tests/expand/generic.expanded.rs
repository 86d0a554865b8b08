async fn load<'a, D, I: Into<u64> + KeyPart, const N: usize>(
    db: &'a D,
    id: I,
    kind: impl KeyPart + 'a,
) -> [u8; N]
where
    D: Db<N>,
    I: Send,
{
    let __cache_call = match load::__cache_call(&id, &kind)
        .ttl({
            let __cache_duration: ::core::time::Duration = TTL;
            __cache_duration
        })
        .kept({
            use ::cache_runtime::__private::{
                LoadFallible as _, LoadPlain as _, NotCopied as _,
            };
            ::cache_runtime::__private::Returns::<[u8; N]>::new().load().copied()
        })
    {
        ::core::ops::ControlFlow::Break(__cache_kept) => return __cache_kept,
        ::core::ops::ControlFlow::Continue(__cache_call) => __cache_call,
    };
    let __cache_body = ::core::pin::pin!(
        async move { if let ::core::option::Option::Some(__cache_edge) =
        ::core::option::Option::None:: < [u8; N] > { return __cache_edge; } db.load(id).
        await }
    );
    __cache_call.load(__cache_body).await
}
///The cache entries of [`load()`].
enum load {}
#[allow(clippy::ptr_arg, clippy::ref_option_ref, clippy::too_many_arguments)]
impl load {
    #[doc(hidden)]
    fn __cache_call<'a, I: Into<u64> + KeyPart>(
        id: &I,
        kind: &(impl KeyPart + 'a),
    ) -> ::cache_runtime::__private::Call<'static>
    where
        I: Send,
    {
        {
            static SITE: ::cache_runtime::__private::Site = ::cache_runtime::__private::Site::new(::cache_runtime::__private::Declaration {
                function: ::core::concat!(::core::module_path!(), "::load"),
                file: ::core::file!(),
                line: ::core::line!(),
                value: "[u8; N]",
                key: ::cache_runtime::__private::Template {
                    source: "{id}:{kind}",
                    segments: &[
                        ::cache_runtime::__private::Segment::Part(0u16),
                        ::cache_runtime::__private::Segment::Text(":"),
                        ::cache_runtime::__private::Segment::Part(1u16),
                    ],
                },
                ttl: ::cache_runtime::__private::Ttl::Dynamic,
                local: ::cache_runtime::__private::Local::Off,
                companion: <load as ::cache_runtime::__private::Companion>::ID,
                ..::cache_runtime::__private::Declaration::DEFAULT
            });
            #[::cache_runtime::__private::linkme::distributed_slice(
                ::cache_runtime::__private::SITES
            )]
            #[linkme(crate = ::cache_runtime::__private::linkme)]
            static ENTRY: &::cache_runtime::__private::Site = &SITE;
            &SITE
        }
            .bind(&[id, kind])
    }
    /// The key of the entry for these arguments.
    pub fn key<'a, I: Into<u64> + KeyPart>(
        id: I,
        kind: impl KeyPart + 'a,
    ) -> ::cache_runtime::Key
    where
        I: Send,
    {
        Self::__cache_call(&id, &kind).into_key()
    }
    #[doc(hidden)]
    pub fn __cache_key<'a, I: Into<u64> + KeyPart>(
        id: &I,
        kind: &(impl KeyPart + 'a),
    ) -> ::cache_runtime::Key
    where
        I: Send,
    {
        Self::__cache_call(id, kind).into_key()
    }
    /// Removes the entry for these arguments.
    pub fn invalidate<'a, I: Into<u64> + KeyPart>(
        id: I,
        kind: impl KeyPart + 'a,
    ) -> ::cache_runtime::Operation<()>
    where
        I: Send,
    {
        Self::__cache_call(&id, &kind).invalidate()
    }
    /// The stored value, if there is one; runs nothing.
    pub fn peek<'a, I: Into<u64> + KeyPart, const N: usize>(
        id: I,
        kind: impl KeyPart + 'a,
    ) -> ::cache_runtime::Operation<::core::option::Option<[u8; N]>>
    where
        I: Send,
    {
        Self::__cache_call(&id, &kind)
            .peek({
                use ::cache_runtime::__private::{
                    LoadFallible as _, LoadPlain as _, NotCopied as _,
                };
                ::cache_runtime::__private::Returns::<[u8; N]>::new().load().copied()
            })
    }
    /// Stores a value that is current.
    pub fn put<'a, I: Into<u64> + KeyPart, const N: usize>(
        id: I,
        kind: impl KeyPart + 'a,
        __cache_put: impl ::cache_runtime::__private::StoredAs<[u8; N]>,
    ) -> ::cache_runtime::Operation<()>
    where
        I: Send,
    {
        Self::__cache_call(&id, &kind)
            .ttl({
                let __cache_duration: ::core::time::Duration = TTL;
                __cache_duration
            })
            .put(
                {
                    use ::cache_runtime::__private::{
                        LoadFallible as _, LoadPlain as _, NotCopied as _,
                    };
                    ::cache_runtime::__private::Returns::<[u8; N]>::new().load().copied()
                },
                __cache_put,
            )
    }
}
