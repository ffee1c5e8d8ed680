//! `POST /events`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Actor, Stack, database, draft, send,
    shapes::{EVENT, assert_timestamp, assert_uuid_v7, keys},
};

#[tokio::test]
async fn a_new_event_is_a_draft_of_its_creator() {
    let stack = Stack::start().await;
    let user = stack.anonymous().found_organization().await.colleague(&stack, "USER").await;

    let answer = user.post("/events", &draft("  A conference ")).await.expect(201);

    let event = &answer.body;
    assert_eq!(keys(event), EVENT);
    let expected = json!({
        "title": "A conference", "description": "A description that is long enough", "location": "Somewhere",
        "startDate": "2026-06-15T09:00:00.000Z", "endDate": "2026-06-15T18:00:00.000Z", "status": "DRAFT",
        "rejectionReason": null, "organizationId": user.user["organizationId"], "createdById": user.user["id"],
    });
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&event[member], value, "{member}");
    }
    assert_uuid_v7(&event["id"]);
    assert_timestamp(&event["createdAt"]);
    assert_eq!(event["createdAt"], event["updatedAt"]);
    assert_eq!(answer.header("location"), Some(format!("/events/{}", answer.id()).as_str()));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.etag(), user.get(answer.header("location").unwrap()).await.etag());
}

#[tokio::test]
async fn instants_are_told_in_utc_to_the_millisecond() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let event =
        json!({ "startDate": "2026-06-15T11:00:00.123999+02:00", "endDate": "9999-12-31T23:59:59.999Z" });
    let answer = admin.post("/events", &with(&event)).await.expect(201);
    assert_eq!(answer.body["startDate"], "2026-06-15T09:00:00.123Z");
    assert_eq!(answer.body["endDate"], "9999-12-31T23:59:59.999Z");
    assert_eq!(admin.get(&format!("/events/{}", answer.id())).await.body, answer.body);
}

#[tokio::test]
async fn all_faults_of_body_query_and_headers_are_told_at_once() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let body = json!({
        "title": "ab", "description": "short", "location": "x".repeat(301), "startDate": "tomorrow", "endDate": 5,
        "status": "APPROVED",
    });
    let answer = admin.with_header(Method::POST, "/events?draft=no", ("idempotency-key", ""), &body).await;
    let expected =
        ["Idempotency-Key", "description", "draft", "endDate", "location", "startDate", "status", "title"];
    assert_eq!(answer.faulty_fields(), expected);
    assert_eq!(database::rows(&stack.database, r#""Event""#).await, 0);
}

#[tokio::test]
async fn what_is_missing_null_or_blank_is_a_fault_unless_it_is_the_location() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let required = ["description", "endDate", "startDate", "title"];
    assert_eq!(admin.post("/events", &json!({})).await.faulty_fields(), required);
    let blank = json!({ "title": " ", "description": null, "startDate": "", "endDate": null });
    assert_eq!(admin.post("/events", &blank).await.faulty_fields(), required);
    for location in [json!(null), json!("  ")] {
        let answer = admin.post("/events", &with(&json!({ "location": location }))).await.expect(201);
        assert_eq!(answer.body["location"], Value::Null);
    }
}

#[tokio::test]
async fn lengths_count_characters_and_not_bytes() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    for (field, longest) in [("title", 200), ("description", 5000), ("location", 300)] {
        assert_accepted(&admin, field, "ß".repeat(longest)).await;
        assert_refused(&admin, field, "ß".repeat(longest + 1).into()).await;
    }
    for (field, shortest) in [("title", 3), ("description", 10)] {
        assert_accepted(&admin, field, "語".repeat(shortest)).await;
        assert_refused(&admin, field, "語".repeat(shortest - 1).into()).await;
    }
}

#[tokio::test]
async fn dates_out_of_range_and_nul_are_refused() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    for field in ["title", "description", "location"] {
        assert_refused(&admin, field, "Before the NUL\0 and after".into()).await;
    }
    let bad_dates = [
        "2026-06-16",
        "2026-02-30T00:00:00Z",
        "2026-06-16T09:00:00",
        "10000-01-01T00:00:00Z",
        "+275760-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "2026-06-15T09:00:00Z",
        "2026-06-15T08:59:59.999Z",
    ];
    for date in bad_dates {
        assert_refused(&admin, "endDate", date.into()).await;
    }
    for date in ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00"] {
        assert_refused(&admin, "startDate", date.into()).await;
    }
}

#[tokio::test]
async fn json_may_be_declared_with_parameters_and_nothing_else_is_json() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let post = async |content_type: &str| {
        let request = admin.request(Method::POST, "/events").header("content-type", content_type);
        send(request.body(draft("Declared as something").to_string())).await
    };
    post("Application/JSON; charset=utf-8").await.expect(201);
    for other in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        post(other).await.problem(415);
    }
}

fn with(fields: &Value) -> Value {
    let mut body = draft("Some title");
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

async fn assert_accepted(admin: &Actor, field: &str, text: String) {
    let answer = admin.post("/events", &with(&json!({ field: text }))).await.expect(201);
    assert_eq!(answer.body[field], text);
}

async fn assert_refused(admin: &Actor, field: &str, value: Value) {
    let answer = admin.post("/events", &with(&json!({ field: value }))).await;
    assert_eq!(answer.faulty_fields(), [field], "{value}");
}
