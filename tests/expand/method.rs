impl Users {
    #[cached(key = "org:{self.org.id}:user:{id}", ttl = 300)]
    async fn get(self: Arc<Self>, id: u64) -> Option<User> {
        self.db.user(id).await
    }
}
