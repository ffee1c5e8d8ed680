//! Tokens that are forged, or outlive what they say.

use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::support::{
    Actor, Stack,
    database::{execute, rows},
    draft,
    token::{DEVELOPMENT_SECRET, bad_tokens, claims, signed},
};

const DELETE: &str = r#"delete from "User" where id = $1"#;
const DISABLE: &str = r#"update "User" set disabled = true where id = $1"#;

/// A user whose token no service has seen.
async fn newcomer(stack: &Stack) -> Actor {
    stack.anonymous().found_organization().await.colleague(stack, "USER").await
}

#[tokio::test]
async fn no_forged_expired_or_unsigned_token_is_accepted_anywhere() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    admin
        .with_token(signed(&claims(&admin, &json!({})), Algorithm::HS256, DEVELOPMENT_SECRET))
        .get("/auth/me")
        .await
        .expect(200);
    for (defect, token) in bad_tokens(&admin) {
        let forger = admin.with_token(token);
        for path in ["/auth/me", "/events"] {
            let answer = forger.get(path).await;
            assert_eq!(answer.status, 401, "{defect}");
            answer.problem(401);
        }
        forger.post("/events", &draft("Forged")).await.problem(401);
    }
    assert_eq!(rows(&stack.database, r#""Event""#).await, 0);
}

#[tokio::test]
async fn the_secret_before_the_present_one_still_verifies() {
    let variables =
        [("JWT_SECRET", "the present secret, long enough"), ("JWT_SECRET_PREVIOUS", "the secret before it")];
    let stack = Stack::start_with(&variables).await;
    let admin = stack.anonymous().found_organization().await;
    let before = signed(&claims(&admin, &json!({})), Algorithm::HS256, "the secret before it");
    admin.with_token(before).created("Made with an old token").await;
    let unknown = signed(&claims(&admin, &json!({})), Algorithm::HS256, DEVELOPMENT_SECRET);
    admin.with_token(unknown).get("/events").await.problem(401);
}

#[tokio::test]
async fn the_token_of_a_deleted_or_disabled_user_is_worth_nothing() {
    let stack = Stack::start().await;
    for statement in [DELETE, DISABLE] {
        let user = newcomer(&stack).await;
        execute(&stack.database, statement, user.id()).await;
        for path in ["/events", "/auth/me"] {
            user.get(path).await.problem(401);
        }
        user.post("/events", &draft("By nobody")).await.problem(401);
        stack.anonymous().login(&user.user["email"], "Password123!").await.problem(401);
    }
}

#[tokio::test]
async fn a_token_does_not_outlive_the_role_that_it_claims() {
    let stack = Stack::start().await;
    let user = newcomer(&stack).await;
    user.becomes(&stack, "MODERATOR").await;
    user.get("/events").await.problem(401);
    let promoted = user.logs_in_again().await;
    assert_eq!(promoted.get("/auth/me").await.expect(200).body["role"], "MODERATOR");
    promoted.get("/events").await.expect(200);
}

#[tokio::test]
async fn a_genuine_signature_does_not_make_a_claim_true() {
    let stack = Stack::start().await;
    let (user, stranger) = (newcomer(&stack).await, stack.anonymous().found_organization().await);
    for untrue in [json!({ "role": "ADMIN" }), json!({ "organizationId": stranger.user["organizationId"] })] {
        let token = signed(&claims(&user, &untrue), Algorithm::HS256, DEVELOPMENT_SECRET);
        user.with_token(token).get("/events").await.problem(401);
    }
}

#[tokio::test]
async fn an_owner_who_is_deleted_while_the_gateway_still_knows_them_creates_nothing() {
    let stack = Stack::start().await;
    let user = newcomer(&stack).await;
    user.get("/events").await.expect(200);
    execute(&stack.database, DELETE, user.id()).await;
    user.get("/events").await.expect(200);
    user.post("/events", &draft("An orphan")).await.problem(401);
    assert_eq!(rows(&stack.database, r#""Event""#).await, 0);
}
