//! Histograms of durations by labels. Recording a duration costs only a lookup in a small table.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use metrics::Histogram;

/// The histograms of one metric. There is one for each combination of a name (a route, a method, a statement) and the
/// other labels. Each histogram is registered only once, because building its labels for every request would cost
/// more than the rest of the measurement.
///
/// The number of names and labels must be bounded, because entries are never removed.
pub struct Histograms<L> {
    register: fn(&str, L) -> Histogram,
    registered: RwLock<HashMap<Box<str>, HashMap<L, Histogram>>>,
}

impl<L: Copy + Eq + Hash> Histograms<L> {
    /// Creates the histograms of a metric. `register` registers the histogram for a name and labels.
    pub fn new(register: fn(&str, L) -> Histogram) -> Self {
        Self { register, registered: RwLock::default() }
    }

    /// Records a duration.
    pub fn record(&self, name: &str, labels: L, duration: Duration) {
        let registered = self.registered.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(histogram) = registered.get(name).and_then(|by_labels| by_labels.get(&labels)) {
            histogram.record(duration);
            return;
        }
        drop(registered);
        let histogram = (self.register)(name, labels);
        histogram.record(duration);
        let mut registered = self.registered.write().unwrap_or_else(PoisonError::into_inner);
        registered.entry(name.into()).or_default().insert(labels, histogram);
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn durations_are_counted_by_name_and_labels() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let histograms = Histograms::new(
                |name, code: u16| metrics::histogram!("took_seconds", "name" => name.to_owned(), "code" => code.to_string()),
            );
            for (name, code) in [("a", 200), ("a", 200), ("a", 404), ("b", 200)] {
                histograms.record(name, code, Duration::from_millis(1));
            }
        });
        let text = recorder.handle().render();
        let count = |labels: &str| {
            let line =
                text.lines().find_map(|line| line.strip_prefix(&format!("took_seconds_count{{{labels}}} ")));
            line.unwrap_or_else(|| panic!("{labels} is missing in {text}")).to_owned()
        };
        assert_eq!(count(r#"name="a",code="200""#), "2");
        assert_eq!(count(r#"name="a",code="404""#), "1");
        assert_eq!(count(r#"name="b",code="200""#), "1");
    }
}
