//! Tests of forged tokens and of tokens with outdated claims.

use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::support::{
    Actor, Stack,
    database::{count_rows, execute},
    event_body,
    token::{DEVELOPMENT_SECRET, claims, invalid_tokens, signed},
};

const DELETE: &str = r#"delete from "User" where id = $1"#;
const DISABLE: &str = r#"update "User" set disabled = true where id = $1"#;

/// A user whose token has not been used yet.
async fn new_user(stack: &Stack) -> Actor {
    stack.anonymous().sign_up_admin().await.add_colleague(stack, "USER").await
}

#[tokio::test]
async fn invalid_tokens_are_rejected_on_all_routes() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    admin
        .with_token(signed(&claims(&admin, &json!({})), Algorithm::HS256, DEVELOPMENT_SECRET))
        .get("/auth/me")
        .await
        .expect(200);
    for (defect, token) in invalid_tokens(&admin) {
        let forger = admin.with_token(token);
        for path in ["/auth/me", "/events"] {
            let response = forger.get(path).await;
            assert_eq!(response.status, 401, "{defect}");
            response.expect_problem(401);
        }
        forger.post("/events", &event_body("Forged")).await.expect_problem(401);
    }
    assert_eq!(count_rows(&stack.database, r#""Event""#).await, 0);
}

#[tokio::test]
async fn a_token_signed_with_the_previous_secret_is_accepted() {
    let variables =
        [("JWT_SECRET", "the current secret, long enough"), ("JWT_SECRET_PREVIOUS", "the previous secret")];
    let stack = Stack::start_with(&variables).await;
    let admin = stack.anonymous().sign_up_admin().await;
    let previous = signed(&claims(&admin, &json!({})), Algorithm::HS256, "the previous secret");
    admin.with_token(previous).create_event("Created with an old token").await;
    let unknown = signed(&claims(&admin, &json!({})), Algorithm::HS256, DEVELOPMENT_SECRET);
    admin.with_token(unknown).get("/events").await.expect_problem(401);
}

#[tokio::test]
async fn the_token_of_a_deleted_or_disabled_user_is_rejected() {
    let stack = Stack::start().await;
    for statement in [DELETE, DISABLE] {
        let user = new_user(&stack).await;
        execute(&stack.database, statement, user.id()).await;
        for path in ["/events", "/auth/me"] {
            user.get(path).await.expect_problem(401);
        }
        user.post("/events", &event_body("By a deleted user")).await.expect_problem(401);
        stack.anonymous().login(&user.user["email"], "Password123!").await.expect_problem(401);
    }
}

#[tokio::test]
async fn a_token_with_an_outdated_role_is_rejected() {
    let stack = Stack::start().await;
    let user = new_user(&stack).await;
    user.set_role(&stack, "MODERATOR").await;
    user.get("/events").await.expect_problem(401);
    let promoted = user.log_in_again().await;
    assert_eq!(promoted.get("/auth/me").await.expect(200).body["role"], "MODERATOR");
    promoted.get("/events").await.expect(200);
}

#[tokio::test]
async fn a_signed_token_with_false_claims_is_rejected() {
    let stack = Stack::start().await;
    let (user, outsider) = (new_user(&stack).await, stack.anonymous().sign_up_admin().await);
    let other_organization = json!({ "organizationId": outsider.user["organizationId"] });
    for false_claims in [json!({ "role": "ADMIN" }), other_organization] {
        let token = signed(&claims(&user, &false_claims), Algorithm::HS256, DEVELOPMENT_SECRET);
        user.with_token(token).get("/events").await.expect_problem(401);
    }
}

#[tokio::test]
async fn a_deleted_user_with_a_cached_validation_cannot_create_an_event() {
    let stack = Stack::start().await;
    let user = new_user(&stack).await;
    user.get("/events").await.expect(200);
    execute(&stack.database, DELETE, user.id()).await;
    user.get("/events").await.expect(200);
    user.post("/events", &event_body("An orphan")).await.expect_problem(401);
    assert_eq!(count_rows(&stack.database, r#""Event""#).await, 0);
}
