#[invalidates(tags = ["user:{id}"], fence)]
async fn rename(id: u64) -> Result<User, Error> {
    db.rename(id).await
}

#[invalidates(get_user(id), tags = ["org:{return.org}"], fence = "require")]
async fn delete(id: u64) -> Result<User, Error> {
    db.delete(id).await
}

#[invalidates(tags = ["users"], fence = "require")]
fn clear() -> impl Future<Output = Result<impl Iterator<Item = u64>, Error>> {
    async move { db.clear().await }
}
