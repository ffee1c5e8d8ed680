//! The document as a whole.

use std::collections::BTreeSet;

use serde_json::Value;

fn document() -> Value {
    serde_json::to_value(super::document()).expect("JSON")
}

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

#[test]
fn the_document_is_this() {
    insta::assert_json_snapshot!("openapi", document());
}

#[test]
fn every_route_of_the_contract_is_described() {
    let names: Vec<_> = operations(&document()).into_iter().map(|(name, _)| name).collect();
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

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn every_operation_of_a_caller_may_answer_401_and_only_those_want_a_token() {
    for (name, operation) in operations(&document()) {
        let wants_token = operation.get("security").is_some();
        let may_refuse = operation["responses"].get("401").is_some();
        assert_eq!(wants_token || name == "POST /auth/login", may_refuse, "{name}");
    }
}

#[test]
fn bodies_are_closed_and_may_be_refused_for_size_and_type() {
    let document = document();
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

#[test]
fn the_limits_of_the_query_are_those_of_the_rules() {
    use eventboard_domain::rules;
    let parameters = &document()["paths"]["/events"]["get"]["parameters"];
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

#[test]
fn what_may_be_null_is_required_all_the_same() {
    let document = document();
    let event = &document["components"]["schemas"]["Event"];
    let required = event["required"].as_array().expect("required fields");
    assert_eq!(required.len(), event["properties"].as_object().expect("properties").len());
    assert_eq!(event["properties"]["location"]["type"], serde_json::json!(["string", "null"]));
}
