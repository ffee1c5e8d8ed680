//! Reads the metrics of a process.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use super::Process;

/// The address of the metrics endpoint of a process.
pub(crate) async fn address(process: &Process) -> SocketAddr {
    let is_metrics_endpoint = |line: &serde_json::Value| {
        line["message"] == "Listening" && line["service"] == "the metrics endpoint"
    };
    let line = process.log().wait_for("the metrics endpoint listens", is_metrics_endpoint).await;
    line["address"].as_str().unwrap().parse().unwrap()
}

/// The result of one scrape.
pub(crate) struct Metrics(String);

impl Metrics {
    pub(crate) async fn scrape(process: &Process) -> Self {
        let url = format!("http://{}/metrics", address(process).await);
        Self(reqwest::get(url).await.unwrap().text().await.unwrap())
    }

    /// The value of the series with these labels in a family, or `None`. Panics if several series match.
    pub(crate) fn value(&self, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found: Vec<_> = self
            .series()
            .filter(|(name, has, _)| {
                *name == family && labels.iter().all(|(label, value)| has.get(label) == Some(value))
            })
            .collect();
        assert!(found.len() < 2, "several series of {family} have {labels:?}: {found:?}");
        found.first().map(|(_, _, value)| *value)
    }

    /// All families, each with the labels of its series.
    pub(crate) fn families(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let types = self.0.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let kinds: BTreeMap<_, _> = types.collect();
        let mut families: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, labels, _) in self.series() {
            let parts = ["_bucket", "_sum", "_count"].iter();
            let base = parts.filter_map(|part| name.strip_suffix(part)).find(|base| kinds.contains_key(base));
            let known = families.entry(base.unwrap_or(name)).or_default();
            known.extend(labels.into_keys().filter(|label| *label != "le"));
        }
        families
    }

    /// The families that have a description.
    pub(crate) fn described(&self) -> BTreeSet<&str> {
        let help = self.0.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
        help.map(|(family, _)| family).collect()
    }

    /// The values of a label in a family.
    pub(crate) fn values(&self, family: &str, label: &str) -> BTreeSet<&str> {
        let of_family = self.series().filter(|(name, _, _)| name.starts_with(family));
        of_family.filter_map(|(_, labels, _)| labels.get(label).copied()).collect()
    }

    fn series(&self) -> impl Iterator<Item = (&str, BTreeMap<&str, &str>, f64)> {
        self.0.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            // Our label values contain neither commas nor quotation marks.
            let labels = labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
            (
                name,
                labels.map(|(label, value)| (label, value.trim_matches('"'))).collect(),
                value.parse().unwrap(),
            )
        })
    }
}
