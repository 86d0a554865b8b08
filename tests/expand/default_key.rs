#[cached(ttl = "1h")]
async fn price(item: &str, r#type: Kind, (a, _): (u8, u8), #[cfg(feature = "region")] mut region: Region) -> u32 {
    region.fix();
    lookup(item, r#type, a, region)?
}

impl Prices {
    #[cached(ttl = "1h", skip(self))]
    async fn price(&self, item: &str) -> u32 {
        0
    }
}
