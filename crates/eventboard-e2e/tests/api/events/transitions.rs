//! `POST /events/{id}/submit`, `/approve` and `/reject`.

use futures::future::join;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Actor, Stack,
    database::history,
    shapes::{EVENT, keys},
};

struct Cast {
    stack: Stack,
    owner: Actor,
    moderator: Actor,
    path: String,
}

impl Cast {
    /// A submitted event with its owner and a moderator.
    async fn assemble() -> Self {
        let stack = Stack::start().await;
        let admin = stack.anonymous().found_organization().await;
        let (owner, moderator) =
            (admin.colleague(&stack, "USER").await, admin.colleague(&stack, "MODERATOR").await);
        let path = format!("/events/{}", owner.submitted("To be decided").await);
        Self { stack, owner, moderator, path }
    }

    fn at(&self, operation: &str) -> String {
        format!("{}/{operation}", self.path)
    }
}

fn reason() -> Value {
    json!({ "reason": "  Not good enough " })
}

#[tokio::test]
async fn rejecting_returns_the_reason_to_the_owner_and_submitting_again_clears_it() {
    let cast = Cast::assemble().await;

    let rejected = cast.moderator.post(&cast.at("reject"), &reason()).await.expect(200);
    assert_eq!(keys(&rejected.body), EVENT);
    let seen = cast.owner.get(&cast.path).await;
    assert_eq!(
        (&seen.body["status"], &seen.body["rejectionReason"]),
        (&"REJECTED".into(), &"Not good enough".into())
    );
    assert_eq!((seen.text.as_str(), seen.etag()), (rejected.text.as_str(), rejected.etag()));

    let submitted = cast.owner.act(&cast.at("submit")).await.expect(200);
    assert_eq!(
        (&submitted.body["status"], &submitted.body["rejectionReason"]),
        (&"SUBMITTED".into(), &Value::Null)
    );
    assert_ne!(submitted.etag(), rejected.etag());

    let approved = cast.moderator.act(&cast.at("approve")).await.expect(200);
    assert_eq!(approved.body["status"], "APPROVED");
    assert_ne!(approved.etag(), submitted.etag());
    let told = history(&cast.stack.database, &approved.id()).await;
    assert_eq!(told, ["CREATE", "SUBMIT", "REJECT", "SUBMIT", "APPROVE"]);
}

#[tokio::test]
async fn a_wrong_status_is_a_conflict_that_names_it() {
    let cast = Cast::assemble().await;
    let conflict = async |actor: &Actor, operation: &str, body: &Value, status: &str| {
        let answer = actor.post(&cast.at(operation), body).await;
        let detail = answer.problem(409)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(status), "{detail}");
    };
    let submitted = cast.owner.act(&cast.at("submit")).await;
    assert!(submitted.problem(409)["detail"].as_str().unwrap().contains("SUBMITTED"));
    cast.moderator.act(&cast.at("approve")).await.expect(200);
    conflict(&cast.moderator, "reject", &reason(), "APPROVED").await;
    let twice = cast.moderator.act(&cast.at("approve")).await;
    assert!(twice.problem(409)["detail"].as_str().unwrap().contains("APPROVED"));
}

#[tokio::test]
async fn only_the_owner_submits_and_only_moderators_decide() {
    let cast = Cast::assemble().await;
    cast.owner.act(&cast.at("approve")).await.problem(403);
    cast.owner.post(&cast.at("reject"), &reason()).await.problem(403);
    let draft = cast.owner.created("Still a draft").await;
    cast.moderator.act(&format!("/events/{draft}/submit")).await.problem(403);
}

#[tokio::test]
async fn of_an_approval_and_a_rejection_at_once_exactly_one_wins() {
    let cast = Cast::assemble().await;
    for round in 0..10 {
        let id = cast.owner.submitted(&format!("Decided twice {round}")).await;
        let (approve, reject) = (format!("/events/{id}/approve"), format!("/events/{id}/reject"));
        let body = reason();
        let (approval, rejection) =
            join(cast.moderator.act(&approve), cast.moderator.post(&reject, &body)).await;
        let (winner, loser) =
            if approval.status == 200 { (approval, rejection) } else { (rejection, approval) };
        loser.problem(409);
        assert_eq!(cast.moderator.get(&format!("/events/{id}")).await.body, winner.expect(200).body);
        assert_eq!(history(&cast.stack.database, &id).await.len(), 3);
    }
}

#[tokio::test]
async fn a_reason_has_ten_to_five_hundred_characters() {
    let cast = Cast::assemble().await;
    let bad = [
        json!({}),
        json!({ "reason": " \n " }),
        json!({ "reason": "too short" }),
        json!({ "reason": "ß".repeat(501) }),
        json!({ "reason": "with a NUL \0" }),
        json!({ "reason": ["Not good enough"] }),
    ];
    for body in bad {
        assert_eq!(
            cast.moderator.post(&cast.at("reject"), &body).await.faulty_fields(),
            ["reason"],
            "{body}"
        );
    }
    let answer = cast.moderator.post(&cast.at("reject"), &json!({ "reason": "ß".repeat(500) })).await;
    assert_eq!(answer.expect(200).body["status"], "REJECTED");
}

#[tokio::test]
async fn faults_of_parameters_are_told_before_anything_is_looked_up() {
    let cast = Cast::assemble().await;
    let unknown = Uuid::now_v7();
    let answer = cast.owner.act("/events/nothing/submit?at=once").await;
    assert_eq!(answer.faulty_fields(), ["at", "id"]);
    let answer = cast.owner.post(&format!("/events/{unknown}/reject"), &json!({})).await;
    assert_eq!(answer.faulty_fields(), ["reason"], "400 before 404");
    cast.owner.post(&format!("/events/{unknown}/reject"), &reason()).await.problem(404);
}
