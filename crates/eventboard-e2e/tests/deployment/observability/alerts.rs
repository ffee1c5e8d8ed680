//! Tests that every alert is explained, links to a section of the runbook, and is tested.

use std::collections::BTreeSet;

use eventboard_e2e::{
    files::{document, files, text},
    markdown::sections,
    monitoring::{Rule, rules},
};

fn alerts() -> Vec<Rule> {
    rules().into_iter().filter(|rule| rule.alert.is_some()).collect()
}

#[test]
fn each_alert_has_a_unique_name_a_severity_a_description_and_a_section_of_the_runbook() {
    let mut names = BTreeSet::new();
    for alert in alerts() {
        let name = alert.name();
        assert!(names.insert(name.to_owned()), "two alerts are called {name}");
        assert_eq!(alert.labels.keys().collect::<Vec<_>>(), ["severity"], "{name}");
        assert!(["page", "ticket"].contains(&alert.labels["severity"].as_str()), "{name}");
        assert_eq!(
            alert.annotations.keys().collect::<Vec<_>>(),
            ["description", "runbook", "summary"],
            "{name}"
        );
        assert!(
            alert.annotations["description"].contains("$value"),
            "the description of {name} has no value"
        );
    }
}

#[test]
fn each_alert_has_its_section_in_the_runbook() {
    for alert in alerts() {
        let (name, link) = (alert.name(), &alert.annotations["runbook"]);
        let (page, anchor) = link.split_once('#').unwrap();
        let sections = sections(&text(page));
        let section = sections.iter().find(|section| section.anchor == anchor);
        let section = section.unwrap_or_else(|| panic!("{name}: {link} does not exist"));
        assert!(section.body.contains(&format!("`{name}`")), "{link} does not mention {name}");
    }
}

#[test]
fn each_alert_is_tested_to_fire_and_not_to_fire() {
    let mut tested = BTreeSet::new();
    for path in files("deploy/prometheus/tests", ".yml") {
        for test in document(path)["tests"].as_array().unwrap() {
            for check in test["alert_rule_test"].as_array().into_iter().flatten() {
                let fires = !check["exp_alerts"].as_array().unwrap().is_empty();
                tested.insert((check["alertname"].as_str().unwrap().to_owned(), fires));
            }
        }
    }
    for alert in alerts() {
        for fires in [true, false] {
            assert!(tested.contains(&(alert.name().to_owned(), fires)), "{}: fires = {fires}", alert.name());
        }
    }
}
