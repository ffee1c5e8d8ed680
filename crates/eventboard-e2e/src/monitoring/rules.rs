//! The rules that Prometheus evaluates.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::files::{files, text};

/// Their folder.
pub const RULES: &str = "deploy/prometheus/rules";

/// A recording rule or an alert.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The name of the series that it records.
    pub record: Option<String>,
    /// The name of the alert.
    pub alert: Option<String>,
    /// What is evaluated.
    pub expr: String,
    /// How long it must be so before the alert fires.
    #[serde(rename = "for")]
    pub lasting: Option<String>,
    /// Labels of the alert.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What the alert tells.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

impl Rule {
    /// The name of the series or of the alert.
    pub fn name(&self) -> &str {
        self.record.as_deref().or(self.alert.as_deref()).unwrap()
    }
}

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

/// All of them.
pub fn rules() -> Vec<Rule> {
    let groups = files(RULES, ".yml").into_iter().flat_map(|path| {
        let file: File = serde_saphyr::from_str(&text(&path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        file.groups
    });
    groups.flat_map(|group| group.rules).collect()
}
