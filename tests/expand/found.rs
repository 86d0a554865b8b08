#[cached(key = "user:{id}", ttl = "10m", tags = ["user:{id}", "org:{return.org_id}", "{id}/{return.kind:hash}"], skip(db))]
pub async fn get_user(db: &Db, id: u64) -> Result<Option<User>, DbError> {
    db.user(id).await
}

impl Users {
    #[cached(key = "user:{name}", ttl = "10m", tags = ["{tenant}:{return.id}"], skip(self), bind(tenant = self.tenant()))]
    async fn named(&self, name: String) -> User {
        self.db.named(name).await
    }
}

#[cached(key = "first:{a}:{b}", ttl = "10m", tags = ["{a}:{return.id}"])]
fn first((a, b): (u64, u64)) -> impl Future<Output = User> {
    async move { user(a, b) }
}

#[cached(key = "of:{id}", ttl = "10m", tags = ["{db.name}:{return.id}"], skip(db))]
async fn of_skipped(db: &Db, id: u64) -> User {
    db.user(id).await
}
