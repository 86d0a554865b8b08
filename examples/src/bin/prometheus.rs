//! What a cache tells Prometheus: `cargo run -p examples --bin prometheus`, then `curl localhost:9464/metrics`.
//!
//! It calls a cached function all the time, so that there is something to see. `METRICS_ADDR` is where it listens (default
//! `127.0.0.1:9464`). With `CACHE_URL` or `REDIS_URL` entries are in Redis, without them in this process. The names are in
//! `docs/operations/metrics.md`; beside them are a dashboard and alert rules.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use cache_runtime::metrics::{Kind, METRICS};
use cache_runtime::{Cache, cached, invalidates};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

#[cached(key = "price:{product}", ttl = "1m", negative_ttl = "10s", tags = ["price:{product}", "prices"])]
async fn price(product: u64) -> Option<u64> {
    tokio::time::sleep(Duration::from_millis(3)).await;
    (!product.is_multiple_of(10)).then_some(product * 100)
}

#[invalidates(tags = ["price:{product}"])]
async fn reprice(product: u64) {}

/// Before the first cached function is called. Without buckets, histograms would become summaries, which cannot be added up.
fn recorder() -> Result<PrometheusHandle, Box<dyn Error>> {
    let mut builder = PrometheusBuilder::new();
    for metric in METRICS.iter().filter(|metric| metric.kind == Kind::Histogram) {
        builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), metric.buckets)?;
    }
    Ok(builder.install_recorder()?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let prometheus = recorder()?;
    let cache = Cache::from_env()?;
    cache.install()?;

    let scrape = async move || {
        // A cache does so by itself each second; now, so that the answer is what is.
        cache.publish_metrics();
        prometheus.render()
    };
    let address = std::env::var("METRICS_ADDR").unwrap_or_else(|_| "127.0.0.1:9464".to_owned());
    let listener =
        TcpListener::bind(&address).await.map_err(|error| format!("cannot listen on `{address}`: {error}"))?;
    println!("listening on http://{}/metrics", listener.local_addr()?);

    tokio::spawn(async {
        for n in 0u64.. {
            price(n * n % 101).await;
            if n.is_multiple_of(50) {
                reprice(n % 101).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    });
    axum::serve(listener, Router::new().route("/metrics", get(scrape))).await?;
    Ok(())
}
