//! `POST /auth/signup`.

use futures::future::join;
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    Actor, Stack, database,
    shapes::{USER, assert_timestamp, assert_uuid_v7, keys},
};

#[tokio::test]
async fn the_founder_of_an_organization_becomes_its_admin() {
    let stack = Stack::start().await;
    let response =
        stack.anonymous().signup(json!({ "organizationName": "  Ärzte & Söhne (2) " })).await.expect(201);

    assert_eq!(
        keys(&response.body),
        ["accessToken", "expiresIn", "refreshExpiresIn", "refreshToken", "user"]
    );
    let user = &response.body["user"];
    assert_eq!(keys(user), USER);
    assert_eq!(
        (&user["role"], &user["firstName"], &user["lastName"]),
        (&"ADMIN".into(), &"Some".into(), &"Body".into())
    );
    assert_uuid_v7(&user["id"]);
    assert_uuid_v7(&user["organizationId"]);
    assert_timestamp(&user["createdAt"]);
    let created =
        r#""Organization" where slug = 'ärzte-söhne-2' and name = 'Ärzte & Söhne (2)' and not "openSignup""#;
    assert_eq!(database::count_rows(&stack.database, created).await, 1);
}

#[tokio::test]
async fn a_user_who_joins_an_open_organization_gets_the_role_user() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let user = admin.add_colleague(&stack, "USER").await;
    assert_eq!(user.user["role"], "USER");
    assert_eq!(user.user["organizationId"], admin.user["organizationId"]);
}

#[tokio::test]
async fn joining_a_closed_organization_is_forbidden_and_an_unknown_one_is_not_found() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let join = async |id| stack.anonymous().signup(json!({ "organizationId": id })).await;
    join(admin.organization_id()).await.expect_problem(403);
    join(Uuid::now_v7()).await.expect_problem(404);
    assert_eq!(database::count_rows(&stack.database, r#""User""#).await, 1);
}

#[tokio::test]
async fn a_slug_that_exists_is_a_conflict() {
    let stack = Stack::start().await;
    let create = async |name| stack.anonymous().signup(json!({ "organizationName": name })).await;
    create("Acme Corporation").await.expect(201);
    create("ACME... corporation!").await.expect_problem(409);
    assert_eq!(database::count_rows(&stack.database, r#""User""#).await, 1);
}

#[tokio::test]
async fn an_email_that_exists_is_a_conflict_in_any_letter_case() {
    let stack = Stack::start().await;
    let signup = async |email, organization| {
        stack.anonymous().signup(json!({ "email": email, "organizationName": organization })).await
    };
    signup("somebody@example.org", "The first").await.expect(201);
    signup("SomeBody@Example.ORG", "The second").await.expect_problem(409);
    assert_eq!(database::count_rows(&stack.database, r#""Organization""#).await, 1);
}

#[tokio::test]
async fn of_two_concurrent_signups_with_the_same_email_only_one_succeeds() {
    let stack = Stack::start().await;
    for round in 0..3 {
        let email = format!("twin{round}@example.org");
        let fields = |name: &str| json!({ "email": email, "organizationName": format!("{name} {round}") });
        let anonymous = stack.anonymous();
        let (one, other) = join(anonymous.signup(fields("One")), anonymous.signup(fields("Other"))).await;
        assert_one_created_one_conflict([one.status, other.status]);
        assert_eq!(database::count_rows(&stack.database, r#""Organization""#).await, round + 1);
    }
}

#[tokio::test]
async fn of_two_concurrent_signups_with_the_same_organization_only_one_succeeds() {
    let stack = Stack::start().await;
    for round in 0..3 {
        let fields = || json!({ "organizationName": format!("Created twice {round}") });
        let anonymous = stack.anonymous();
        let (one, other) = join(anonymous.signup(fields()), anonymous.signup(fields())).await;
        assert_one_created_one_conflict([one.status, other.status]);
        assert_eq!(database::count_rows(&stack.database, r#""User""#).await, round + 1);
    }
}

#[tokio::test]
async fn exactly_one_of_organization_name_and_id_is_required() {
    let stack = Stack::start().await;
    let both = json!({ "organizationName": "Acme", "organizationId": Uuid::now_v7() });
    assert_eq!(stack.anonymous().signup(both).await.invalid_fields(), ["organizationName"]);
    assert_eq!(stack.anonymous().signup(json!({})).await.invalid_fields(), ["organizationName"]);
    let malformed = json!({ "organizationId": "acme" });
    assert_eq!(stack.anonymous().signup(malformed).await.invalid_fields(), ["organizationId"]);
}

#[tokio::test]
async fn all_violations_are_reported_together() {
    let stack = Stack::start().await;
    let body = json!({
        "email": "nobody", "password": "short", "firstName": " ", "lastName": "x".repeat(51),
        "organizationName": "!!", "role": "ADMIN",
    });
    let response = stack.anonymous().post("/auth/signup?admin=true", &body).await;
    let expected = ["admin", "email", "firstName", "lastName", "organizationName", "password", "role"];
    assert_eq!(response.invalid_fields(), expected);
}

#[tokio::test]
async fn each_field_is_limited_and_limits_count_characters() {
    let stack = Stack::start().await;
    let invalid = [
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
    for (field, value) in invalid {
        let mut fields = json!({ "organizationName": Uuid::now_v7() });
        fields[field] = value.clone().into();
        assert_eq!(stack.anonymous().signup(fields).await.invalid_fields(), [field], "{value:?}");
    }
    let longest = json!({
        "password": format!("Aa1{}", "ß".repeat(97)), "firstName": "ß".repeat(50), "lastName": " L ",
        "organizationName": "ß".repeat(100),
    });
    let response = stack.anonymous().signup(longest).await.expect(201);
    assert_eq!(response.body["user"]["lastName"], "L");
}

fn assert_one_created_one_conflict(mut statuses: [u16; 2]) {
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[tokio::test]
async fn a_name_has_one_slug_in_all_normalization_forms() {
    let stack = Stack::start().await;
    let create = async |name: &str| stack.anonymous().signup(json!({ "organizationName": name })).await;
    for (name, same, slug) in [
        ("İstanbul Kulübü", "I\u{307}STANBUL Kulu\u{308}bu\u{308}", "i\u{307}stanbul-kulübü"),
        ("हिन्दी समिति", "हिन्दी\u{200b} (समिति)", "हिन्दी-समिति"),
        ("ผู้จัดงาน", "«ผู้จัดงาน»", "ผู้จัดงาน"),
    ] {
        let founder = create(name).await.expect(201);
        let founder = Actor::new(stack.anonymous(), &founder.body);
        assert_eq!(founder.get("/auth/me").await.expect(200).body["organization"]["slug"], slug);
        create(same).await.expect_problem(409);
    }
}

#[tokio::test]
async fn names_and_addresses_are_lines_that_show_something() {
    let stack = Stack::start().await;
    for text in ["\u{3164}\u{200b}", "Evil\u{202e}Corp", "Two\nlines", "\u{1b}[2Jred"] {
        let body = json!({ "organizationName": text, "firstName": text, "lastName": text });
        assert_eq!(
            stack.anonymous().signup(body).await.invalid_fields(),
            ["firstName", "lastName", "organizationName"],
            "{text:?}"
        );
    }
    for email in ["a\u{200b}dmin@example.org", "a\u{202e}@example.org", "\u{2800}"] {
        let body = json!({ "organizationName": "A name", "email": email });
        assert_eq!(stack.anonymous().signup(body).await.invalid_fields(), ["email"], "{email:?}");
    }
}
