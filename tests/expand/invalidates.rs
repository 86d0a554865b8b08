#[invalidates(get_user(id), users::by_name::<Utf8>(name), tags = ["user:{id}", "users"], keys = ["{org}"], bind(org = db.org()), on = "ok")]
async fn rename(db: &Db, id: u64, name: String) -> Result<(), Error> {
    db.rename(id, name).await?;
    Ok(())
}

#[invalidates(get_user(return.id), version(name, return.version), tags = ["{name}:{return.id}"], cache = &db.cache)]
async fn create(db: &Db, name: String) -> Result<User, Error> {
    db.create(name).await
}
