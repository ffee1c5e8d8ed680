//! Evaluates all expressions in a real Prometheus.

use std::time::Duration;

use eventboard_e2e::monitoring::{promql::Expression, queries, rules, runbook_queries};
use tokio::time::{Instant, sleep};

use crate::prometheus::{Prometheus, Sample};

pub(crate) const TABLE_HEADER: &str = "| expression | source | series | example |\n|---|---|---|---|\n";

/// The origin of queries in the runbook.
const RUNBOOK: &str = "runbook";

/// Rates need two scrapes. Recorded rates also need two rule evaluations.
const WARM_UP: Duration = Duration::from_secs(45);

/// After this time, an expression without values fails the test.
const TIMEOUT: Duration = Duration::from_secs(100);

/// An expression and where it is used.
struct UsedExpression {
    expr: String,
    source: String,
}

/// All expressions in the rules, the dashboards and the runbook.
fn all_expressions() -> Vec<UsedExpression> {
    let mut all = Vec::new();
    for rule in rules() {
        let source = rule.name().to_owned();
        let exprs = if rule.alert.is_some() { without_thresholds(&rule.expr) } else { vec![rule.expr] };
        all.extend(exprs.into_iter().map(|expr| UsedExpression { expr, source: source.clone() }));
    }
    for query in queries() {
        let (expr, source) = (replace_variables(&query.expr), format!("panel “{}”", query.panel));
        all.push(UsedExpression { expr, source });
    }
    for expr in runbook_queries().iter().flat_map(|query| without_thresholds(query)) {
        all.push(UsedExpression { expr, source: RUNBOOK.to_owned() });
    }
    all
}

/// Removes the thresholds. An alert that does not fire returns no values, but the expression without the comparison
/// must return values.
fn without_thresholds(expr: &str) -> Vec<String> {
    Expression::parse(expr).without_thresholds().into_iter().map(str::to_owned).collect()
}

/// Replaces Grafana variables: all jobs and instances, and the rate interval for this scrape interval.
fn replace_variables(expr: &str) -> String {
    let expr = expr.replace("$__rate_interval", "1m").replace("$job", ".*").replace("$instance", ".*");
    assert!(!expr.contains('$'), "{expr}");
    expr
}

/// Waits until every expression returns at least one value, except those that select failures. Returns the table
/// rows.
pub(crate) async fn wait_until_all_return_values(prometheus: &Prometheus) -> String {
    let began = Instant::now();
    sleep(WARM_UP).await;
    loop {
        let (mut rows, mut without_value) = (String::new(), Vec::new());
        for used in all_expressions() {
            let samples = prometheus.query(&used.expr).await;
            let example = samples.iter().find(|sample| sample.value().is_finite());
            if example.is_none() && !selects_failures(&used) {
                without_value.push(format!("{}: {}", used.source, used.expr));
            }
            rows += &row(&used, &samples, example);
        }
        if without_value.is_empty() {
            return rows;
        }
        assert!(began.elapsed() < TIMEOUT, "expressions without a value:\n{}", without_value.join("\n"));
        sleep(Duration::from_secs(2)).await;
    }
}

/// Whether a query in the runbook selects failures. A healthy system has none, so the query returns nothing.
fn selects_failures(used: &UsedExpression) -> bool {
    let failures = [r#"=~"5..""#, r#"!="OK""#, "ALERTS"];
    used.source == RUNBOOK && failures.iter().any(|part| used.expr.contains(part))
}

fn row(used: &UsedExpression, samples: &[Sample], example: Option<&Sample>) -> String {
    let example = example.map_or_else(
        || "none, as expected".to_owned(),
        |sample| {
            let labels = sample.labels.iter().filter(|(name, _)| *name != "__name__");
            let labels: Vec<_> = labels.map(|(name, value)| format!("{name}={value}")).collect();
            format!("{:.6} {}", sample.value(), labels.join(" "))
        },
    );
    let expr = used.expr.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', r"\|");
    format!("| `{expr}` | {} | {} | {} |\n", used.source, samples.len(), example.trim())
}
