//! Quotas of organizations, through all processes.

use serde_json::{Value, json};

use crate::support::{Response, Stack, event_body};

/// Asserts that the response is a 409 whose detail names this limit.
fn assert_exceeded(response: &Response, limit: &str) {
    let problem: &Value = response.expect_problem(409);
    assert_eq!(problem["type"], "urn:eventboard:problem:quota-exceeded");
    assert_eq!(problem["detail"], format!("The organization has reached its limit of {limit}."));
}

#[tokio::test]
async fn a_write_that_exceeds_a_quota_is_a_409_that_names_the_limit() {
    let limits = [("MAX_EVENTS_PER_ORGANIZATION", "2"), ("MAX_BYTES_PER_ORGANIZATION", "5000")];
    let stack = Stack::start_with(&limits).await;
    let admin = stack.anonymous().sign_up_admin().await;
    let id = admin.create_event("The first event").await;
    let path = format!("/events/{id}");
    let longer = json!({ "description": "x".repeat(5000) });
    assert_exceeded(&admin.patch(&path, &longer).await, "stored bytes (5000)");
    admin.create_event("The second event").await;
    assert_exceeded(&admin.post("/events", &event_body("The third")).await, "events (2)");

    admin.delete(&path).await.expect(204);
    admin.create_event("The third event").await;
    stack.anonymous().sign_up_admin().await.create_event("Of another organization").await;
}

#[tokio::test]
async fn a_signup_to_a_full_organization_is_a_409_that_names_the_limit() {
    let stack = Stack::start_with(&[("MAX_MEMBERS_PER_ORGANIZATION", "2")]).await;
    let admin = stack.anonymous().sign_up_admin().await;
    admin.add_colleague(&stack, "USER").await;
    let join = json!({ "organizationId": admin.organization_id() });
    assert_exceeded(&stack.anonymous().signup(join).await, "members (2)");
}
