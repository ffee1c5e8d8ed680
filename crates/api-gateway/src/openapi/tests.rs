//! Tests of the whole OpenAPI document.

use std::collections::BTreeSet;

use eventboard_domain::rules;
use http::{Request, StatusCode};
use serde_json::Value;

use crate::testing::{api_document, gateway, send};

/// Every operation, by `METHOD path`.
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

/// Collects every `$ref` in a value.
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

/// The documented methods of each path.
fn methods(document: &Value) -> Vec<(String, BTreeSet<String>)> {
    let paths = document["paths"].as_object().expect("paths");
    let upper =
        |item: &Value| item.as_object().expect("a path").keys().map(|key| key.to_uppercase()).collect();
    paths.iter().map(|(path, item)| (path.clone(), upper(item))).collect()
}

#[tokio::test]
async fn the_router_has_exactly_the_methods_of_the_document() {
    let gateway = gateway([]);
    for (path, mut described) in methods(&api_document().await) {
        let path = path.replace("{id}", "01890000-0000-7000-8000-000000000001");
        // No operation has the method TRACE, so the 405 response lists all methods that the path supports.
        let response = send(&gateway, Request::builder().method("TRACE").uri(&path), "").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allow = response.headers()["allow"].to_str().expect("text");
        let allowed: BTreeSet<_> = allow.split(',').map(|method| method.trim().to_owned()).collect();
        if described.contains("GET") {
            described.insert("HEAD".to_owned());
        }
        assert_eq!(allowed, described, "{path}");
    }
}

/// The rows that the quick reference must have, generated from the document.
fn quick_reference_rows(document: &Value) -> Vec<String> {
    let rows = operations(document).into_iter().map(|(name, operation)| {
        let text = |extension: &str| operation[extension].as_str().unwrap_or_default().to_owned();
        let (access, from) = (text("x-access"), text("x-from-status"));
        assert!(!access.is_empty(), "{name} does not say who may call it");
        let row = [format!("`{name}`"), text("summary"), access, from, successes(&operation)].join(" | ");
        format!("| {row} |").replace("|  |", "| |")
    });
    rows.collect()
}

/// The success statuses, each with its schema name.
fn successes(operation: &Value) -> String {
    let responses = operation["responses"].as_object().expect("responses");
    let successes = responses.iter().filter(|(status, _)| status.as_str() < "400");
    let texts = successes.map(|(status, response)| {
        let schema = response.pointer("/content/application~1json/schema/$ref").and_then(Value::as_str);
        let schema = schema.and_then(|reference| reference.rsplit('/').next());
        schema.map_or_else(|| status.clone(), |schema| format!("{status} {schema}"))
    });
    texts.collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn the_quick_reference_lists_the_operations_of_the_document() {
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
    let expected: BTreeSet<_> = rows.iter().cloned().collect();
    assert_eq!(written, expected, "the table must be:\n{}", rows.join("\n"));
}

#[tokio::test]
async fn every_operation_has_a_unique_id_a_known_tag_and_texts() {
    let document = api_document().await;
    let tags: Vec<_> =
        document["tags"].as_array().expect("tags").iter().map(|tag| tag["name"].clone()).collect();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        assert!(ids.insert(operation["operationId"].to_string()), "{name}: the id is not unique");
        for text in ["summary", "description"] {
            assert!(operation[text].as_str().is_some_and(|text| !text.is_empty()), "{name}: {text}");
        }
        assert!(tags.contains(&operation["tags"][0]), "{name}");
    }
}

#[tokio::test]
async fn every_operation_except_health_checks_may_return_414_429_and_431() {
    for (name, operation) in operations(&api_document().await) {
        for status in ["414", "429", "431"] {
            let is_described = operation["responses"].get(status).is_some();
            assert_eq!(is_described, !name.starts_with("GET /health"), "{name}: {status}");
        }
    }
}

#[tokio::test]
async fn headers_that_depend_on_the_request_or_on_settings_are_not_required() {
    let headers = &api_document().await["components"]["headers"];
    for name in ["X-Correlation-ID", "ETag", "Location", "Cache-Control", "Retry-After", "WWW-Authenticate"] {
        assert_eq!(headers[name]["required"], true, "{name}");
    }
    for name in ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Idempotency-Replayed"] {
        assert!(headers[name].get("required").is_none(), "{name}");
    }
}

#[tokio::test]
async fn every_problem_has_an_example_with_its_status() {
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
async fn the_document_matches_the_snapshot() {
    insta::assert_json_snapshot!("openapi", api_document().await);
}

#[tokio::test]
async fn every_route_of_the_contract_is_described() {
    let names: Vec<_> = operations(&api_document().await).into_iter().map(|(name, _)| name).collect();
    for route in [
        "POST /auth/signup",
        "POST /auth/login",
        "POST /auth/refresh",
        "POST /auth/logout",
        "GET /auth/sessions",
        "DELETE /auth/sessions/{id}",
        "POST /auth/sessions/revoke-others",
        "POST /auth/password",
        "POST /auth/password/forgot",
        "POST /auth/password/reset",
        "GET /auth/me",
        "GET /auth/me/notifications",
        "PUT /auth/me/notifications",
        "POST /auth/notifications/unsubscribe",
        "PATCH /auth/me",
        "POST /auth/me/delete",
        "GET /auth/me/export",
        "POST /auth/invitations/look-up",
        "GET /organization",
        "PATCH /organization",
        "GET /organization/members",
        "GET /organization/members/{id}",
        "PATCH /organization/members/{id}",
        "DELETE /organization/members/{id}",
        "POST /organization/members/{id}/transfer-events",
        "GET /organization/people",
        "POST /organization/invitations",
        "GET /organization/invitations",
        "DELETE /organization/invitations/{id}",
        "GET /organization/audit",
        "POST /events",
        "GET /events",
        "GET /events/{id}",
        "PATCH /events/{id}",
        "DELETE /events/{id}",
        "POST /events/{id}/submit",
        "POST /events/{id}/approve",
        "POST /events/{id}/reject",
        "GET /",
        "GET /health",
        "GET /health/live",
        "GET /health/ready",
        "GET /api",
        "GET /api/openapi.json",
    ] {
        assert!(names.iter().any(|name| name == route), "{route} is not described");
    }
    assert_eq!(names.len(), 48);
}

#[tokio::test]
async fn every_reference_resolves() {
    let document = api_document().await;
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference} does not resolve");
    }
}

#[tokio::test]
async fn exactly_the_operations_with_a_token_or_a_credential_may_return_401() {
    for (name, operation) in operations(&api_document().await) {
        let requires_token = operation.get("security").is_some();
        let may_return_401 = operation["responses"].get("401").is_some();
        let has_credential = ["POST /auth/login", "POST /auth/refresh"].contains(&name.as_str());
        assert_eq!(requires_token || has_credential, may_return_401, "{name}");
    }
}

#[tokio::test]
async fn bodies_allow_no_other_properties_and_may_return_400_413_and_415() {
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
async fn the_limits_of_query_parameters_match_the_rules() {
    let parameters = &api_document().await["paths"]["/events"]["get"]["parameters"];
    let parameters = parameters.as_array().expect("parameters");
    let schema = |name: &str| {
        let parameter = parameters.iter().find(|parameter| parameter["name"] == name);
        parameter.expect("a parameter")["schema"].clone()
    };
    assert_eq!(schema("limit")["minimum"].as_f64(), Some(f64::from(*rules::PAGE_LIMIT.start())));
    assert_eq!(schema("limit")["maximum"].as_f64(), Some(f64::from(*rules::PAGE_LIMIT.end())));
    assert_eq!(schema("limit")["default"], rules::DEFAULT_PAGE_LIMIT);
    assert_eq!(schema("search")["maxLength"], rules::SEARCH_MAX_LENGTH);
    assert_eq!(schema("page")["minimum"].as_f64(), Some(1.0));
}

#[tokio::test]
async fn nullable_properties_of_an_event_are_required() {
    let document = api_document().await;
    let event = &document["components"]["schemas"]["Event"];
    let required = event["required"].as_array().expect("required fields");
    assert_eq!(required.len(), event["properties"].as_object().expect("properties").len());
    assert_eq!(event["properties"]["location"]["type"], serde_json::json!(["string", "null"]));
}

#[tokio::test]
async fn the_limits_of_body_fields_match_the_rules() {
    let schemas = &api_document().await["components"]["schemas"];
    for (schema, field, rule) in [
        (
            "Signup",
            "password",
            accepted_lengths(|text| rules::new_password(&format!("Aa1{text}")).is_ok(), 3),
        ),
        ("Signup", "firstName", accepted_lengths(|text| rules::person_name(text).is_ok(), 0)),
        ("Signup", "organizationName", accepted_lengths(|text| rules::organization_name(text).is_ok(), 0)),
        ("Login", "password", accepted_lengths(|text| rules::login_password(text).is_ok(), 0)),
        ("Login", "email", accepted_lengths(|text| rules::login_email(text).is_ok(), 0)),
        (
            "PasswordChange",
            "newPassword",
            accepted_lengths(|text| rules::new_password(&format!("Aa1{text}")).is_ok(), 3),
        ),
        (
            "PasswordChange",
            "currentPassword",
            accepted_lengths(|text| rules::login_password(text).is_ok(), 0),
        ),
        ("OrganizationPatch", "name", accepted_lengths(|text| rules::organization_name(text).is_ok(), 0)),
        ("ProfilePatch", "firstName", accepted_lengths(|text| rules::person_name(text).is_ok(), 0)),
        ("AccountDeletion", "password", accepted_lengths(|text| rules::login_password(text).is_ok(), 0)),
        ("NewEvent", "title", accepted_lengths(|text| rules::title(text).is_ok(), 0)),
        ("NewEvent", "description", accepted_lengths(|text| rules::description(text).is_ok(), 0)),
        ("NewEvent", "location", accepted_lengths(|text| rules::location(text).is_ok(), 0)),
        ("EventPatch", "title", accepted_lengths(|text| rules::title(text).is_ok(), 0)),
        ("EventPatch", "description", accepted_lengths(|text| rules::description(text).is_ok(), 0)),
        ("EventPatch", "location", accepted_lengths(|text| rules::location(text).is_ok(), 0)),
        ("Rejection", "reason", accepted_lengths(|text| rules::reason(text).is_ok(), 0)),
    ] {
        let property = &schemas[schema]["properties"][field];
        let declared = (property["minLength"].as_u64().unwrap_or(0), property["maxLength"].as_u64());
        assert_eq!(declared, (rule.0, Some(rule.1)), "{schema}.{field}");
    }
}

/// The lengths of the shortest and the longest text that a rule accepts, found by trying all lengths. The rule adds
/// `added` characters to each text.
fn accepted_lengths(rule: impl Fn(&str) -> bool, added: u64) -> (u64, u64) {
    let accepted = (0..=6000u64).filter(|length| rule(&"x".repeat(*length as usize)));
    let lengths: Vec<_> = accepted.collect();
    let end = |length: Option<&u64>| length.expect("some length is accepted") + added;
    (end(lengths.first()), end(lengths.last()))
}
