//! The throttle of passwords, and `POST /auth/password`.

use serde_json::{Value, json};

use crate::support::{Actor, Stack};

const PASSWORD: &str = "Password123!";
const NEW: &str = "Seven-blue-kettles-9";

fn change(current: &str, new: &str) -> Value {
    json!({ "currentPassword": current, "newPassword": new })
}

#[tokio::test]
async fn the_eleventh_login_after_ten_wrong_passwords_gets_429_even_without_a_rate_limit() {
    let stack = Stack::start_with(&[("RATE_LIMIT_ENABLED", "false")]).await;
    let admin = stack.anonymous().sign_up_admin().await;
    for email in [&admin.user["email"], &"nobody@example.org".into()] {
        for _ in 0..10 {
            stack.anonymous().login(email, "Password124!").await.expect_problem(401);
        }
        let refused = stack.anonymous().login(email, PASSWORD).await;
        assert_eq!(refused.expect_problem(429)["type"], "urn:eventboard:problem:throttled");
        let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    admin.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_changed_password_leaves_only_the_session_that_changed_it() {
    let stack = Stack::start().await;
    let other = stack.anonymous().sign_up_admin().await;
    let own = stack.anonymous().login(&other.user["email"], PASSWORD).await.expect(200);
    let own = Actor::new(stack.anonymous(), &own.body);
    let wrong = own.post("/auth/password", &change("Password124!", NEW)).await;
    assert_eq!(wrong.invalid_fields(), ["currentPassword"]);
    own.post("/auth/password", &change(PASSWORD, NEW)).await.expect(204);
    own.get("/auth/me").await.expect(200);
    other.get("/auth/me").await.expect_problem(401);
    stack.anonymous().login(&other.user["email"], PASSWORD).await.expect_problem(401);
    stack.anonymous().login(&other.user["email"], NEW).await.expect(200);
}

#[tokio::test]
async fn all_faults_of_a_change_are_reported_together() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let refused = async |body| admin.post("/auth/password", &body).await;
    assert_eq!(refused(json!({})).await.invalid_fields(), ["currentPassword", "newPassword"]);
    assert_eq!(refused(change("short", "weak")).await.invalid_fields(), ["currentPassword", "newPassword"]);
    assert_eq!(refused(change(PASSWORD, PASSWORD)).await.invalid_fields(), ["newPassword"]);
    let mut unknown = change(PASSWORD, NEW);
    unknown["password"] = PASSWORD.into();
    assert_eq!(refused(unknown).await.invalid_fields(), ["password"]);
    stack.anonymous().login(&admin.user["email"], PASSWORD).await.expect(200);
}
