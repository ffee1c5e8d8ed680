//! Tests of signups that create or join an organization, alone and concurrently.

use std::time::Duration;

use eventboard_chassis::error::ErrorCode;
use eventboard_proto::auth::{Role, SignupRequest};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{
    CallResult, PASSWORD, TestService, code, count_outcomes, create_organization, join_organization,
};

#[tokio::test]
async fn a_password_that_is_easy_to_guess_is_refused_after_all_other_faults() {
    let service = TestService::start_with(&[("PASSWORD_MIN_STRENGTH", "2")]).await;
    let signup = |email: &str, password: &str| SignupRequest {
        password: password.to_owned(),
        ..create_organization(email, "Acme")
    };
    for weak in ["Password123!", "Lovelace1!"] {
        let refusal = service.signup(signup("ada@example.org", weak)).await.unwrap_err();
        assert_eq!(refusal.code(), ErrorCode::InvalidInput);
        let violation = refusal.violations().to_string();
        assert!(violation.starts_with("password is too easy to guess"), "{violation}");
    }
    let strong = "correct Horse battery 1";
    service.signup(signup("ada@example.org", strong)).await.unwrap();
    let refusal = service.signup(signup("ada@example.org", "Password123!")).await.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::AlreadyExists, "nothing was judged");
    service.login("ada@example.org", strong).await.unwrap();
}

#[tokio::test]
async fn a_user_who_creates_an_organization_is_its_admin() {
    let service = TestService::start().await;
    let session = service.signup(create_organization(" ada@example.org ", " Ada & Söhne! ")).await.unwrap();
    let user = session.user.unwrap();
    assert_eq!((user.email.as_str(), user.role()), ("ada@example.org", Role::Admin));
    assert_eq!((user.first_name.as_str(), user.last_name.as_str()), ("Ada", "Lovelace"));
    assert_eq!(Uuid::parse_str(&user.id).unwrap().get_version_num(), 7);
    assert_eq!(Uuid::parse_str(&user.organization_id).unwrap().get_version_num(), 7);

    let me = service.me(Some(&session.access_token)).await.unwrap();
    assert_eq!(me.user.unwrap(), user, "signup returns the stored user");
    let organization = me.organization.unwrap();
    assert_eq!((organization.name.as_str(), organization.slug.as_str()), ("Ada & Söhne!", "ada-söhne"));
}

#[tokio::test]
async fn a_user_who_joins_an_open_organization_has_the_role_user() {
    let service = TestService::start().await;
    let organization = create_acme(&service).await;
    service.execute(r#"update "Organization" set "openSignup" = true"#).await;
    let session = service.signup(join_organization("bob@example.org", &organization)).await.unwrap();
    let user = session.user.unwrap();
    assert_eq!((user.organization_id, Role::try_from(user.role)), (organization, Ok(Role::User)));
    service.validate(Some(&session.access_token)).await.unwrap();
}

#[tokio::test]
async fn a_new_organization_does_not_allow_open_signup() {
    let service = TestService::start().await;
    let organization = create_acme(&service).await;
    let request = join_organization("bob@example.org", &organization);
    assert_eq!(code(service.signup(request).await), ErrorCode::Forbidden);
    assert_eq!(service.count(r#"select count(*) from "User""#).await, 1);
}

#[tokio::test]
async fn joining_an_unknown_organization_is_not_found() {
    let service = TestService::start().await;
    let request = join_organization("bob@example.org", &Uuid::now_v7().to_string());
    assert_eq!(code(service.signup(request).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_signup_with_a_taken_slug_is_refused_and_does_not_join() {
    let service = TestService::start().await;
    create_acme(&service).await;
    let request = create_organization("bob@example.org", "ACME -- corporation");
    let refusal = service.signup(request).await.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::AlreadyExists);
    assert_eq!(refusal.message(), r#"The organization name "ACME -- corporation" is taken."#);
    assert_eq!(service.count(r#"select count(*) from "User""#).await, 1);
}

#[tokio::test]
async fn a_taken_email_address_is_refused_regardless_of_case_and_creates_no_organization() {
    let service = TestService::start().await;
    create_acme(&service).await;
    let refusal = service.signup(create_organization("ADA@Example.ORG", "Another One")).await.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::AlreadyExists);
    assert_eq!(refusal.message(), "A user with this e-mail address exists already.");
    assert_eq!(service.count(r#"select count(*) from "Organization""#).await, 1);
}

#[tokio::test]
async fn all_violations_are_reported_together() {
    let service = TestService::start().await;
    let request = SignupRequest { email: "ada".into(), password: "password".into(), ..Default::default() };
    let refusal = service.signup(request).await.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::InvalidInput);
    let violations: Vec<_> = refusal.violations().iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(violations, ["email", "password", "firstName", "lastName", "organizationName"]);
}

#[tokio::test]
async fn a_malformed_organization_id_is_a_violation() {
    let service = TestService::start().await;
    let refusal = service.signup(join_organization("bob@example.org", "acme-corp")).await.unwrap_err();
    assert_eq!(refusal.violations().to_string(), "organizationId must be a UUID");
}

#[tokio::test]
async fn one_of_eight_concurrent_signups_with_the_same_address_succeeds() {
    let service = TestService::start().await;
    let requests = (0..8).map(|number| {
        let email = if number % 2 == 0 { "ada@example.org" } else { "Ada@Example.org" };
        create_organization(email, &format!("Organization {number}"))
    });
    let results = sign_up_concurrently(&service, requests).await;
    assert_eq!(count_outcomes(results, ErrorCode::AlreadyExists), (1, 7));
    assert_eq!(service.count(r#"select count(*) from "User""#).await, 1);
    assert_eq!(service.count(r#"select count(*) from "Organization""#).await, 1, "no orphan");
}

#[tokio::test]
async fn one_of_eight_concurrent_signups_with_the_same_organization_name_succeeds() {
    let service = TestService::start().await;
    let requests = (0..8).map(|number| create_organization(&format!("user{number}@example.org"), "Acme"));
    let results = sign_up_concurrently(&service, requests).await;
    assert_eq!(count_outcomes(results, ErrorCode::AlreadyExists), (1, 7));
    assert_eq!(service.count(r#"select count(*) from "User""#).await, 1);
    assert_eq!(service.count(r#"select count(*) from "Organization""#).await, 1);
}

#[tokio::test]
async fn eight_concurrent_signups_that_join_an_organization_all_succeed() {
    let service = TestService::start().await;
    let organization = create_acme(&service).await;
    service.execute(r#"update "Organization" set "openSignup" = true"#).await;
    let requests =
        (0..8).map(|number| join_organization(&format!("user{number}@example.org"), &organization));
    let results = sign_up_concurrently(&service, requests).await;
    assert_eq!(count_outcomes(results, ErrorCode::AlreadyExists), (8, 0));
}

#[tokio::test]
async fn a_signup_is_refused_when_the_organization_closes_meanwhile() {
    let service = TestService::start().await;
    let organization = create_acme(&service).await;
    service.execute(r#"update "Organization" set "openSignup" = true"#).await;
    let mut operator = service.connect().await;
    // The signup reads an open organization, and is then blocked before the insert.
    sqlx::raw_sql(
        r#"begin; lock table "User" in exclusive mode; update "Organization" set "openSignup" = false"#,
    )
    .execute(&mut operator)
    .await
    .unwrap();
    let mut client = service.client();
    let request = join_organization("bob@example.org", &organization);
    let signup = tokio::spawn(async move { client.signup(request).await });
    while service.count("select count(*) from pg_locks where not granted").await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sqlx::raw_sql("commit").execute(&mut operator).await.unwrap();
    assert_eq!(code(signup.await.unwrap().map_err(Into::into)), ErrorCode::Forbidden);
    assert_eq!(service.count(r#"select count(*) from "User""#).await, 1);
}

#[tokio::test]
async fn an_organization_at_its_limit_of_members_gets_no_new_member_until_one_leaves() {
    let service = TestService::start_with(&[("MAX_MEMBERS_PER_ORGANIZATION", "2")]).await;
    let organization = create_acme(&service).await;
    service.execute(r#"update "Organization" set "openSignup" = true"#).await;
    service.signup(join_organization("bob@example.org", &organization)).await.unwrap();

    let refusal = service.signup(join_organization("eve@example.org", &organization)).await.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::QuotaExceeded);
    assert_eq!(refusal.message(), "The organization has reached its limit of members (2).");
    service.signup(create_organization("eve@example.org", "Another One")).await.unwrap();

    service.execute(r#"delete from "User" where email = 'bob@example.org'"#).await;
    service.signup(join_organization("dan@example.org", &organization)).await.unwrap();
}

#[tokio::test]
async fn the_password_is_stored_as_a_hash_with_the_recommended_parameters() {
    let service = TestService::start().await;
    create_acme(&service).await;
    let hash: String = sqlx::query_scalar(r#"select "passwordHash" from "User""#)
        .fetch_one(&mut service.connect().await)
        .await
        .unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(!hash.contains(PASSWORD));
}

/// Signs up Ada, who creates Acme Corporation. Returns the organization's id.
async fn create_acme(service: &TestService) -> String {
    let session = service.signup(create_organization("ada@example.org", "Acme Corporation")).await.unwrap();
    session.user.unwrap().organization_id
}

async fn sign_up_concurrently(
    service: &TestService,
    requests: impl Iterator<Item = SignupRequest>,
) -> Vec<CallResult<()>> {
    let mut calls = JoinSet::new();
    for request in requests {
        let mut client = service.client();
        calls.spawn(async move { client.signup(request).await.map(drop).map_err(Into::into) });
    }
    calls.join_all().await
}
