//! The metric families that docs/metrics.md documents.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::text;

const SERVICES: [&str; 4] = ["api-gateway", "auth-service", "events-service", "notification-service"];

/// A metric family: one row of the table.
#[derive(Debug, Clone)]
pub struct Family {
    /// Whether the family is a histogram, with the series `_bucket`, `_sum` and `_count`.
    pub is_histogram: bool,
    /// The labels, each with its documented values. The set is empty if the table lists no values.
    pub labels: BTreeMap<String, BTreeSet<String>>,
    /// The services that expose the family.
    pub jobs: BTreeSet<String>,
}

/// All metric families by name.
#[derive(Debug)]
pub struct Catalogue(BTreeMap<String, Family>);

impl Catalogue {
    /// Reads the document.
    pub fn read() -> Self {
        let (mut families, mut jobs) = (BTreeMap::new(), BTreeSet::new());
        for row in text("docs/metrics.md").lines().filter(|line| line.starts_with('|')) {
            let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [names, kind, labels, _] = cells[..] else { panic!("a row without four cells: {row}") };
            if let Some(section) = names.strip_prefix("**").and_then(|name| name.strip_suffix("**")) {
                jobs = services(section);
            }
            let family =
                Family { is_histogram: kind == "histogram", labels: labels_of(labels), jobs: jobs.clone() };
            families.extend(quoted(names).map(|name| (name.to_owned(), family.clone())));
        }
        Self(families)
    }

    /// The family that a series belongs to.
    pub fn family_of(&self, series: &str) -> Option<&Family> {
        let histogram = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|ending| self.0.get(series.strip_suffix(ending)?).filter(|family| family.is_histogram));
        histogram.or_else(|| self.0.get(series).filter(|family| !family.is_histogram))
    }

    /// The names of the families.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn services(section: &str) -> BTreeSet<String> {
    SERVICES
        .iter()
        .filter(|name| section == "every process" || section.contains(*name))
        .map(ToString::to_string)
        .collect()
}

/// Parses a cell such as `` `label` (`value`, `value`), `label` ``.
fn labels_of(cell: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut labels = BTreeMap::<String, BTreeSet<String>>::new();
    let (mut last, mut is_value) = (String::new(), false);
    for (at, part) in cell.split('`').enumerate() {
        if at % 2 == 0 {
            is_value = (is_value || part.contains('(')) && !part.contains(')');
        } else if is_value {
            labels.entry(last.clone()).or_default().insert(part.to_owned());
        } else {
            part.clone_into(&mut last);
            labels.entry(part.to_owned()).or_default();
        }
    }
    labels
}

fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_parsed_with_their_documented_values() {
        let labels = labels_of("`dependency` (`database`, `auth-service`), `state`");
        assert_eq!(labels["dependency"].iter().collect::<Vec<_>>(), ["auth-service", "database"]);
        assert!(labels["state"].is_empty());
    }
}
