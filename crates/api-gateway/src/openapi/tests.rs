//! The document as a whole.

use std::collections::BTreeSet;

use eventboard_domain::rules;
use http::{Request, StatusCode};
use serde_json::Value;

use crate::testing::{api_document, gateway, send};

/// Every operation as `METHOD path`, with its description.
fn operations(document: &Value) -> Vec<(String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("a path");
        methods
            .iter()
            .map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation.clone()))
    });
    operations.collect()
}

/// Every `$ref` anywhere below a value.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                found.insert(reference.clone());
            }
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// The methods of each path.
fn methods(document: &Value) -> Vec<(String, BTreeSet<String>)> {
    let paths = document["paths"].as_object().expect("paths");
    let upper =
        |item: &Value| item.as_object().expect("a path").keys().map(|key| key.to_uppercase()).collect();
    paths.iter().map(|(path, item)| (path.clone(), upper(item))).collect()
}

#[tokio::test]
async fn the_router_has_the_methods_of_the_document_and_no_other() {
    let gateway = gateway([]);
    for (path, mut described) in methods(&api_document().await) {
        let path = path.replace("{id}", "01890000-0000-7000-8000-000000000001");
        // No operation has this method: the answer lists those that there are.
        let refused = send(&gateway, Request::builder().method("TRACE").uri(&path), "").await;
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allow = refused.headers()["allow"].to_str().expect("text");
        let allowed: BTreeSet<_> = allow.split(',').map(|method| method.trim().to_owned()).collect();
        if described.contains("GET") {
            described.insert("HEAD".to_owned());
        }
        assert_eq!(allowed, described, "{path}");
    }
}

/// The rows of the quick reference, as the document has them.
fn quick_reference_rows(document: &Value) -> Vec<String> {
    let rows = operations(document).into_iter().map(|(name, operation)| {
        let text = |extension: &str| operation[extension].as_str().unwrap_or_default().to_owned();
        let (who, from) = (text("x-who"), text("x-from-status"));
        assert!(!who.is_empty(), "{name} does not say who may call it");
        let row = [format!("`{name}`"), text("summary"), who, from, successes(&operation)].join(" | ");
        format!("| {row} |").replace("|  |", "| |")
    });
    rows.collect()
}

/// The good answers, each with the name of its schema.
fn successes(operation: &Value) -> String {
    let responses = operation["responses"].as_object().expect("responses");
    let good = responses.iter().filter(|(status, _)| status.as_str() < "400");
    let words = good.map(|(status, response)| {
        let schema = response.pointer("/content/application~1json/schema/$ref").and_then(Value::as_str);
        let schema = schema.and_then(|reference| reference.rsplit('/').next());
        schema.map_or_else(|| status.clone(), |schema| format!("{status} {schema}"))
    });
    words.collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn the_quick_reference_has_every_operation_as_the_document_has_it() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/microservices-quick-reference.md");
    let page = std::fs::read_to_string(page).expect("the quick reference");
    let section = page.split("## HTTP API").nth(1).and_then(|rest| rest.split("\n## ").next());
    let written: BTreeSet<_> = section
        .expect("the section")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(str::to_owned)
        .collect();
    let rows = quick_reference_rows(&api_document().await);
    let made: BTreeSet<_> = rows.iter().cloned().collect();
    assert_eq!(written, made, "the table must be:\n{}", rows.join("\n"));
}

#[tokio::test]
async fn every_operation_has_an_id_a_known_tag_and_words() {
    let document = api_document().await;
    let tags: Vec<_> =
        document["tags"].as_array().expect("tags").iter().map(|tag| tag["name"].clone()).collect();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        assert!(ids.insert(operation["operationId"].to_string()), "{name}: the id is not its own");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{name}");
        assert!(tags.contains(&operation["tags"][0]), "{name}");
    }
}

#[tokio::test]
async fn every_problem_has_an_example_with_its_own_status() {
    let document = api_document().await;
    for (name, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let Some(reference) = response["$ref"].as_str() else { continue };
            let component = document.pointer(reference.trim_start_matches('#')).expect("a component");
            let example = &component["content"]["application/problem+json"]["example"];
            assert_eq!(example["status"].to_string(), *status, "{name}");
        }
    }
}

#[tokio::test]
async fn the_document_is_this() {
    insta::assert_json_snapshot!("openapi", api_document().await);
}

#[tokio::test]
async fn every_route_of_the_contract_is_described() {
    let names: Vec<_> = operations(&api_document().await).into_iter().map(|(name, _)| name).collect();
    for route in [
        "POST /auth/signup",
        "POST /auth/login",
        "GET /auth/me",
        "POST /events",
        "GET /events",
        "GET /events/{id}",
        "PATCH /events/{id}",
        "DELETE /events/{id}",
        "POST /events/{id}/submit",
        "POST /events/{id}/approve",
        "POST /events/{id}/reject",
        "GET /health",
        "GET /health/live",
        "GET /health/ready",
        "GET /api",
        "GET /api/openapi.json",
    ] {
        assert!(names.iter().any(|name| name == route), "{route} is not described");
    }
    assert_eq!(names.len(), 16);
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let document = api_document().await;
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[tokio::test]
async fn every_operation_of_a_caller_may_answer_401_and_only_those_want_a_token() {
    for (name, operation) in operations(&api_document().await) {
        let wants_token = operation.get("security").is_some();
        let may_refuse = operation["responses"].get("401").is_some();
        assert_eq!(wants_token || name == "POST /auth/login", may_refuse, "{name}");
    }
}

#[tokio::test]
async fn bodies_are_closed_and_may_be_refused_for_size_and_type() {
    let document = api_document().await;
    for (name, operation) in operations(&document) {
        let Some(reference) = operation.pointer("/requestBody/content/application~1json/schema/$ref") else {
            continue;
        };
        let pointer = reference.as_str().expect("text").trim_start_matches('#');
        let schema = document.pointer(pointer).expect("a schema");
        assert_eq!(schema["additionalProperties"], false, "{name}");
        for status in ["400", "413", "415"] {
            assert!(operation["responses"].get(status).is_some(), "{name} lacks {status}");
        }
    }
}

#[tokio::test]
async fn the_limits_of_the_query_are_those_of_the_rules() {
    let parameters = &api_document().await["paths"]["/events"]["get"]["parameters"];
    let parameters = parameters.as_array().expect("parameters");
    let schema = |name: &str| {
        let parameter = parameters.iter().find(|parameter| parameter["name"] == name);
        parameter.expect("a parameter")["schema"].clone()
    };
    assert_eq!(schema("limit")["minimum"].as_f64(), Some(f64::from(*rules::LIMIT.start())));
    assert_eq!(schema("limit")["maximum"].as_f64(), Some(f64::from(*rules::LIMIT.end())));
    assert_eq!(schema("limit")["default"], rules::DEFAULT_LIMIT);
    assert_eq!(schema("search")["maxLength"], rules::SEARCH_MAX);
    assert_eq!(schema("page")["minimum"].as_f64(), Some(1.0));
}

#[tokio::test]
async fn what_may_be_null_is_required_all_the_same() {
    let document = api_document().await;
    let event = &document["components"]["schemas"]["Event"];
    let required = event["required"].as_array().expect("required fields");
    assert_eq!(required.len(), event["properties"].as_object().expect("properties").len());
    assert_eq!(event["properties"]["location"]["type"], serde_json::json!(["string", "null"]));
}

#[tokio::test]
async fn the_limits_are_those_of_the_rules() {
    let schemas = &api_document().await["components"]["schemas"];
    for (schema, field, rule) in [
        ("Signup", "password", accepts(|text| rules::new_password(&format!("Aa1{text}")).is_ok(), 3)),
        ("Signup", "firstName", accepts(|text| rules::person_name(text).is_ok(), 0)),
        ("Signup", "organizationName", accepts(|text| rules::organization_name(text).is_ok(), 0)),
        ("Login", "password", accepts(|text| rules::login_password(text).is_ok(), 0)),
        ("Login", "email", accepts(|text| rules::login_email(text).is_ok(), 0)),
        ("NewEvent", "title", accepts(|text| rules::title(text).is_ok(), 0)),
        ("NewEvent", "description", accepts(|text| rules::description(text).is_ok(), 0)),
        ("NewEvent", "location", accepts(|text| rules::location(text).is_ok(), 0)),
        ("EventPatch", "title", accepts(|text| rules::title(text).is_ok(), 0)),
        ("EventPatch", "description", accepts(|text| rules::description(text).is_ok(), 0)),
        ("EventPatch", "location", accepts(|text| rules::location(text).is_ok(), 0)),
        ("Rejection", "reason", accepts(|text| rules::reason(text).is_ok(), 0)),
    ] {
        let property = &schemas[schema]["properties"][field];
        let declared = (property["minLength"].as_u64().unwrap_or(0), property["maxLength"].as_u64());
        assert_eq!(declared, (rule.0, Some(rule.1)), "{schema}.{field}");
    }
}

/// The shortest and the longest text that a rule accepts, found by trying; `more` characters are
/// added by the rule itself.
fn accepts(rule: impl Fn(&str) -> bool, more: u64) -> (u64, u64) {
    let accepted = (0..=6000u64).filter(|length| rule(&"x".repeat(*length as usize)));
    let lengths: Vec<_> = accepted.collect();
    let end = |length: Option<&u64>| length.expect("some length is accepted") + more;
    (end(lengths.first()), end(lengths.last()))
}
