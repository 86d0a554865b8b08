#[cached(
    key = "page%:{org}/{filter:hash}{{}}",
    ttl = config::ttl(),
    tags = ["org:{org}"],
    skip(ctx),
    bind(org = ctx.org_id()),
    negative_ttl = "30s",
    local = "5s",
    version = 2,
    codec = codec::Json,
    cache = &ctx.cache,
    crate = ::renamed
)]
pub(crate) async fn page<T, const N: usize>(ctx: &Ctx<T>, filter: &Filter<N>) -> Page
where
    T: Send,
{
    #![allow(unused)]
    ctx.page(filter).await
}
