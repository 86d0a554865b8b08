pub(crate) async fn page<T, const N: usize>(ctx: &Ctx<T>, filter: &Filter<N>) -> Page
where
    T: Send,
{
    #![allow(unused)]
    let __cache_call = match match (&(ctx.org_id()),) {
        (__cache_bound_0,) => {
            {
                static SITE: ::renamed::__private::Site = ::renamed::__private::Site::new(::renamed::__private::Declaration {
                    function: ::core::concat!(::core::module_path!(), "::page"),
                    file: ::core::file!(),
                    line: ::core::line!(),
                    value: "Page",
                    key: ::renamed::__private::Template {
                        source: "page%:{org}/{filter:hash}{{}}",
                        segments: &[
                            ::renamed::__private::Segment::Text("page%25:"),
                            ::renamed::__private::Segment::Part(0u16),
                            ::renamed::__private::Segment::Text("/"),
                            ::renamed::__private::Segment::Part(1u16),
                            ::renamed::__private::Segment::Text("{}"),
                        ],
                    },
                    tags: &[
                        ::renamed::__private::Template {
                            source: "org:{org}",
                            segments: &[
                                ::renamed::__private::Segment::Text("org:"),
                                ::renamed::__private::Segment::Part(0u16),
                            ],
                        },
                    ],
                    ttl: ::renamed::__private::Ttl::Dynamic,
                    negative_ttl: ::core::option::Option::Some(
                        ::renamed::__private::Ttl::Millis(30000u64),
                    ),
                    local: ::renamed::__private::Local::Millis(5000u64),
                    version: 2u64,
                    ..::renamed::__private::Declaration::DEFAULT
                });
                #[::renamed::__private::linkme::distributed_slice(
                    ::renamed::__private::SITES
                )]
                #[linkme(crate = ::renamed::__private::linkme)]
                static ENTRY: &::renamed::__private::Site = &SITE;
                &SITE
            }
                .bind(&[&__cache_bound_0, &::renamed::__private::HashPart(&filter)])
        }
    }
        .on(&ctx.cache)
        .ttl({
            let __cache_duration: ::core::time::Duration = config::ttl();
            __cache_duration
        })
        .kept({
            use ::renamed::__private::{
                LoadFallible as _, LoadPlain as _, NotCopied as _,
            };
            ::renamed::__private::Returns::<Page>::new()
                .load()
                .codec::<codec::Json>()
                .copied()
        })
    {
        ::core::ops::ControlFlow::Break(__cache_kept) => return __cache_kept,
        ::core::ops::ControlFlow::Continue(__cache_call) => __cache_call,
    };
    let __cache_body = ::core::pin::pin!(
        async move { if let ::core::option::Option::Some(__cache_edge) =
        ::core::option::Option::None:: < Page > { return __cache_edge; } ctx.page(filter)
        . await }
    );
    __cache_call.load(__cache_body).await
}
