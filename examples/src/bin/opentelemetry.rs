//! Metrics and traces of a cache by OpenTelemetry: `cargo run -p examples --bin opentelemetry`.
//!
//! Both go to the standard output, so that nothing else is needed. For a collector put the exporters of `opentelemetry-otlp` in
//! place of those of `opentelemetry_stdout`: the rest stays. With `CACHE_URL` or `REDIS_URL` entries are in Redis, without
//! them in this process.

use std::error::Error;
use std::time::Duration;

use cache_runtime::metrics::{Kind, METRICS};
use cache_runtime::{Cache, cached, invalidates};
use metrics_exporter_otel::OpenTelemetryRecorder;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing::{Instrument, info_span};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[cached(key = "price:{product}", ttl = "1m", tags = ["price:{product}"])]
async fn price(product: u64) -> u64 {
    tokio::time::sleep(Duration::from_millis(3)).await;
    product * 100
}

#[invalidates(tags = ["price:{product}"])]
async fn reprice(product: u64) {}

/// Before the first cached function is called.
fn metrics() -> Result<SdkMeterProvider, Box<dyn Error>> {
    let provider =
        SdkMeterProvider::builder().with_periodic_exporter(opentelemetry_stdout::MetricExporter::default()).build();
    let recorder = OpenTelemetryRecorder::new(provider.meter("shop"));
    for metric in METRICS.iter().filter(|metric| metric.kind == Kind::Histogram) {
        recorder.set_histogram_bounds(&metric.name.into(), metric.buckets.to_vec());
    }
    metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
    Ok(provider)
}

fn traces() -> SdkTracerProvider {
    let provider =
        SdkTracerProvider::builder().with_simple_exporter(opentelemetry_stdout::SpanExporter::default()).build();
    // The spans of cached calls are at the level `debug`.
    let filter = Targets::new().with_default(LevelFilter::INFO).with_target("cache_runtime", LevelFilter::DEBUG);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
    provider
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (meters, tracers) = (metrics()?, traces());
    let cache = Cache::from_env()?;
    cache.install()?;

    async {
        price(7).await;
        price(7).await;
        reprice(7).await;
        price(7).await;
    }
    .instrument(info_span!("request"))
    .await;

    cache.shutdown().await?;
    cache.publish_metrics();
    meters.shutdown()?;
    tracers.shutdown()?;
    Ok(())
}
