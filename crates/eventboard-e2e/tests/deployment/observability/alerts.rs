//! Whoever is called by an alert finds out what it means and what to do, and has reason to believe it.

use std::collections::{BTreeMap, BTreeSet};

use eventboard_e2e::{
    files::{document, files, text},
    monitoring::{Rule, rules},
};

fn alerts() -> Vec<Rule> {
    rules().into_iter().filter(|rule| rule.alert.is_some()).collect()
}

/// The sections of RUNBOOK.md, by their anchors.
fn sections() -> BTreeMap<String, String> {
    let (mut sections, mut anchor, mut is_code) = (BTreeMap::<_, String>::new(), String::new(), false);
    for line in text("RUNBOOK.md").lines() {
        is_code ^= line.trim_start().starts_with("```");
        if !is_code && line.starts_with('#') {
            anchor = anchor_of(line.trim_start_matches('#').trim());
        }
        *sections.entry(anchor.clone()).or_default() += &format!("{line}\n");
    }
    sections
}

/// As the usual renderers of Markdown make it.
fn anchor_of(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn each_alert_has_a_name_of_its_own_and_says_how_bad_what_and_where_to_read_on() {
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
        assert!(alert.annotations["description"].contains("$value"), "{name} does not tell how much");
    }
}

#[test]
fn each_alert_has_its_section_in_the_runbook() {
    let sections = sections();
    for alert in alerts() {
        let (name, place) = (alert.name(), &alert.annotations["runbook"]);
        let anchor = place.strip_prefix("RUNBOOK.md#").unwrap();
        let section = sections.get(anchor).unwrap_or_else(|| panic!("{name}: there is no {place}"));
        assert!(section.contains(&format!("`{name}`")), "{place} does not name {name}");
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

#[test]
fn links_within_the_runbook_lead_somewhere() {
    let (sections, runbook) = (sections(), text("RUNBOOK.md"));
    let links = runbook.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap());
    let lost: Vec<_> = links.filter(|anchor| !sections.contains_key(*anchor)).collect();
    assert!(lost.is_empty(), "{lost:?}");
}
