//! Every expression, asked of a real Prometheus.

use std::time::Duration;

use eventboard_e2e::monitoring::{promql::Expression, queries, questions, rules};
use tokio::time::{Instant, sleep};

use crate::prometheus::{Prometheus, Sample};

pub(crate) const HEAD: &str = "| expression | of | series | one of them |\n|---|---|---|---|\n";

/// Rates need two scrapes, recorded rates also two evaluations.
const WARM_UP: Duration = Duration::from_secs(45);

/// An expression that gives nothing by then gives nothing.
const LIMIT: Duration = Duration::from_secs(100);

/// An expression with where it stands.
struct Asked {
    expr: String,
    of: String,
}

/// Everything that anybody asks Prometheus.
fn all() -> Vec<Asked> {
    let mut all = Vec::new();
    for rule in rules() {
        let of = rule.name().to_owned();
        let exprs = if rule.alert.is_some() { looked_at(&rule.expr) } else { vec![rule.expr] };
        all.extend(exprs.into_iter().map(|expr| Asked { expr, of: of.clone() }));
    }
    for query in queries() {
        all.push(Asked { expr: as_grafana_would(&query.expr), of: format!("panel “{}”", query.panel) });
    }
    for expr in questions().iter().flat_map(|question| looked_at(question)) {
        all.push(Asked { expr, of: "RUNBOOK.md".to_owned() });
    }
    all
}

/// An alert that does not fire, and a question whether something is wrong, give nothing: what they look at must be there all
/// the same.
fn looked_at(expr: &str) -> Vec<String> {
    Expression::parse(expr).without_thresholds().into_iter().map(str::to_owned).collect()
}

/// With the variables' values: everything is chosen, and the window is what Grafana makes of the scrape interval.
fn as_grafana_would(expr: &str) -> String {
    let expr = expr.replace("$__rate_interval", "1m").replace("$job", ".*").replace("$instance", ".*");
    assert!(!expr.contains('$'), "{expr}");
    expr
}

/// Waits until each gives at least one figure, but for those that ask for failures; a row for each.
pub(crate) async fn until_all_give_figures(prometheus: &Prometheus) -> String {
    let began = Instant::now();
    sleep(WARM_UP).await;
    loop {
        let (mut rows, mut silent) = (String::new(), Vec::new());
        for asked in all() {
            let samples = prometheus.ask(&asked.expr).await;
            let figure = samples.iter().find(|sample| sample.value().is_finite());
            if figure.is_none() && !asks_for_failures(&asked) {
                silent.push(format!("{}: {}", asked.of, asked.expr));
            }
            rows += &row(&asked, &samples, figure);
        }
        if silent.is_empty() {
            return rows;
        }
        assert!(began.elapsed() < LIMIT, "these give no figure:\n{}", silent.join("\n"));
        sleep(Duration::from_secs(2)).await;
    }
}

/// The runbook asks for failures, of which a healthy system has none.
fn asks_for_failures(asked: &Asked) -> bool {
    let failures = [r#"=~"5..""#, r#"!="OK""#, "ALERTS"];
    asked.of == "RUNBOOK.md" && failures.iter().any(|part| asked.expr.contains(part))
}

fn row(asked: &Asked, samples: &[Sample], figure: Option<&Sample>) -> String {
    let figure = figure.map_or_else(
        || "none, as it should be".to_owned(),
        |sample| {
            let labels = sample.labels.iter().filter(|(name, _)| *name != "__name__");
            let labels: Vec<_> = labels.map(|(name, value)| format!("{name}={value}")).collect();
            format!("{:.6} {}", sample.value(), labels.join(" "))
        },
    );
    let expr = asked.expr.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', r"\|");
    format!("| `{expr}` | {} | {} | {} |\n", asked.of, samples.len(), figure.trim())
}
