async fn rename(id: u64) -> Result<User, Error> {
    let mut __cache_pending = {
        static SITE: ::cache_runtime::__private::InvalidationSite = ::cache_runtime::__private::InvalidationSite::new(::cache_runtime::__private::InvalidationDeclaration {
            function: ::core::concat!(::core::module_path!(), "::rename"),
            file: ::core::file!(),
            line: ::core::line!(),
            tags: &[
                ::cache_runtime::__private::Template {
                    source: "user:{id}",
                    segments: &[
                        ::cache_runtime::__private::Segment::Text("user:"),
                        ::cache_runtime::__private::Segment::Part(0u16),
                    ],
                },
            ],
            fence: ::cache_runtime::__private::Fence::Proceed,
            ..::cache_runtime::__private::InvalidationDeclaration::DEFAULT
        });
        #[::cache_runtime::__private::linkme::distributed_slice(
            ::cache_runtime::__private::INVALIDATION_SITES
        )]
        #[linkme(crate = ::cache_runtime::__private::linkme)]
        static ENTRY: &::cache_runtime::__private::InvalidationSite = &SITE;
        &SITE
    }
        .begin();
    __cache_pending.tags(0u16, &[&id]);
    __cache_pending.try_fence().await;
    let __cache_return = async move {
        if let ::core::option::Option::Some(__cache_edge) = ::core::option::Option::None::<
            Result<User, Error>,
        > {
            return __cache_edge;
        }
        db.rename(id).await
    }
        .await;
    let __cache_ok = true;
    __cache_pending.finish(__cache_ok).await;
    __cache_return
}
async fn delete(id: u64) -> Result<User, Error> {
    let mut __cache_pending = {
        static SITE: ::cache_runtime::__private::InvalidationSite = ::cache_runtime::__private::InvalidationSite::new(::cache_runtime::__private::InvalidationDeclaration {
            function: ::core::concat!(::core::module_path!(), "::delete"),
            file: ::core::file!(),
            line: ::core::line!(),
            tags: &[
                ::cache_runtime::__private::Template {
                    source: "org:{return.org}",
                    segments: &[
                        ::cache_runtime::__private::Segment::Text("org:"),
                        ::cache_runtime::__private::Segment::Part(0u16),
                    ],
                },
            ],
            targets: &[
                ("get_user(id)", <get_user as ::cache_runtime::__private::Companion>::ID),
            ],
            fence: ::cache_runtime::__private::Fence::Require,
            ..::cache_runtime::__private::InvalidationDeclaration::DEFAULT
        });
        #[::cache_runtime::__private::linkme::distributed_slice(
            ::cache_runtime::__private::INVALIDATION_SITES
        )]
        #[linkme(crate = ::cache_runtime::__private::linkme)]
        static ENTRY: &::cache_runtime::__private::InvalidationSite = &SITE;
        &SITE
    }
        .begin();
    __cache_pending.target(<get_user>::__cache_key(&(id)));
    if let ::core::result::Result::Err(__cache_error) = __cache_pending
        .require_fence()
        .await
    {
        return <Result<
            User,
            Error,
        > as ::cache_runtime::__private::Refusable>::refuse(__cache_error);
    }
    let __cache_return = async move {
        if let ::core::option::Option::Some(__cache_edge) = ::core::option::Option::None::<
            Result<User, Error>,
        > {
            return __cache_edge;
        }
        db.delete(id).await
    }
        .await;
    if let ::core::option::Option::Some(__cache_value) = {
        use ::cache_runtime::__private::{
            ReturnedNested as _, ReturnedPlain as _, ReturnedSome as _,
        };
        (&&::cache_runtime::__private::Returned(&__cache_return)).value()
    } {
        __cache_pending.tags(0u16, &[&__cache_value.org]);
    }
    let __cache_ok = true;
    __cache_pending.finish(__cache_ok).await;
    __cache_return
}
fn clear() -> impl Future<Output = Result<impl Iterator<Item = u64>, Error>> {
    async move {
        let mut __cache_pending = {
            static SITE: ::cache_runtime::__private::InvalidationSite = ::cache_runtime::__private::InvalidationSite::new(::cache_runtime::__private::InvalidationDeclaration {
                function: ::core::concat!(::core::module_path!(), "::clear"),
                file: ::core::file!(),
                line: ::core::line!(),
                tags: &[
                    ::cache_runtime::__private::Template {
                        source: "users",
                        segments: &[::cache_runtime::__private::Segment::Text("users")],
                    },
                ],
                fence: ::cache_runtime::__private::Fence::Require,
                ..::cache_runtime::__private::InvalidationDeclaration::DEFAULT
            });
            #[::cache_runtime::__private::linkme::distributed_slice(
                ::cache_runtime::__private::INVALIDATION_SITES
            )]
            #[linkme(crate = ::cache_runtime::__private::linkme)]
            static ENTRY: &::cache_runtime::__private::InvalidationSite = &SITE;
            &SITE
        }
            .begin();
        __cache_pending.tags(0u16, &[]);
        if let ::core::result::Result::Err(__cache_error) = __cache_pending
            .require_fence()
            .await
        {
            return ::cache_runtime::__private::Refusable::refuse(__cache_error);
        }
        let __cache_return = async move {
            (move || { async move { db.clear().await } })().await
        }
            .await;
        let __cache_ok = true;
        __cache_pending.finish(__cache_ok).await;
        __cache_return
    }
}
