//! `POST /auth/login`.

use serde_json::{Value, json};

use crate::support::{
    Answer, Stack,
    database::execute,
    shapes::{USER, keys},
};

#[tokio::test]
async fn a_user_logs_in_with_the_email_in_whatever_case() {
    let stack = Stack::start().await;
    let user = stack.anonymous().found_organization().await.user;
    let email = user["email"].as_str().unwrap().to_uppercase();

    let session = stack.anonymous().login(&email.into(), "Password123!").await.expect(200);

    assert_eq!(keys(&session.body), ["accessToken", "user"]);
    assert_eq!(keys(&session.body["user"]), USER);
    assert_eq!(session.body["user"], user);
}

#[tokio::test]
async fn an_unknown_email_a_wrong_password_and_a_disabled_user_get_the_same_answer() {
    let stack = Stack::start().await;
    let user = stack.anonymous().found_organization().await;
    let wrong = stack.anonymous().login(&user.user["email"], "Password123?").await;
    let unknown = stack.anonymous().login(&"nobody@example.org".into(), "Password123!").await;
    execute(&stack.database, r#"update "User" set disabled = true where id = $1"#, user.id()).await;
    let disabled = stack.anonymous().login(&user.user["email"], "Password123!").await;
    for answer in [&unknown, &disabled] {
        assert_eq!(told(answer), told(&wrong));
        assert_eq!(header_names(answer), header_names(&wrong));
    }
}

#[tokio::test]
async fn passwords_are_never_trimmed() {
    let stack = Stack::start().await;
    let body =
        json!({ "email": "spaces@example.org", "password": " Password123! ", "organizationName": "Spaces" });
    stack.anonymous().signup(body).await.expect(201);
    stack.anonymous().login(&"spaces@example.org".into(), "Password123!").await.problem(401);
    stack.anonymous().login(&"spaces@example.org".into(), " Password123! ").await.expect(200);
}

#[tokio::test]
async fn a_login_checks_only_presence_and_length() {
    let stack = Stack::start().await;
    let login = async |body: Value| stack.anonymous().post("/auth/login", &body).await;
    assert_eq!(login(json!({})).await.faulty_fields(), ["email", "password"]);
    assert_eq!(
        login(json!({ "email": 1, "password": null, "remember": true })).await.faulty_fields(),
        ["email", "password", "remember"]
    );
    assert_eq!(
        login(json!({ "email": "\0", "password": "short" })).await.faulty_fields(),
        ["email", "password"]
    );
    login(json!({ "email": "no address", "password": "no kinds of characters" })).await.problem(401);
}

fn told(answer: &Answer) -> Value {
    let mut body = answer.problem(401).clone();
    body.as_object_mut().unwrap().remove("correlationId");
    body
}

fn header_names(answer: &Answer) -> Vec<&str> {
    let mut names: Vec<_> = answer.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    names
}
