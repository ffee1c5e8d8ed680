//! The Prometheus rules.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::files::{files, text};

/// The folder that contains the rule files.
pub const RULES: &str = "deploy/prometheus/rules";

/// A recording rule or an alert.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The name of the recorded series.
    pub record: Option<String>,
    /// The name of the alert.
    pub alert: Option<String>,
    /// The expression.
    pub expr: String,
    /// How long the expression must be true before the alert fires.
    #[serde(rename = "for")]
    pub for_duration: Option<String>,
    /// The labels of the alert.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The annotations of the alert.
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

/// Reads all rules.
pub fn rules() -> Vec<Rule> {
    let groups = files(RULES, ".yml").into_iter().flat_map(|path| {
        let file: File = serde_saphyr::from_str(&text(&path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        file.groups
    });
    groups.flat_map(|group| group.rules).collect()
}
