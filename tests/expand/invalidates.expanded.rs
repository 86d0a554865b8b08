async fn rename(db: &Db, id: u64, name: String) -> Result<(), Error> {
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
                ::cache_runtime::__private::Template {
                    source: "users",
                    segments: &[::cache_runtime::__private::Segment::Text("users")],
                },
            ],
            keys: &[
                ::cache_runtime::__private::Template {
                    source: "{org}",
                    segments: &[::cache_runtime::__private::Segment::Part(0u16)],
                },
            ],
            targets: &[
                (
                    "get_user(id)",
                    <get_user as ::cache_runtime::__private::Companion>::ID,
                ),
                (
                    "users::by_name::<Utf8>(name)",
                    <users::by_name as ::cache_runtime::__private::Companion>::ID,
                ),
            ],
            only_ok: true,
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
    __cache_pending.tags(1u16, &[]);
    match (&(db.org()),) {
        (__cache_bound_0,) => __cache_pending.keys(0u16, &[&__cache_bound_0]),
    };
    __cache_pending.target(<get_user>::__cache_key(&(id)));
    __cache_pending.target(<users::by_name>::__cache_key::<Utf8>(&(name)));
    let __cache_return = async move {
        if let ::core::option::Option::Some(__cache_edge) = ::core::option::Option::None::<
            Result<(), Error>,
        > {
            return __cache_edge;
        }
        db.rename(id, name).await?;
        Ok(())
    }
        .await;
    let __cache_ok = {
        use ::cache_runtime::__private::{ReturnedOther as _, ReturnedResult as _};
        (&::cache_runtime::__private::Returned(&__cache_return)).is_ok()
    };
    __cache_pending.finish(__cache_ok).await;
    __cache_return
}
async fn create(db: &Db, name: String) -> Result<User, Error> {
    let mut __cache_pending = {
        static SITE: ::cache_runtime::__private::InvalidationSite = ::cache_runtime::__private::InvalidationSite::new(::cache_runtime::__private::InvalidationDeclaration {
            function: ::core::concat!(::core::module_path!(), "::create"),
            file: ::core::file!(),
            line: ::core::line!(),
            tags: &[
                ::cache_runtime::__private::Template {
                    source: "{name}:{return.id}",
                    segments: &[
                        ::cache_runtime::__private::Segment::Part(0u16),
                        ::cache_runtime::__private::Segment::Text(":"),
                        ::cache_runtime::__private::Segment::Part(1u16),
                    ],
                },
            ],
            targets: &[
                (
                    "get_user(return.id)",
                    <get_user as ::cache_runtime::__private::Companion>::ID,
                ),
                (
                    "version(name, return.version)",
                    <version as ::cache_runtime::__private::Companion>::ID,
                ),
            ],
            ..::cache_runtime::__private::InvalidationDeclaration::DEFAULT
        });
        #[::cache_runtime::__private::linkme::distributed_slice(
            ::cache_runtime::__private::INVALIDATION_SITES
        )]
        #[linkme(crate = ::cache_runtime::__private::linkme)]
        static ENTRY: &::cache_runtime::__private::InvalidationSite = &SITE;
        &SITE
    }
        .begin()
        .on(&db.cache);
    let __cache_tags_0_0 = ::cache_runtime::__private::Rendered::new(&name);
    let __cache_target_1_0 = {
        use ::std::borrow::ToOwned as _;
        (name).to_owned()
    };
    let __cache_return = async move {
        if let ::core::option::Option::Some(__cache_edge) = ::core::option::Option::None::<
            Result<User, Error>,
        > {
            return __cache_edge;
        }
        db.create(name).await
    }
        .await;
    if let ::core::option::Option::Some(__cache_value) = {
        use ::cache_runtime::__private::{
            ReturnedNested as _, ReturnedPlain as _, ReturnedSome as _,
        };
        (&&::cache_runtime::__private::Returned(&__cache_return)).value()
    } {
        __cache_pending.tags(0u16, &[&__cache_tags_0_0, &__cache_value.id]);
        __cache_pending.target(<get_user>::__cache_key(&(__cache_value.id)));
        __cache_pending
            .target(
                <version>::__cache_key(&__cache_target_1_0, &(__cache_value.version)),
            );
    }
    let __cache_ok = true;
    __cache_pending.finish(__cache_ok).await;
    __cache_return
}
