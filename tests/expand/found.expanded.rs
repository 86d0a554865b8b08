pub async fn get_user(db: &Db, id: u64) -> Result<Option<User>, DbError> {
    let mut __cache_call = match get_user::__cache_call(&id)
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
    let __cache_found = __cache_call.found();
    let __cache_found_1_0 = ::cache_runtime::__private::Rendered::new(&id);
    let __cache_body = ::core::pin::pin!(
        async move { if let ::core::option::Option::Some(__cache_edge) =
        ::core::option::Option::None:: < Result < Option < User >, DbError > > { return
        __cache_edge; } db.user(id). await }
    );
    let __cache_body = ::core::pin::pin!(
        async move { let __cache_return : Result < Option < User >, DbError > =
        __cache_body. await; if let ::core::option::Option::Some(__cache_value) = { use
        ::cache_runtime::__private:: { ReturnedNested as _, ReturnedPlain as _,
        ReturnedSome as _ }; (&& ::cache_runtime::__private::Returned(& __cache_return))
        .value() } { __cache_found.tag(0u16, & [& __cache_value.org_id]); __cache_found
        .tag(1u16, & [& __cache_found_1_0, & ::cache_runtime::__private::HashPart(&
        __cache_value.kind)]); } __cache_return }
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
                ],
                found: &[
                    ::cache_runtime::__private::Template {
                        source: "org:{return.org_id}",
                        segments: &[
                            ::cache_runtime::__private::Segment::Text("org:"),
                            ::cache_runtime::__private::Segment::Part(0u16),
                        ],
                    },
                    ::cache_runtime::__private::Template {
                        source: "{id}/{return.kind:hash}",
                        segments: &[
                            ::cache_runtime::__private::Segment::Part(0u16),
                            ::cache_runtime::__private::Segment::Text("/"),
                            ::cache_runtime::__private::Segment::Part(1u16),
                        ],
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
        let mut __cache_call = Self::__cache_call(&id).owned();
        let __cache_found = __cache_call.found();
        let __cache_found_1_0 = ::cache_runtime::__private::Rendered::new(&id);
        let __cache_return: Result<Option<User>, DbError> = ::cache_runtime::__private::StoredAs::stored_as(
            __cache_put,
        );
        if let ::core::option::Option::Some(__cache_value) = {
            use ::cache_runtime::__private::{
                ReturnedNested as _, ReturnedPlain as _, ReturnedSome as _,
            };
            (&&::cache_runtime::__private::Returned(&__cache_return)).value()
        } {
            __cache_found.tag(0u16, &[&__cache_value.org_id]);
            __cache_found
                .tag(
                    1u16,
                    &[
                        &__cache_found_1_0,
                        &::cache_runtime::__private::HashPart(&__cache_value.kind),
                    ],
                );
        }
        __cache_call
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
                __cache_return,
            )
    }
}
impl Users {
    async fn named(&self, name: String) -> User {
        let mut __cache_call = match {
            static SITE: ::cache_runtime::__private::Site = ::cache_runtime::__private::Site::new(::cache_runtime::__private::Declaration {
                function: ::core::concat!(::core::module_path!(), "::named"),
                file: ::core::file!(),
                line: ::core::line!(),
                value: "User",
                key: ::cache_runtime::__private::Template {
                    source: "user:{name}",
                    segments: &[
                        ::cache_runtime::__private::Segment::Text("user:"),
                        ::cache_runtime::__private::Segment::Part(0u16),
                    ],
                },
                found: &[
                    ::cache_runtime::__private::Template {
                        source: "{tenant}:{return.id}",
                        segments: &[
                            ::cache_runtime::__private::Segment::Part(0u16),
                            ::cache_runtime::__private::Segment::Text(":"),
                            ::cache_runtime::__private::Segment::Part(1u16),
                        ],
                    },
                ],
                ttl: ::cache_runtime::__private::Ttl::Millis(600000u64),
                ..::cache_runtime::__private::Declaration::DEFAULT
            });
            #[::cache_runtime::__private::linkme::distributed_slice(
                ::cache_runtime::__private::SITES
            )]
            #[linkme(crate = ::cache_runtime::__private::linkme)]
            static ENTRY: &::cache_runtime::__private::Site = &SITE;
            &SITE
        }
            .bind(&[&name])
            .kept({
                use ::cache_runtime::__private::{
                    LoadFallible as _, LoadPlain as _, NotCopied as _,
                };
                ::cache_runtime::__private::Returns::<User>::new().load().copied()
            })
        {
            ::core::ops::ControlFlow::Break(__cache_kept) => return __cache_kept,
            ::core::ops::ControlFlow::Continue(__cache_call) => __cache_call,
        };
        let __cache_found = __cache_call.found();
        let __cache_found_0_0 = match (&(self.tenant()),) {
            (__cache_bound_0,) => {
                ::cache_runtime::__private::Rendered::new(&__cache_bound_0)
            }
        };
        let __cache_body = ::core::pin::pin!(
            async move { if let ::core::option::Option::Some(__cache_edge) =
            ::core::option::Option::None:: < User > { return __cache_edge; } self.db
            .named(name). await }
        );
        let __cache_body = ::core::pin::pin!(
            async move { let __cache_return : User = __cache_body. await; if let
            ::core::option::Option::Some(__cache_value) = { use
            ::cache_runtime::__private:: { ReturnedNested as _, ReturnedPlain as _,
            ReturnedSome as _ }; (&& ::cache_runtime::__private::Returned(&
            __cache_return)).value() } { __cache_found.tag(0u16, & [& __cache_found_0_0,
            & __cache_value.id]); } __cache_return }
        );
        __cache_call.load(__cache_body).await
    }
}
fn first((a, b): (u64, u64)) -> impl Future<Output = User> {
    async move {
        let mut __cache_call = match first::__cache_site()
            .bind(&[&a, &b])
            .kept({
                use ::cache_runtime::__private::{
                    LoadFallible as _, LoadPlain as _, NotCopied as _,
                };
                ::cache_runtime::__private::Returns::<User>::new().load().copied()
            })
        {
            ::core::ops::ControlFlow::Break(__cache_kept) => return __cache_kept,
            ::core::ops::ControlFlow::Continue(__cache_call) => __cache_call,
        };
        let __cache_found = __cache_call.found();
        let __cache_found_0_0 = ::cache_runtime::__private::Rendered::new(&a);
        let __cache_body = ::core::pin::pin!(
            async move { (move || { async move { user(a, b) } }) (). await }
        );
        let __cache_body = ::core::pin::pin!(
            async move { let __cache_return : User = __cache_body. await; if let
            ::core::option::Option::Some(__cache_value) = { use
            ::cache_runtime::__private:: { ReturnedNested as _, ReturnedPlain as _,
            ReturnedSome as _ }; (&& ::cache_runtime::__private::Returned(&
            __cache_return)).value() } { __cache_found.tag(0u16, & [& __cache_found_0_0,
            & __cache_value.id]); } __cache_return }
        );
        __cache_call.load(__cache_body).await
    }
}
///The cache entries of [`first()`].
enum first {}
#[allow(clippy::ptr_arg, clippy::ref_option_ref, clippy::too_many_arguments)]
impl first {
    #[doc(hidden)]
    fn __cache_site() -> &'static ::cache_runtime::__private::Site {
        static SITE: ::cache_runtime::__private::Site = ::cache_runtime::__private::Site::new(::cache_runtime::__private::Declaration {
            function: ::core::concat!(::core::module_path!(), "::first"),
            file: ::core::file!(),
            line: ::core::line!(),
            value: "User",
            key: ::cache_runtime::__private::Template {
                source: "first:{a}:{b}",
                segments: &[
                    ::cache_runtime::__private::Segment::Text("first:"),
                    ::cache_runtime::__private::Segment::Part(0u16),
                    ::cache_runtime::__private::Segment::Text(":"),
                    ::cache_runtime::__private::Segment::Part(1u16),
                ],
            },
            found: &[
                ::cache_runtime::__private::Template {
                    source: "{a}:{return.id}",
                    segments: &[
                        ::cache_runtime::__private::Segment::Part(0u16),
                        ::cache_runtime::__private::Segment::Text(":"),
                        ::cache_runtime::__private::Segment::Part(1u16),
                    ],
                },
            ],
            ttl: ::cache_runtime::__private::Ttl::Millis(600000u64),
            companion: <first as ::cache_runtime::__private::Companion>::ID,
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
        __cache_pattern_0: &(u64, u64),
    ) -> ::cache_runtime::__private::Call<'static> {
        let (a, b) = __cache_pattern_0;
        let _ = (&a, &b);
        Self::__cache_site().bind(&[a, b])
    }
    /// The key of the entry for these arguments.
    pub fn key(__cache_pattern_0: (u64, u64)) -> ::cache_runtime::Key {
        Self::__cache_call(&__cache_pattern_0).into_key()
    }
    #[doc(hidden)]
    pub fn __cache_key(__cache_pattern_0: &(u64, u64)) -> ::cache_runtime::Key {
        Self::__cache_call(__cache_pattern_0).into_key()
    }
    /// Removes the entry for these arguments.
    pub fn invalidate(__cache_pattern_0: (u64, u64)) -> ::cache_runtime::Operation<()> {
        Self::__cache_call(&__cache_pattern_0).invalidate()
    }
    /// The stored value, if there is one; runs nothing.
    pub fn peek(
        __cache_pattern_0: (u64, u64),
    ) -> ::cache_runtime::Operation<::core::option::Option<User>> {
        Self::__cache_call(&__cache_pattern_0)
            .peek({
                use ::cache_runtime::__private::{
                    LoadFallible as _, LoadPlain as _, NotCopied as _,
                };
                ::cache_runtime::__private::Returns::<User>::new().load().copied()
            })
    }
    /// Stores a value that is current.
    pub fn put(
        __cache_pattern_0: (u64, u64),
        __cache_put: impl ::cache_runtime::__private::StoredAs<User>,
    ) -> ::cache_runtime::Operation<()> {
        let mut __cache_call = Self::__cache_call(&__cache_pattern_0).owned();
        let (a, b) = __cache_pattern_0;
        let _ = (&a, &b);
        let __cache_found = __cache_call.found();
        let __cache_found_0_0 = ::cache_runtime::__private::Rendered::new(&a);
        let __cache_return: User = ::cache_runtime::__private::StoredAs::stored_as(
            __cache_put,
        );
        if let ::core::option::Option::Some(__cache_value) = {
            use ::cache_runtime::__private::{
                ReturnedNested as _, ReturnedPlain as _, ReturnedSome as _,
            };
            (&&::cache_runtime::__private::Returned(&__cache_return)).value()
        } {
            __cache_found.tag(0u16, &[&__cache_found_0_0, &__cache_value.id]);
        }
        __cache_call
            .put(
                {
                    use ::cache_runtime::__private::{
                        LoadFallible as _, LoadPlain as _, NotCopied as _,
                    };
                    ::cache_runtime::__private::Returns::<User>::new().load().copied()
                },
                __cache_return,
            )
    }
}
async fn of_skipped(db: &Db, id: u64) -> User {
    let mut __cache_call = match of_skipped::__cache_call(&id)
        .kept({
            use ::cache_runtime::__private::{
                LoadFallible as _, LoadPlain as _, NotCopied as _,
            };
            ::cache_runtime::__private::Returns::<User>::new().load().copied()
        })
    {
        ::core::ops::ControlFlow::Break(__cache_kept) => return __cache_kept,
        ::core::ops::ControlFlow::Continue(__cache_call) => __cache_call,
    };
    let __cache_found = __cache_call.found();
    let __cache_found_0_0 = ::cache_runtime::__private::Rendered::new(&db.name);
    let __cache_body = ::core::pin::pin!(
        async move { if let ::core::option::Option::Some(__cache_edge) =
        ::core::option::Option::None:: < User > { return __cache_edge; } db.user(id).
        await }
    );
    let __cache_body = ::core::pin::pin!(
        async move { let __cache_return : User = __cache_body. await; if let
        ::core::option::Option::Some(__cache_value) = { use ::cache_runtime::__private::
        { ReturnedNested as _, ReturnedPlain as _, ReturnedSome as _ }; (&&
        ::cache_runtime::__private::Returned(& __cache_return)).value() } { __cache_found
        .tag(0u16, & [& __cache_found_0_0, & __cache_value.id]); } __cache_return }
    );
    __cache_call.load(__cache_body).await
}
///The cache entries of [`of_skipped()`].
enum of_skipped {}
#[allow(clippy::ptr_arg, clippy::ref_option_ref, clippy::too_many_arguments)]
impl of_skipped {
    #[doc(hidden)]
    fn __cache_call(id: &u64) -> ::cache_runtime::__private::Call<'static> {
        {
            static SITE: ::cache_runtime::__private::Site = ::cache_runtime::__private::Site::new(::cache_runtime::__private::Declaration {
                function: ::core::concat!(::core::module_path!(), "::of_skipped"),
                file: ::core::file!(),
                line: ::core::line!(),
                value: "User",
                key: ::cache_runtime::__private::Template {
                    source: "of:{id}",
                    segments: &[
                        ::cache_runtime::__private::Segment::Text("of:"),
                        ::cache_runtime::__private::Segment::Part(0u16),
                    ],
                },
                found: &[
                    ::cache_runtime::__private::Template {
                        source: "{db.name}:{return.id}",
                        segments: &[
                            ::cache_runtime::__private::Segment::Part(0u16),
                            ::cache_runtime::__private::Segment::Text(":"),
                            ::cache_runtime::__private::Segment::Part(1u16),
                        ],
                    },
                ],
                ttl: ::cache_runtime::__private::Ttl::Millis(600000u64),
                companion: <of_skipped as ::cache_runtime::__private::Companion>::ID,
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
    pub fn peek(id: u64) -> ::cache_runtime::Operation<::core::option::Option<User>> {
        Self::__cache_call(&id)
            .peek({
                use ::cache_runtime::__private::{
                    LoadFallible as _, LoadPlain as _, NotCopied as _,
                };
                ::cache_runtime::__private::Returns::<User>::new().load().copied()
            })
    }
}
