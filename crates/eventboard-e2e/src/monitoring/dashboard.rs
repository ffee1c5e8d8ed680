//! The Grafana dashboards.

use serde_json::Value;

use crate::files::{files, text};

const FOLDER: &str = "deploy/grafana/dashboards";

/// A Prometheus query in a panel.
#[derive(Debug)]
pub struct Query {
    /// The title of the panel.
    pub panel: String,
    /// The expression, which may contain Grafana variables.
    pub expr: String,
    /// The legend format, which may contain `{{label}}`.
    pub legend: String,
}

/// Reads all dashboards.
pub fn dashboards() -> Vec<Value> {
    files(FOLDER, ".json").iter().map(|path| serde_json::from_str(&text(path)).unwrap()).collect()
}

/// The queries of all panels.
pub fn queries() -> Vec<Query> {
    dashboards()
        .iter()
        .flat_map(|dashboard| list(&dashboard["panels"]))
        .flat_map(|panel| queries_of_panel(&panel))
        .collect()
}

fn queries_of_panel(panel: &Value) -> Vec<Query> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let query = |target: Value| Query {
        panel: text(&panel["title"]),
        expr: text(&target["expr"]),
        legend: text(&target["legendFormat"]),
    };
    list(&panel["targets"]).into_iter().map(query).collect()
}

/// The elements of a list, or none if the list is missing.
fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}
