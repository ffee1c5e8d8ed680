//! `GET /auth/me`.

use reqwest::Method;

use crate::support::{
    Stack, send,
    shapes::{USER, keys},
};

#[tokio::test]
async fn me_returns_the_user_with_the_organization() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;

    let me = admin.get("/auth/me").await.expect(200).body;

    let mut expected = [&USER[..], &["organization"]].concat();
    expected.sort_unstable();
    assert_eq!(keys(&me), expected);
    assert_eq!(keys(&me["organization"]), ["id", "name", "slug"]);
    assert_eq!(me["organization"]["id"], admin.user["organizationId"]);
    assert!(USER.iter().all(|member| me[member] == admin.user[member]));
}

#[tokio::test]
async fn only_the_bearer_scheme_is_accepted_in_any_letter_case() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let me_with = async |authorization: String| {
        send(stack.anonymous().request(Method::GET, "/auth/me").header("authorization", authorization)).await
    };
    me_with(format!("bearer {}", admin.token)).await.expect(200);
    for invalid in
        [format!("Basic {}", admin.token), admin.token.clone(), "Bearer".to_owned(), "Bearer ".to_owned()]
    {
        assert_eq!(me_with(invalid).await.expect_problem(401)["instance"], "/auth/me");
    }
}

#[tokio::test]
async fn query_parameters_are_rejected() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    assert_eq!(admin.get("/auth/me?fields=email").await.invalid_fields(), ["fields"]);
}
