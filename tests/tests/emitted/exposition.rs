//! What a recorder of this program has been handed, as Prometheus would read it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use cache_runtime::Cache;
use cache_runtime::metrics::{Kind, METRICS};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// One for the program, as in any.
static RECORDER: LazyLock<PrometheusHandle> = LazyLock::new(|| {
    let mut builder = PrometheusBuilder::new();
    for metric in METRICS.iter().filter(|metric| metric.kind == Kind::Histogram) {
        builder = builder
            .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), metric.buckets)
            .expect("there are buckets");
    }
    builder.install_recorder().expect("the first one")
});

/// Installs the recorder, if it is not.
pub(crate) fn record() {
    LazyLock::force(&RECORDER);
}

/// As it is at this moment, without what `cache` has not published yet.
pub(crate) fn recorded() -> Exposition {
    Exposition::parse(RECORDER.render())
}

/// What there is to be read of a cache and of all functions, now.
pub(crate) fn published(cache: &Cache) -> Exposition {
    record();
    cache.publish_metrics();
    recorded()
}

/// A time series and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// With `_bucket`, `_sum` and `_count`.
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

#[derive(Debug)]
pub(crate) struct Exposition {
    pub(crate) text: String,
    pub(crate) samples: Vec<Sample>,
    /// `counter`, `gauge` or `histogram`, by name.
    pub(crate) kinds: BTreeMap<String, String>,
}

impl Exposition {
    fn parse(text: String) -> Self {
        let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let kinds = kinds.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
        let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(sample).collect();
        Self { text, samples, kinds }
    }

    /// The sum of the series that carry these labels, whatever else they carry. A label's value may be the end of one:
    /// functions are called by their path.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let carries = |sample: &&Sample| {
            let has = |(label, end): &(&str, &str)| sample.labels.get(*label).is_some_and(|value| value.ends_with(end));
            sample.name == name && labels.iter().all(has)
        };
        let found: Vec<f64> = self.samples.iter().filter(carries).map(|sample| sample.value).collect();
        assert!(!found.is_empty(), "there is no {name} with {labels:?} in\n{}", self.text);
        found.iter().sum()
    }

    /// The values of a label, of series whose name begins like that.
    pub(crate) fn values(&self, name: &str, label: &str) -> BTreeSet<&str> {
        let of_it = self.samples.iter().filter(|sample| sample.name == name);
        of_it.filter_map(|sample| sample.labels.get(label)).map(String::as_str).collect()
    }
}

/// `name{label="value",..} 1`.
fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let (name, mut rest) = series.split_once('{').unwrap_or((series, "}"));
    let mut labels = BTreeMap::new();
    while let Some((label, behind)) = rest.split_once("=\"") {
        let end = end_of_string(behind);
        labels.insert(
            label.trim_start_matches(',').to_owned(),
            behind[..end].replace("\\\"", "\"").replace("\\\\", "\\"),
        );
        rest = &behind[end + 1..];
    }
    assert_eq!(rest, "}", "{line}");
    Sample { name: name.to_owned(), labels, value: value.parse().expect("a number") }
}

/// Where its quotation mark is.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    let ends = |(_, c): &(usize, char)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    };
    text.char_indices().find(ends).expect("it ends").0
}
