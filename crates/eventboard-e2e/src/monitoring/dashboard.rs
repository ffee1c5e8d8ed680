//! The dashboards that Grafana shows.

use serde_json::Value;

use crate::files::{files, text};

const FOLDER: &str = "deploy/grafana/dashboards";

/// What a panel asks Prometheus.
#[derive(Debug)]
pub struct Query {
    /// The title of the panel.
    pub panel: String,
    /// What is asked, with Grafana's variables in it.
    pub expr: String,
    /// How its lines are named: `{{label}}`.
    pub legend: String,
}

/// Every dashboard.
pub fn dashboards() -> Vec<Value> {
    files(FOLDER, ".json").iter().map(|path| serde_json::from_str(&text(path)).unwrap()).collect()
}

/// The queries of all panels.
pub fn queries() -> Vec<Query> {
    dashboards()
        .iter()
        .flat_map(|dashboard| list(&dashboard["panels"]))
        .flat_map(|panel| of_panel(&panel))
        .collect()
}

fn of_panel(panel: &Value) -> Vec<Query> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let query = |target: Value| Query {
        panel: word(&panel["title"]),
        expr: word(&target["expr"]),
        legend: word(&target["legendFormat"]),
    };
    list(&panel["targets"]).into_iter().map(query).collect()
}

/// The elements of a list, none if it is missing.
fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}
