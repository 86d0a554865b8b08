#[cached(key = "a:{id}", ttl = "1s")]
fn one(id: u64) -> impl Future<Output = u64> + Send {
    async move { id }
}

impl Repo for Pg {
    #[cached(key = "user:{id}", ttl = "1s", skip(self))]
    fn get<'life0, 'async_trait>(
        &'life0 self,
        id: u64,
    ) -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = Option<User>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let __self = self;
            __self.db.user(id).await
        })
    }
}
