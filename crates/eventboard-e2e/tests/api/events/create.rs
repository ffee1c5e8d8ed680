//! `POST /events`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Actor, Stack, database, event_body, send,
    shapes::{EVENT, assert_timestamp, assert_uuid_v7, keys},
};

#[tokio::test]
async fn a_new_event_is_a_draft_owned_by_its_creator() {
    let stack = Stack::start().await;
    let user = stack.anonymous().sign_up_admin().await.add_colleague(&stack, "USER").await;

    let response = user.post("/events", &event_body("  A conference ")).await.expect(201);

    let event = &response.body;
    assert_eq!(keys(event), EVENT);
    let expected = json!({
        "title": "A conference", "description": "A description that is long enough", "location": "Somewhere",
        "startDate": "2026-06-15T09:00:00.000Z", "endDate": "2026-06-15T18:00:00.000Z", "status": "DRAFT",
        "rejectionReason": null, "submittedAt": null, "organizationId": user.user["organizationId"],
        "createdById": user.user["id"],
    });
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&event[member], value, "{member}");
    }
    assert_uuid_v7(&event["id"]);
    assert_timestamp(&event["createdAt"]);
    assert_eq!(event["createdAt"], event["updatedAt"]);
    assert_eq!(response.header("location"), Some(format!("/events/{}", response.id()).as_str()));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.etag(), user.get(response.header("location").unwrap()).await.etag());
}

#[tokio::test]
async fn timestamps_are_returned_in_utc_with_milliseconds() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let event =
        json!({ "startDate": "2026-06-15T11:00:00.123999+02:00", "endDate": "9999-12-31T23:59:59.999Z" });
    let response = admin.post("/events", &event_body_with(&event)).await.expect(201);
    assert_eq!(response.body["startDate"], "2026-06-15T09:00:00.123Z");
    assert_eq!(response.body["endDate"], "9999-12-31T23:59:59.999Z");
    assert_eq!(admin.get(&format!("/events/{}", response.id())).await.body, response.body);
}

#[tokio::test]
async fn all_violations_in_body_query_and_headers_are_reported_together() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let body = json!({
        "title": "ab", "description": "short", "location": "x".repeat(301), "startDate": "tomorrow", "endDate": 5,
        "status": "APPROVED",
    });
    let response = admin.with_header(Method::POST, "/events?draft=no", ("idempotency-key", ""), &body).await;
    let expected =
        ["Idempotency-Key", "description", "draft", "endDate", "location", "startDate", "status", "title"];
    assert_eq!(response.invalid_fields(), expected);
    assert_eq!(database::count_rows(&stack.database, r#""Event""#).await, 0);
}

#[tokio::test]
async fn all_fields_except_location_are_required() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let required = ["description", "endDate", "startDate", "title"];
    assert_eq!(admin.post("/events", &json!({})).await.invalid_fields(), required);
    let blank = json!({ "title": " ", "description": null, "startDate": "", "endDate": null });
    assert_eq!(admin.post("/events", &blank).await.invalid_fields(), required);
    for location in [json!(null), json!("  ")] {
        let response =
            admin.post("/events", &event_body_with(&json!({ "location": location }))).await.expect(201);
        assert_eq!(response.body["location"], Value::Null);
    }
}

#[tokio::test]
async fn lengths_count_characters_and_not_bytes() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    for (field, longest) in [("title", 200), ("description", 5000), ("location", 300)] {
        assert_accepted(&admin, field, "ß".repeat(longest)).await;
        assert_rejected(&admin, field, "ß".repeat(longest + 1).into()).await;
    }
    for (field, shortest) in [("title", 3), ("description", 10)] {
        assert_accepted(&admin, field, "語".repeat(shortest)).await;
        assert_rejected(&admin, field, "語".repeat(shortest - 1).into()).await;
    }
}

#[tokio::test]
async fn invalid_dates_and_nul_characters_are_rejected() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    for field in ["title", "description", "location"] {
        assert_rejected(&admin, field, "Before the NUL\0 and after".into()).await;
    }
    let invalid_dates = [
        "2026-06-16",
        "2026-02-30T00:00:00Z",
        "2026-06-16T09:00:00",
        "10000-01-01T00:00:00Z",
        "+275760-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "2026-06-15T09:00:00Z",
        "2026-06-15T08:59:59.999Z",
    ];
    for date in invalid_dates {
        assert_rejected(&admin, "endDate", date.into()).await;
    }
    for date in ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00"] {
        assert_rejected(&admin, "startDate", date.into()).await;
    }
}

#[tokio::test]
async fn only_the_content_type_json_is_accepted_with_or_without_parameters() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let post = async |content_type: &str| {
        let request = admin.request(Method::POST, "/events").header("content-type", content_type);
        send(request.body(event_body("Declared as something").to_string())).await
    };
    post("Application/JSON; charset=utf-8").await.expect(201);
    for other in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        post(other).await.expect_problem(415);
    }
}

/// A valid body. These fields override the defaults.
fn event_body_with(fields: &Value) -> Value {
    let mut body = event_body("Some title");
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

async fn assert_accepted(admin: &Actor, field: &str, text: String) {
    let response = admin.post("/events", &event_body_with(&json!({ field: text }))).await.expect(201);
    assert_eq!(response.body[field], text);
}

async fn assert_rejected(admin: &Actor, field: &str, value: Value) {
    let response = admin.post("/events", &event_body_with(&json!({ field: value }))).await;
    assert_eq!(response.invalid_fields(), [field], "{value}");
}
