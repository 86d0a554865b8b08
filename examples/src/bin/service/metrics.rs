//! What Prometheus scrapes: `GET /metrics`.

use std::error::Error;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use cache_runtime::Cache;
use cache_runtime::metrics::{Kind, METRICS};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Before the first cached function is called. Without buckets, histograms would become summaries, which cannot be added up.
pub(crate) fn recorder() -> Result<PrometheusHandle, Box<dyn Error>> {
    let mut builder = PrometheusBuilder::new();
    for metric in METRICS.iter().filter(|metric| metric.kind == Kind::Histogram) {
        builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), metric.buckets)?;
    }
    Ok(builder.install_recorder()?)
}

pub(crate) fn routes(cache: Cache, prometheus: PrometheusHandle) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state((cache, prometheus))
}

async fn scrape(State((cache, prometheus)): State<(Cache, PrometheusHandle)>) -> String {
    // A cache does so by itself each second; now, so that the answer is what is.
    cache.publish_metrics();
    prometheus.render()
}
