//! `POST /auth/signup`.

use futures::future::join;
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    Stack, database,
    shapes::{USER, assert_timestamp, assert_uuid_v7, keys},
};

#[tokio::test]
async fn the_founder_of_an_organization_is_its_admin() {
    let stack = Stack::start().await;
    let answer =
        stack.anonymous().signup(json!({ "organizationName": "  Ärzte & Söhne (2) " })).await.expect(201);

    assert_eq!(keys(&answer.body), ["accessToken", "user"]);
    let user = &answer.body["user"];
    assert_eq!(keys(user), USER);
    assert_eq!(
        (&user["role"], &user["firstName"], &user["lastName"]),
        (&"ADMIN".into(), &"Some".into(), &"Body".into())
    );
    assert_uuid_v7(&user["id"]);
    assert_uuid_v7(&user["organizationId"]);
    assert_timestamp(&user["createdAt"]);
    let found =
        r#""Organization" where slug = 'ärzte-söhne-2' and name = 'Ärzte & Söhne (2)' and not "openSignup""#;
    assert_eq!(database::rows(&stack.database, found).await, 1);
}

#[tokio::test]
async fn whoever_joins_an_open_organization_is_a_user_of_it() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let user = admin.colleague(&stack, "USER").await;
    assert_eq!(user.user["role"], "USER");
    assert_eq!(user.user["organizationId"], admin.user["organizationId"]);
}

#[tokio::test]
async fn a_new_organization_is_closed_and_an_unknown_one_is_not_found() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    let join = async |id| stack.anonymous().signup(json!({ "organizationId": id })).await;
    join(admin.organization_id()).await.problem(403);
    join(Uuid::now_v7()).await.problem(404);
    assert_eq!(database::rows(&stack.database, r#""User""#).await, 1);
}

#[tokio::test]
async fn a_taken_slug_is_a_conflict_and_never_a_silent_join() {
    let stack = Stack::start().await;
    let found = async |name| stack.anonymous().signup(json!({ "organizationName": name })).await;
    found("Acme Corporation").await.expect(201);
    found("ACME... corporation!").await.problem(409);
    assert_eq!(database::rows(&stack.database, r#""User""#).await, 1);
}

#[tokio::test]
async fn an_email_is_taken_in_whatever_case() {
    let stack = Stack::start().await;
    let signup = async |email, organization| {
        stack.anonymous().signup(json!({ "email": email, "organizationName": organization })).await
    };
    signup("somebody@example.org", "The first").await.expect(201);
    signup("SomeBody@Example.ORG", "The second").await.problem(409);
    assert_eq!(database::rows(&stack.database, r#""Organization""#).await, 1);
}

#[tokio::test]
async fn of_two_signups_with_one_email_at_once_one_wins_and_the_other_leaves_nothing() {
    let stack = Stack::start().await;
    for round in 0..3 {
        let email = format!("twin{round}@example.org");
        let found = |name: &str| json!({ "email": email, "organizationName": format!("{name} {round}") });
        let anonymous = stack.anonymous();
        let (one, other) = join(anonymous.signup(found("One")), anonymous.signup(found("Other"))).await;
        assert_one_winner([one.status, other.status]);
        assert_eq!(database::rows(&stack.database, r#""Organization""#).await, round + 1);
    }
}

#[tokio::test]
async fn an_organization_that_is_founded_twice_at_once_has_one_founder() {
    let stack = Stack::start().await;
    for round in 0..3 {
        let found = || json!({ "organizationName": format!("Founded twice {round}") });
        let anonymous = stack.anonymous();
        let (one, other) = join(anonymous.signup(found()), anonymous.signup(found())).await;
        assert_one_winner([one.status, other.status]);
        assert_eq!(database::rows(&stack.database, r#""User""#).await, round + 1);
    }
}

#[tokio::test]
async fn exactly_one_of_organization_name_and_id_is_given() {
    let stack = Stack::start().await;
    let both = json!({ "organizationName": "Acme", "organizationId": Uuid::now_v7() });
    assert_eq!(stack.anonymous().signup(both).await.faulty_fields(), ["organizationName"]);
    assert_eq!(stack.anonymous().signup(json!({})).await.faulty_fields(), ["organizationName"]);
    let broken = json!({ "organizationId": "acme" });
    assert_eq!(stack.anonymous().signup(broken).await.faulty_fields(), ["organizationId"]);
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let stack = Stack::start().await;
    let body = json!({
        "email": "nobody", "password": "short", "firstName": " ", "lastName": "x".repeat(51),
        "organizationName": "!!", "role": "ADMIN",
    });
    let answer = stack.anonymous().post("/auth/signup?admin=true", &body).await;
    let expected = ["admin", "email", "firstName", "lastName", "organizationName", "password", "role"];
    assert_eq!(answer.faulty_fields(), expected);
}

#[tokio::test]
async fn each_field_has_its_limits_in_characters() {
    let stack = Stack::start().await;
    let refused = [
        ("email", format!("{}@example.org", "a".repeat(250))),
        ("email", "nul\0@example.org".to_owned()),
        ("password", "password123!".to_owned()),
        ("password", "PASSWORD123!".to_owned()),
        ("password", "Passwordword".to_owned()),
        ("password", format!("Aa1{}", "ß".repeat(98))),
        ("firstName", "ß".repeat(51)),
        ("lastName", "\0".to_owned()),
        ("organizationName", "ß".repeat(101)),
        ("organizationName", "A".to_owned()),
    ];
    for (field, value) in refused {
        let mut fields = json!({ "organizationName": Uuid::now_v7() });
        fields[field] = value.clone().into();
        assert_eq!(stack.anonymous().signup(fields).await.faulty_fields(), [field], "{value:?}");
    }
    let longest = json!({
        "password": format!("Aa1{}", "ß".repeat(97)), "firstName": "ß".repeat(50), "lastName": " L ",
        "organizationName": "ß".repeat(100),
    });
    let answer = stack.anonymous().signup(longest).await.expect(201);
    assert_eq!(answer.body["user"]["lastName"], "L");
}

fn assert_one_winner(mut statuses: [u16; 2]) {
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}
