//! `GET /auth/me`.

use reqwest::Method;

use crate::support::{
    Stack, send,
    shapes::{USER, keys},
};

#[tokio::test]
async fn a_user_sees_oneself_with_the_organization() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;

    let me = admin.get("/auth/me").await.expect(200).body;

    let mut expected = [&USER[..], &["organization"]].concat();
    expected.sort_unstable();
    assert_eq!(keys(&me), expected);
    assert_eq!(keys(&me["organization"]), ["id", "name", "slug"]);
    assert_eq!(me["organization"]["id"], admin.user["organizationId"]);
    assert!(USER.iter().all(|member| me[member] == admin.user[member]));
}

#[tokio::test]
async fn the_scheme_of_a_token_is_bearer_in_whatever_case() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let with = async |authorization: String| {
        send(stack.anonymous().request(Method::GET, "/auth/me").header("authorization", authorization)).await
    };
    with(format!("bearer {}", admin.token)).await.expect(200);
    for bad in
        [format!("Basic {}", admin.token), admin.token.clone(), "Bearer".to_owned(), "Bearer ".to_owned()]
    {
        assert_eq!(with(bad).await.problem(401)["instance"], "/auth/me");
    }
}

#[tokio::test]
async fn nothing_is_accepted_besides_the_token() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    assert_eq!(admin.get("/auth/me?fields=email").await.faulty_fields(), ["fields"]);
}
