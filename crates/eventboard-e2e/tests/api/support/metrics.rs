//! What a process says of itself at `/metrics`.

use std::collections::{BTreeMap, BTreeSet};

use super::Process;

/// One scrape.
pub(crate) struct Metrics(String);

impl Metrics {
    pub(crate) async fn of(process: &Process) -> Self {
        let is_it = |line: &serde_json::Value| {
            line["message"] == "Listening" && line["service"] == "the metrics endpoint"
        };
        let line = process.log().wait_for("it serves metrics", is_it).await;
        let url = format!("http://{}/metrics", line["address"].as_str().unwrap());
        Self(reqwest::get(url).await.unwrap().text().await.unwrap())
    }

    /// The value of the only series of this family that has all of these labels; `None` when there is none.
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

    /// The families with the labels that their series have.
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

    /// The families that say what they are.
    pub(crate) fn described(&self) -> BTreeSet<&str> {
        let help = self.0.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
        help.map(|(family, _)| family).collect()
    }

    /// The values that a label has in a family.
    pub(crate) fn values(&self, family: &str, label: &str) -> BTreeSet<&str> {
        let of_family = self.series().filter(|(name, _, _)| name.starts_with(family));
        of_family.filter_map(|(_, labels, _)| labels.get(label).copied()).collect()
    }

    fn series(&self) -> impl Iterator<Item = (&str, BTreeMap<&str, &str>, f64)> {
        self.0.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            // No value of ours has a comma or a quotation mark in it.
            let labels = labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
            (
                name,
                labels.map(|(label, value)| (label, value.trim_matches('"'))).collect(),
                value.parse().unwrap(),
            )
        })
    }
}
