//! Durations by labels, at the cost of a look into a small table.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use metrics::Histogram;

/// The histograms of one family, by a name (a route, a method, a statement) and the rest of the labels. Each is
/// registered once: to put its labels together for every request would cost more than all else that is measured.
///
/// Names and labels must be bounded: what is in here stays.
pub struct Histograms<R> {
    register: fn(&str, R) -> Histogram,
    known: RwLock<HashMap<Box<str>, HashMap<R, Histogram>>>,
}

impl<R: Copy + Eq + Hash> Histograms<R> {
    /// A family whose histograms `register` makes.
    pub fn new(register: fn(&str, R) -> Histogram) -> Self {
        Self { register, known: RwLock::default() }
    }

    /// Records a duration.
    pub fn record(&self, name: &str, rest: R, duration: Duration) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(histogram) = known.get(name).and_then(|family| family.get(&rest)) {
            histogram.record(duration);
            return;
        }
        drop(known);
        let histogram = (self.register)(name, rest);
        histogram.record(duration);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(name.into()).or_default().insert(rest, histogram);
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn durations_are_counted_by_name_and_label() {
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
