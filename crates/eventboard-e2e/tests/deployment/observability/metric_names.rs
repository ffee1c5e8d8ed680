//! Rules, dashboards and the runbook may use only metrics, labels and values that docs/metrics.md documents.

use std::collections::{BTreeMap, BTreeSet};

use eventboard_e2e::{
    files::root,
    monitoring::{
        Catalogue, dashboards,
        promql::{Expression, Matcher, Selector},
        queries, rules, runbook_queries,
    },
    runbook::pages,
};

/// Labels that Prometheus adds to every series.
const TARGET_LABELS: [&str; 2] = ["job", "instance"];

type Labels = BTreeSet<String>;

/// All series that exist.
struct KnownSeries {
    catalogue: Catalogue,
    /// Series that Prometheus creates itself or that a rule records.
    others: BTreeMap<String, Labels>,
}

impl KnownSeries {
    fn read() -> Self {
        let mut known = Self { catalogue: Catalogue::read(), others: BTreeMap::new() };
        known.others.insert("up".to_owned(), strings(&TARGET_LABELS));
        let mut alert_labels = strings(&["alertname", "alertstate"]);
        for rule in rules() {
            let labels = known.output_labels(&Expression::parse(&rule.expr));
            if let Some(name) = &rule.record {
                known.others.insert(name.clone(), labels);
            } else {
                alert_labels.extend(labels);
                alert_labels.extend(rule.labels.into_keys());
            }
        }
        known.others.insert("ALERTS".to_owned(), alert_labels);
        known
    }

    fn labels_of(&self, series: &str) -> Option<Labels> {
        if let Some(labels) = self.others.get(series) {
            return Some(labels.clone());
        }
        let mut labels: Labels = self.catalogue.family_of(series)?.labels.keys().cloned().collect();
        labels.extend(strings(&TARGET_LABELS));
        labels.extend(series.ends_with("_bucket").then(|| "le".to_owned()));
        Some(labels)
    }

    /// The labels of all series in the expression.
    fn input_labels(&self, expression: &Expression) -> Labels {
        expression
            .selectors()
            .iter()
            .filter_map(|selector| self.labels_of(selector.metric))
            .flatten()
            .collect()
    }

    /// The labels of the expression's result.
    fn output_labels(&self, expression: &Expression) -> Labels {
        expression.output_labels().map_or_else(
            || self.input_labels(expression),
            |labels| labels.into_iter().map(str::to_owned).collect(),
        )
    }

    /// The unknown metrics, labels and label values in an expression.
    fn errors(&self, text: &str) -> Vec<String> {
        let expression = Expression::parse(text);
        let mut known = self.input_labels(&expression);
        // `label_replace` creates a label.
        known.extend(
            text.contains("label_replace")
                .then(|| expression.labels())
                .into_iter()
                .flatten()
                .map(str::to_owned),
        );
        let unknown = expression.labels().into_iter().filter(|label| !known.contains(*label));
        let mut errors: Vec<_> = unknown.map(|label| format!("no label {label}")).collect();
        errors.extend(expression.selectors().iter().flat_map(|selector| self.selector_errors(selector)));
        errors
    }

    fn selector_errors(&self, selector: &Selector) -> Vec<String> {
        let Some(labels) = self.labels_of(selector.metric) else {
            return vec![format!("no metric {}", selector.metric)];
        };
        let error = |matcher: &Matcher| {
            if !labels.contains(matcher.label) {
                return Some(format!("{} has no label {}", selector.metric, matcher.label));
            }
            let values = self.values_of(selector.metric, matcher.label)?;
            let unknown = alternatives(matcher.value).find(|value| !values.contains(*value))?;
            Some(format!("label {} of {} is never {unknown}", matcher.label, selector.metric))
        };
        selector.matchers.iter().filter_map(error).collect()
    }

    /// The possible values of a label, if they are documented.
    fn values_of(&self, series: &str, label: &str) -> Option<Labels> {
        let family = self.catalogue.family_of(series)?;
        let values = if label == "job" { &family.jobs } else { family.labels.get(label)? };
        (!values.is_empty()).then(|| values.clone())
    }
}

fn strings(words: &[&str]) -> Labels {
    words.iter().map(ToString::to_string).collect()
}

/// The values in `a|b`. Skips empty alternatives, variables and other regular expressions.
fn alternatives(value: &str) -> impl Iterator<Item = &str> {
    let is_plain = |value: &str| value.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    value.split('|').filter(move |value| !value.is_empty() && is_plain(value))
}

/// All texts between the delimiters `begin` and `end`.
fn between<'a>(text: &'a str, begin: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(begin).skip(1).filter_map(move |rest| rest.split(end).next()).map(str::trim)
}

fn assert_no_errors(errors: &[String]) {
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn rules_use_only_known_metrics_and_labels() {
    let (known, mut errors) = (KnownSeries::read(), Vec::new());
    let rules = rules();
    assert!(rules.len() > 30, "only {} rules were found", rules.len());
    for rule in &rules {
        let labels = known.output_labels(&Expression::parse(&rule.expr));
        let annotated = rule.annotations.values().flat_map(|text| between(text, "$labels.", "}}"));
        let unknown = annotated.filter(|label| !labels.contains(*label));
        let unknown = unknown.map(|label| format!("an annotation uses the unknown label {label}"));
        errors.extend(
            known
                .errors(&rule.expr)
                .into_iter()
                .chain(unknown)
                .map(|error| format!("{}: {error}", rule.name())),
        );
    }
    assert_no_errors(&errors);
}

#[test]
fn dashboards_use_only_known_metrics_and_labels() {
    let (known, mut errors) = (KnownSeries::read(), Vec::new());
    let queries = queries();
    assert!(queries.len() > 40, "only {} queries were found", queries.len());
    for query in &queries {
        let labels = known.output_labels(&Expression::parse(&query.expr));
        let unknown = between(&query.legend, "{{", "}}").filter(|label| !labels.contains(*label));
        let unknown = unknown.map(|label| format!("the legend uses the unknown label {label}"));
        errors.extend(
            known
                .errors(&query.expr)
                .into_iter()
                .chain(unknown)
                .map(|error| format!("{}: {error}", query.panel)),
        );
    }
    assert_no_errors(&errors);
}

#[test]
fn dashboard_variables_use_only_known_metrics_and_labels() {
    let known = KnownSeries::read();
    for dashboard in dashboards() {
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            let query = variable["query"]["query"].as_str().unwrap();
            let arguments =
                query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
            let (series, label) = arguments.rsplit_once(", ").unwrap();
            assert_no_errors(&known.errors(series));
            assert!(known.output_labels(&Expression::parse(series)).contains(label), "{query}");
        }
    }
}

#[test]
fn runbook_queries_use_only_known_metrics_and_labels() {
    let (known, queries) = (KnownSeries::read(), runbook_queries());
    assert!(queries.len() > 20, "only {} queries were found", queries.len());
    assert_no_errors(&queries.iter().flat_map(|query| known.errors(query)).collect::<Vec<_>>());
}

#[test]
fn the_runbook_mentions_only_known_metrics() {
    let (known, pages) = (KnownSeries::read(), pages(&root()));
    let is_metric = |word: &&str| {
        let prefixes =
            ["http_server_", "rpc_client_", "rpc_server_", "db_client_", "eventboard_", "process_"];
        let is_name = word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        is_name && prefixes.iter().any(|prefix| word.starts_with(prefix))
    };
    // These are names in the database, the database password, and volumes.
    let others = [
        "eventboard_db",
        "eventboard_app",
        "eventboard_owner",
        "eventboard_dev_password",
        "eventboard_postgres_data",
        "eventboard_production_postgres_data",
        "eventboard_prometheus_data",
        "eventboard_grafana_data",
        "eventboard_mail_data",
    ];
    // Code is between backticks.
    let code = pages.iter().flat_map(|page| page.text.split('`').skip(1).step_by(2));
    let words = code.filter(is_metric).filter(|word| !others.contains(word));
    let unknown: Vec<_> =
        words.filter(|word| known.labels_of(word).is_none() && !known.has_family(word)).collect();
    assert!(unknown.is_empty(), "not in docs/metrics.md: {unknown:?}");
}

impl KnownSeries {
    fn has_family(&self, name: &str) -> bool {
        self.catalogue.names().any(|family| family == name)
    }
}

#[test]
fn unknown_metrics_labels_and_values_are_found() {
    let known = KnownSeries::read();
    let errors = |text| known.errors(text);
    assert_eq!(errors("rate(http_requests_total[5m])"), ["no metric http_requests_total"]);
    assert_eq!(
        errors("http_server_request_duration_seconds"),
        ["no metric http_server_request_duration_seconds"]
    );
    assert_eq!(errors(r#"up{service="x"}"#), ["up has no label service"]);
    assert_eq!(errors("sum by (service) (up)"), ["no label service"]);
    assert_eq!(
        errors(r#"eventboard_client_replicas{state=~"ready|gone"}"#),
        ["label state of eventboard_client_replicas is never gone"]
    );
    assert_eq!(
        errors(r#"db_client_connection_max{job="api-gateway"}"#),
        ["label job of db_client_connection_max is never api-gateway"]
    );
}
