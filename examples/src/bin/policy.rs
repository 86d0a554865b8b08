//! What operators can say while a program runs, step by step and without any server:
//! `cargo run -p examples --bin policy`.

use std::path::Path;
use std::time::Duration;

use cache_runtime::policy::Rule;
use cache_runtime::{Cache, cached, invalidates, observe};

#[cached(key = "price:{id}", ttl = "10m", tags = ["prices"])]
async fn price(id: u64) -> u64 {
    id * 100
}

#[invalidates(tags = ["prices"])]
async fn new_prices() {}

async fn call(what: &str) {
    let (_, seen) = observe(price(7)).await;
    println!("  {what:<58} {}", seen.source);
}

/// Writes the file, and waits until its policy is in force, or known to be bad.
async fn write(cache: &Cache, path: &Path, text: &str) -> std::io::Result<()> {
    let before = (cache.policy(), cache.health().policy_problem);
    std::fs::write(path, text)?;
    println!("\n  the file: {}", text.trim().replace('\n', "; "));
    while (cache.policy(), cache.health().policy_problem) == before {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::temp_dir().join(format!("cache-example-policy-{}.toml", std::process::id()));
    std::fs::write(&path, "")?;
    let cache = Cache::builder().namespace("policy-example").policy(&path).build()?;
    cache.install()?;

    println!("  what happens                                               answered from\n");
    call("the first call").await;
    call("again").await;

    write(&cache, &path, "[function.price]\nenabled = false\n").await?;
    call("switched off").await;
    new_prices().await;
    println!("  and, meanwhile, invalidated");

    write(&cache, &path, "[function.price]\nttl = \"x0.5\"\n").await?;
    call("on again, with half its ttl: what was invalidated is gone").await;
    call("again").await;

    write(&cache, &path, "[function.pricee]\npercent = 150\n").await?;
    println!("  bad, so nothing changes: {}", cache.health().policy_problem.unwrap_or_default());
    call("as before").await;

    println!("\n  by hand: Rule::new().percent(10.0)");
    cache.steer("price", Rule::new().percent(10.0))?;
    let warmed = cache.warm((0..1_000).map(price)).concurrency(8).run().await;
    println!(
        "  1,000 keys warmed: {} loaded, {} present, {} let through",
        warmed.loaded, warmed.present, warmed.uncached
    );
    cache.steer("price", Rule::new().percent(20.0))?;
    let warmed = cache.warm((0..1_000).map(price)).concurrency(8).run().await;
    println!(
        "  and with 20 percent: {} loaded, {} present, {} let through",
        warmed.loaded, warmed.present, warmed.uncached
    );

    println!("\n  in force: {}", cache.policy().of("price"));
    std::fs::remove_file(&path)?;
    Ok(())
}
