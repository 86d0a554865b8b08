impl Users {
    async fn get(self: Arc<Self>, id: u64) -> Option<User> {
        let __cache_call = match {
            static SITE: ::cache_runtime::__private::Site = ::cache_runtime::__private::Site::new(::cache_runtime::__private::Declaration {
                function: ::core::concat!(::core::module_path!(), "::get"),
                file: ::core::file!(),
                line: ::core::line!(),
                value: "Option<User>",
                key: ::cache_runtime::__private::Template {
                    source: "org:{self.org.id}:user:{id}",
                    segments: &[
                        ::cache_runtime::__private::Segment::Text("org:"),
                        ::cache_runtime::__private::Segment::Part(0u16),
                        ::cache_runtime::__private::Segment::Text(":user:"),
                        ::cache_runtime::__private::Segment::Part(1u16),
                    ],
                },
                ttl: ::cache_runtime::__private::Ttl::Millis(300000u64),
                ..::cache_runtime::__private::Declaration::DEFAULT
            });
            #[::cache_runtime::__private::linkme::distributed_slice(
                ::cache_runtime::__private::SITES
            )]
            #[linkme(crate = ::cache_runtime::__private::linkme)]
            static ENTRY: &::cache_runtime::__private::Site = &SITE;
            &SITE
        }
            .bind(&[&self.org.id, &id])
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
            async move { if let ::core::option::Option::Some(__cache_edge) =
            ::core::option::Option::None:: < Option < User > > { return __cache_edge; }
            self.db.user(id). await }
        );
        __cache_call.load(__cache_body).await
    }
}
