#[cached(key = "user:{id}", ttl = "10m", tags = ["user:{id}", "users"], skip(db))]
/// Finds a user.
pub async fn get_user(db: &Db, id: u64) -> Result<Option<User>, DbError> {
    db.user(id).await
}
