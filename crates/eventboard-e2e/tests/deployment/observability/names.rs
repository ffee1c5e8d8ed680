//! Every metric, label and value that a rule or a dashboard names is one that docs/metrics.md promises.

use std::collections::{BTreeMap, BTreeSet};

use eventboard_e2e::{
    files::text,
    monitoring::{
        Catalogue, dashboards,
        promql::{Expression, Matcher, Selector},
        queries, questions, rules,
    },
};

/// What Prometheus adds to every series.
const OF_TARGET: [&str; 2] = ["job", "instance"];

type Labels = BTreeSet<String>;

/// All series that there are.
struct Known {
    catalogue: Catalogue,
    /// Those that Prometheus makes itself or that a rule records.
    others: BTreeMap<String, Labels>,
}

impl Known {
    fn read() -> Self {
        let mut known = Self { catalogue: Catalogue::read(), others: BTreeMap::new() };
        known.others.insert("up".to_owned(), strings(&OF_TARGET));
        let mut of_alerts = strings(&["alertname", "alertstate"]);
        for rule in rules() {
            let labels = known.outcome(&Expression::parse(&rule.expr));
            if let Some(name) = &rule.record {
                known.others.insert(name.clone(), labels);
            } else {
                of_alerts.extend(labels);
                of_alerts.extend(rule.labels.into_keys());
            }
        }
        known.others.insert("ALERTS".to_owned(), of_alerts);
        known
    }

    fn labels_of(&self, series: &str) -> Option<Labels> {
        if let Some(labels) = self.others.get(series) {
            return Some(labels.clone());
        }
        let mut labels: Labels = self.catalogue.family_of(series)?.labels.keys().cloned().collect();
        labels.extend(strings(&OF_TARGET));
        labels.extend(series.ends_with("_bucket").then(|| "le".to_owned()));
        Some(labels)
    }

    /// The labels of all series that go into it.
    fn ingredients(&self, expression: &Expression) -> Labels {
        expression
            .selectors()
            .iter()
            .filter_map(|selector| self.labels_of(selector.metric))
            .flatten()
            .collect()
    }

    /// The labels that its outcome has.
    fn outcome(&self, expression: &Expression) -> Labels {
        expression.kept_labels().map_or_else(
            || self.ingredients(expression),
            |kept| kept.into_iter().map(str::to_owned).collect(),
        )
    }

    /// What is wrong with an expression.
    fn faults(&self, text: &str) -> Vec<String> {
        let expression = Expression::parse(text);
        let mut known = self.ingredients(&expression);
        // `label_replace` makes one.
        known.extend(
            text.contains("label_replace")
                .then(|| expression.labels())
                .into_iter()
                .flatten()
                .map(str::to_owned),
        );
        let strange = expression.labels().into_iter().filter(|label| !known.contains(*label));
        let mut faults: Vec<_> = strange.map(|label| format!("no label {label}")).collect();
        faults.extend(expression.selectors().iter().flat_map(|selector| self.faults_of(selector)));
        faults
    }

    fn faults_of(&self, selector: &Selector) -> Vec<String> {
        let Some(labels) = self.labels_of(selector.metric) else {
            return vec![format!("no metric {}", selector.metric)];
        };
        let fault = |matcher: &Matcher| {
            if !labels.contains(matcher.label) {
                return Some(format!("{} has no label {}", selector.metric, matcher.label));
            }
            let values = self.values_of(selector.metric, matcher.label)?;
            let strange = alternatives(matcher.value).find(|value| !values.contains(*value))?;
            Some(format!("{} is never {strange} of {}", matcher.label, selector.metric))
        };
        selector.matchers.iter().filter_map(fault).collect()
    }

    /// The values that a label may have, where they are known.
    fn values_of(&self, series: &str, label: &str) -> Option<Labels> {
        let family = self.catalogue.family_of(series)?;
        let values = if label == "job" { &family.jobs } else { family.labels.get(label)? };
        (!values.is_empty()).then(|| values.clone())
    }
}

fn strings(words: &[&str]) -> Labels {
    words.iter().map(ToString::to_string).collect()
}

/// The values in `a|b`; none where it is another regular expression, empty or a variable.
fn alternatives(value: &str) -> impl Iterator<Item = &str> {
    let is_plain = |value: &str| value.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    value.split('|').filter(move |value| !value.is_empty() && is_plain(value))
}

/// The words between these two.
fn between<'a>(text: &'a str, begin: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(begin).skip(1).filter_map(move |rest| rest.split(end).next()).map(str::trim)
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn rules_name_only_what_there_is() {
    let (known, mut faults) = (Known::read(), Vec::new());
    let rules = rules();
    assert!(rules.len() > 30, "only {} rules are found", rules.len());
    for rule in &rules {
        let outcome = known.outcome(&Expression::parse(&rule.expr));
        let told = rule.annotations.values().flat_map(|text| between(text, "$labels.", "}}"));
        let strange = told.filter(|label| !outcome.contains(*label)).map(|label| format!("tells of {label}"));
        faults.extend(
            known
                .faults(&rule.expr)
                .into_iter()
                .chain(strange)
                .map(|fault| format!("{}: {fault}", rule.name())),
        );
    }
    assert_none(&faults);
}

#[test]
fn dashboards_name_only_what_there_is() {
    let (known, mut faults) = (Known::read(), Vec::new());
    let queries = queries();
    assert!(queries.len() > 40, "only {} queries are found", queries.len());
    for query in &queries {
        let outcome = known.outcome(&Expression::parse(&query.expr));
        let strange = between(&query.legend, "{{", "}}").filter(|label| !outcome.contains(*label));
        let strange = strange.map(|label| format!("the legend has {label}"));
        faults.extend(
            known
                .faults(&query.expr)
                .into_iter()
                .chain(strange)
                .map(|fault| format!("{}: {fault}", query.panel)),
        );
    }
    assert_none(&faults);
}

#[test]
fn variables_of_dashboards_choose_from_what_there_is() {
    let known = Known::read();
    for dashboard in dashboards() {
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            let query = variable["query"]["query"].as_str().unwrap();
            let arguments =
                query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
            let (series, label) = arguments.rsplit_once(", ").unwrap();
            assert_none(&known.faults(series));
            assert!(known.outcome(&Expression::parse(series)).contains(label), "{query}");
        }
    }
}

#[test]
fn the_runbook_asks_only_for_what_there_is() {
    let (known, questions) = (Known::read(), questions());
    assert!(questions.len() > 20, "only {} are found", questions.len());
    assert_none(&questions.iter().flat_map(|question| known.faults(question)).collect::<Vec<_>>());
}

#[test]
fn the_runbook_names_only_metrics_that_there_are() {
    let (known, runbook) = (Known::read(), text("RUNBOOK.md"));
    let is_metric = |word: &&str| {
        let beginnings =
            ["http_server_", "rpc_client_", "rpc_server_", "db_client_", "eventboard_", "process_"];
        let is_name = word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        is_name && beginnings.iter().any(|beginning| word.starts_with(beginning))
    };
    // The database and its password, and volumes.
    let others = [
        "eventboard_db",
        "eventboard_dev_password",
        "eventboard_postgres_data",
        "eventboard_prometheus_data",
        "eventboard_grafana_data",
    ];
    // Code stands between backticks.
    let words = runbook.split('`').skip(1).step_by(2).filter(is_metric).filter(|word| !others.contains(word));
    let strange: Vec<_> =
        words.filter(|word| known.labels_of(word).is_none() && !known.has_family(word)).collect();
    assert!(strange.is_empty(), "docs/metrics.md does not know {strange:?}");
}

impl Known {
    fn has_family(&self, name: &str) -> bool {
        self.catalogue.names().any(|family| family == name)
    }
}

#[test]
fn a_name_that_is_wrong_is_found() {
    let known = Known::read();
    let faults = |text| known.faults(text);
    assert_eq!(faults("rate(http_requests_total[5m])"), ["no metric http_requests_total"]);
    assert_eq!(
        faults("http_server_request_duration_seconds"),
        ["no metric http_server_request_duration_seconds"]
    );
    assert_eq!(faults(r#"up{service="x"}"#), ["up has no label service"]);
    assert_eq!(faults("sum by (service) (up)"), ["no label service"]);
    assert_eq!(
        faults(r#"eventboard_client_replicas{state=~"ready|gone"}"#),
        ["state is never gone of eventboard_client_replicas"]
    );
    assert_eq!(
        faults(r#"db_client_connection_max{job="api-gateway"}"#),
        ["job is never api-gateway of db_client_connection_max"]
    );
}
