#[cached(key = "{id}:{kind}", ttl = TTL, local = false, skip(db))]
async fn load<'a, D, I: Into<u64> + KeyPart, const N: usize>(db: &'a D, id: I, kind: impl KeyPart + 'a) -> [u8; N]
where
    D: Db<N>,
    I: Send,
{
    db.load(id).await
}
