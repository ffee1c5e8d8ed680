//! `POST /auth/login`.

use serde_json::{Value, json};

use crate::support::{
    Response, Stack,
    database::execute,
    shapes::{USER, keys},
};

#[tokio::test]
async fn login_ignores_the_letter_case_of_the_email() {
    let stack = Stack::start().await;
    let user = stack.anonymous().sign_up_admin().await.user;
    let email = user["email"].as_str().unwrap().to_uppercase();

    let session = stack.anonymous().login(&email.into(), "Password123!").await.expect(200);

    assert_eq!(keys(&session.body), ["accessToken", "expiresIn", "refreshExpiresIn", "refreshToken", "user"]);
    assert_eq!(keys(&session.body["user"]), USER);
    assert_eq!(session.body["user"], user);
}

#[tokio::test]
async fn unknown_email_wrong_password_and_disabled_user_get_the_same_response() {
    let stack = Stack::start().await;
    let user = stack.anonymous().sign_up_admin().await;
    let wrong = stack.anonymous().login(&user.user["email"], "Password123?").await;
    let unknown = stack.anonymous().login(&"nobody@example.org".into(), "Password123!").await;
    execute(&stack.database, r#"update "User" set disabled = true where id = $1"#, user.id()).await;
    let disabled = stack.anonymous().login(&user.user["email"], "Password123!").await;
    for response in [&unknown, &disabled] {
        assert_eq!(problem_body(response), problem_body(&wrong));
        assert_eq!(header_names(response), header_names(&wrong));
    }
}

#[tokio::test]
async fn passwords_are_never_trimmed() {
    let stack = Stack::start().await;
    let body =
        json!({ "email": "spaces@example.org", "password": " Password123! ", "organizationName": "Spaces" });
    stack.anonymous().signup(body).await.expect(201);
    stack.anonymous().login(&"spaces@example.org".into(), "Password123!").await.expect_problem(401);
    stack.anonymous().login(&"spaces@example.org".into(), " Password123! ").await.expect(200);
}

#[tokio::test]
async fn login_validates_only_presence_and_length() {
    let stack = Stack::start().await;
    let login = async |body: Value| stack.anonymous().post("/auth/login", &body).await;
    assert_eq!(login(json!({})).await.invalid_fields(), ["email", "password"]);
    assert_eq!(
        login(json!({ "email": 1, "password": null, "remember": true })).await.invalid_fields(),
        ["email", "password", "remember"]
    );
    assert_eq!(
        login(json!({ "email": "\0", "password": "short" })).await.invalid_fields(),
        ["email", "password"]
    );
    login(json!({ "email": "no address", "password": "no kinds of characters" })).await.expect_problem(401);
}

/// The problem details without the correlation ID.
fn problem_body(response: &Response) -> Value {
    let mut body = response.expect_problem(401).clone();
    body.as_object_mut().unwrap().remove("correlationId");
    body
}

fn header_names(response: &Response) -> Vec<&str> {
    let mut names: Vec<_> = response.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    names
}
