//! The operations for operators and tools: health, and this document itself.

use serde_json::json;
use utoipa::openapi::{
    Content, HttpMethod, ObjectBuilder, PathItem, Ref, Response, ResponseBuilder, Type,
    path::{Operation, OperationBuilder},
    response::ResponsesBuilder,
    schema::{AdditionalProperties, Object, Schema},
};

use super::{
    headers, parameters, responses,
    words::{integer, one_of, string},
};
use crate::routes::{DOCUMENT_PATH, UI_PATH};

const TAG: &str = "infrastructure";

pub(super) fn paths() -> [(&'static str, PathItem); 5] {
    let health = "Is everything there that is needed?";
    let get = |operation| PathItem::new(HttpMethod::Get, operation);
    [
        ("/health", get(may_fail("health", health))),
        ("/health/live", get(always_well("live", "Does the process answer?"))),
        ("/health/ready", get(may_fail("ready", "Does the gateway want work?"))),
        (UI_PATH, get(page())),
        (DOCUMENT_PATH, get(document())),
    ]
}

pub(super) fn schemas() -> [(&'static str, Object); 2] {
    let checks =
        ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(AdditionalProperties::<
            Schema,
        >::RefOr(
            Ref::from_schema_name("HealthCheck").into(),
        )));
    let health = ObjectBuilder::new()
        .property("status", one_of(["ok", "error"]))
        .property("service", string())
        .property("version", string())
        .property("uptime", integer(0, None).description(Some("Seconds since the start.")))
        .property("checks", checks.description(Some("Each dependency by name.")));
    let health = ["status", "service", "version", "uptime", "checks"]
        .into_iter()
        .fold(health, ObjectBuilder::required);
    let check = ObjectBuilder::new()
        .property("status", one_of(["up", "down"]))
        .property("message", string().description(Some("Why it is down.")))
        .required("status");
    [("Health", health.examples([example()]).build()), ("HealthCheck", check.build())]
}

fn example() -> serde_json::Value {
    json!({
        "status": "ok",
        "service": "api-gateway",
        "version": "0.1.0",
        "uptime": 42,
        "checks": {"auth-service": {"status": "up"}, "events-service": {"status": "up"}},
    })
}

fn may_fail(id: &str, summary: &str) -> Operation {
    let responses = ResponsesBuilder::new()
        .response("200", health("Yes.", &[]))
        .response("503", health("No; a dependency is away, or the gateway drains.", &["Retry-After"]));
    operation(id, summary).responses(responses).build()
}

fn always_well(id: &str, summary: &str) -> Operation {
    operation(id, summary).responses(ResponsesBuilder::new().response("200", health("Yes.", &[]))).build()
}

fn health(description: &str, extra: &[&str]) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("Health")));
    let response = ResponseBuilder::new().description(description).content("application/json", content);
    headers::with(headers::with(response, headers::EVERYWHERE), extra).build()
}

fn page() -> Operation {
    let text =
        ResponseBuilder::new().description("The page.").content("text/html", Content::new(Some(string())));
    let good = [
        ("200", headers::with(text, headers::LIMITED).build()),
        ("303", responses::empty("The page is at /api/.", &["Location"])),
    ];
    operation("ui", "Read and try this API").responses(responses::of(good, &[])).build()
}

fn document() -> Operation {
    let object = Content::new(Some(ObjectBuilder::new().schema_type(Type::Object)));
    let text = ResponseBuilder::new().description("The document.").content("application/json", object);
    let good = [("200", headers::with(text, headers::LIMITED).build())];
    operation("openapi", "This document").responses(responses::of(good, &[])).build()
}

fn operation(id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some(id))
        .summary(Some(summary))
        .parameter(parameters::correlation_id())
}
