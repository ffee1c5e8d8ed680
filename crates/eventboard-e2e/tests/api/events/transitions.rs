//! `POST /events/{id}/submit`, `/approve` and `/reject`.

use futures::future::join;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Actor, Stack,
    database::history,
    shapes::{EVENT, keys},
};

/// A submitted event with its owner and a moderator.
struct Fixture {
    stack: Stack,
    owner: Actor,
    moderator: Actor,
    path: String,
}

impl Fixture {
    async fn create() -> Self {
        let stack = Stack::start().await;
        let admin = stack.anonymous().sign_up_admin().await;
        let (owner, moderator) =
            (admin.add_colleague(&stack, "USER").await, admin.add_colleague(&stack, "MODERATOR").await);
        let path = format!("/events/{}", owner.create_submitted_event("To be decided").await);
        Self { stack, owner, moderator, path }
    }

    fn operation_path(&self, operation: &str) -> String {
        format!("{}/{operation}", self.path)
    }
}

fn reason() -> Value {
    json!({ "reason": "  Not good enough " })
}

#[tokio::test]
async fn a_rejection_shows_its_reason_and_a_new_submission_clears_it() {
    let fixture = Fixture::create().await;

    let rejected = fixture.moderator.post(&fixture.operation_path("reject"), &reason()).await.expect(200);
    assert_eq!(keys(&rejected.body), EVENT);
    let seen = fixture.owner.get(&fixture.path).await;
    assert_eq!(
        (&seen.body["status"], &seen.body["rejectionReason"]),
        (&"REJECTED".into(), &"Not good enough".into())
    );
    assert_eq!((seen.text.as_str(), seen.etag()), (rejected.text.as_str(), rejected.etag()));

    let submitted = fixture.owner.post_without_body(&fixture.operation_path("submit")).await.expect(200);
    assert_eq!(
        (&submitted.body["status"], &submitted.body["rejectionReason"]),
        (&"SUBMITTED".into(), &Value::Null)
    );
    assert_eq!(submitted.body["submittedAt"], submitted.body["updatedAt"]);
    assert_ne!(submitted.etag(), rejected.etag());

    let approved = fixture.moderator.post_without_body(&fixture.operation_path("approve")).await.expect(200);
    assert_eq!(approved.body["status"], "APPROVED");
    assert_eq!(approved.body["submittedAt"], submitted.body["submittedAt"]);
    assert_ne!(approved.etag(), submitted.etag());
    let actions = history(&fixture.stack.database, &approved.id()).await;
    assert_eq!(actions, ["CREATE", "SUBMIT", "REJECT", "SUBMIT", "APPROVE"]);
}

#[tokio::test]
async fn a_transition_from_a_wrong_status_is_a_conflict_that_names_the_status() {
    let fixture = Fixture::create().await;
    let assert_conflict = async |actor: &Actor, operation: &str, body: &Value, status: &str| {
        let response = actor.post(&fixture.operation_path(operation), body).await;
        let detail = response.expect_problem(409)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(status), "{detail}");
    };
    let submitted = fixture.owner.post_without_body(&fixture.operation_path("submit")).await;
    assert!(submitted.expect_problem(409)["detail"].as_str().unwrap().contains("SUBMITTED"));
    fixture.moderator.post_without_body(&fixture.operation_path("approve")).await.expect(200);
    assert_conflict(&fixture.moderator, "reject", &reason(), "APPROVED").await;
    let repeated = fixture.moderator.post_without_body(&fixture.operation_path("approve")).await;
    assert!(repeated.expect_problem(409)["detail"].as_str().unwrap().contains("APPROVED"));
}

#[tokio::test]
async fn only_the_owner_can_submit_and_only_moderators_can_decide() {
    let fixture = Fixture::create().await;
    fixture.owner.post_without_body(&fixture.operation_path("approve")).await.expect_problem(403);
    fixture.owner.post(&fixture.operation_path("reject"), &reason()).await.expect_problem(403);
    let draft = fixture.owner.create_event("Still a draft").await;
    fixture.moderator.post_without_body(&format!("/events/{draft}/submit")).await.expect_problem(403);
}

#[tokio::test]
async fn of_a_concurrent_approval_and_rejection_exactly_one_succeeds() {
    let fixture = Fixture::create().await;
    for round in 0..10 {
        let id = fixture.owner.create_submitted_event(&format!("Decided twice {round}")).await;
        let (approve, reject) = (format!("/events/{id}/approve"), format!("/events/{id}/reject"));
        let body = reason();
        let (approval, rejection) =
            join(fixture.moderator.post_without_body(&approve), fixture.moderator.post(&reject, &body)).await;
        let (winner, loser) =
            if approval.status == 200 { (approval, rejection) } else { (rejection, approval) };
        loser.expect_problem(409);
        assert_eq!(fixture.moderator.get(&format!("/events/{id}")).await.body, winner.expect(200).body);
        assert_eq!(history(&fixture.stack.database, &id).await.len(), 3);
    }
}

#[tokio::test]
async fn a_reason_has_10_to_500_characters() {
    let fixture = Fixture::create().await;
    let invalid = [
        json!({}),
        json!({ "reason": " \n " }),
        json!({ "reason": "too short" }),
        json!({ "reason": "ß".repeat(501) }),
        json!({ "reason": "with a NUL \0" }),
        json!({ "reason": ["Not good enough"] }),
    ];
    for body in invalid {
        assert_eq!(
            fixture.moderator.post(&fixture.operation_path("reject"), &body).await.invalid_fields(),
            ["reason"],
            "{body}"
        );
    }
    let longest = json!({ "reason": "ß".repeat(500) });
    let response = fixture.moderator.post(&fixture.operation_path("reject"), &longest).await;
    assert_eq!(response.expect(200).body["status"], "REJECTED");
}

#[tokio::test]
async fn invalid_parameters_are_reported_before_the_event_is_loaded() {
    let fixture = Fixture::create().await;
    let unknown = Uuid::now_v7();
    let response = fixture.owner.post_without_body("/events/nothing/submit?at=once").await;
    assert_eq!(response.invalid_fields(), ["at", "id"]);
    let response = fixture.owner.post(&format!("/events/{unknown}/reject"), &json!({})).await;
    assert_eq!(response.invalid_fields(), ["reason"], "400 is reported before 404");
    fixture.owner.post(&format!("/events/{unknown}/reject"), &reason()).await.expect_problem(404);
}
