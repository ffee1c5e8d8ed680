//! Signing up: founding and joining organizations, alone and in a crowd.

use std::time::Duration;

use eventboard_chassis::error::ErrorCode;
use eventboard_proto::auth::{Role, SignupRequest};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Answer, PASSWORD, TestService, code, founding, joining, tally};

#[tokio::test]
async fn whoever_founds_an_organization_is_its_admin() {
    let service = TestService::start().await;
    let session = service.signup(founding(" ada@example.org ", " Ada & Söhne! ")).await.unwrap();
    let user = session.user.unwrap();
    assert_eq!((user.email.as_str(), user.role()), ("ada@example.org", Role::Admin));
    assert_eq!((user.first_name.as_str(), user.last_name.as_str()), ("Ada", "Lovelace"));
    assert_eq!(Uuid::parse_str(&user.id).unwrap().get_version_num(), 7);
    assert_eq!(Uuid::parse_str(&user.organization_id).unwrap().get_version_num(), 7);

    let me = service.me(Some(&session.access_token)).await.unwrap();
    assert_eq!(me.user.unwrap(), user, "what signup tells is what is stored");
    let organization = me.organization.unwrap();
    assert_eq!((organization.name.as_str(), organization.slug.as_str()), ("Ada & Söhne!", "ada-söhne"));
}

#[tokio::test]
async fn whoever_joins_an_open_organization_is_a_user() {
    let service = TestService::start().await;
    let organization = founded(&service).await;
    service.execute(r#"update "Organization" set "openSignup" = true"#).await;
    let session = service.signup(joining("bob@example.org", &organization)).await.unwrap();
    let user = session.user.unwrap();
    assert_eq!((user.organization_id, Role::try_from(user.role)), (organization, Ok(Role::User)));
    service.validate(Some(&session.access_token)).await.unwrap();
}

#[tokio::test]
async fn a_new_organization_takes_nobody_until_it_is_opened() {
    let service = TestService::start().await;
    let organization = founded(&service).await;
    assert_eq!(code(service.signup(joining("bob@example.org", &organization)).await), ErrorCode::Forbidden);
    assert_eq!(service.count(r#"select count(*) from "User""#).await, 1);
}

#[tokio::test]
async fn nobody_joins_an_organization_that_does_not_exist() {
    let service = TestService::start().await;
    let request = joining("bob@example.org", &Uuid::now_v7().to_string());
    assert_eq!(code(service.signup(request).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_taken_slug_is_refused_and_never_joined() {
    let service = TestService::start().await;
    founded(&service).await;
    let refusal = service.signup(founding("bob@example.org", "ACME -- corporation")).await.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::AlreadyExists);
    assert_eq!(refusal.message(), r#"The organization name "ACME -- corporation" is taken."#);
    assert_eq!(service.count(r#"select count(*) from "User""#).await, 1);
}

#[tokio::test]
async fn an_email_address_is_taken_in_whatever_case_and_leaves_no_organization_behind() {
    let service = TestService::start().await;
    founded(&service).await;
    let refusal = service.signup(founding("ADA@Example.ORG", "Another One")).await.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::AlreadyExists);
    assert_eq!(refusal.message(), "A user with this e-mail address exists already.");
    assert_eq!(service.count(r#"select count(*) from "Organization""#).await, 1);
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let service = TestService::start().await;
    let request = SignupRequest { email: "ada".into(), password: "password".into(), ..Default::default() };
    let refusal = service.signup(request).await.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::InvalidInput);
    let faults: Vec<_> = refusal.faults().iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(faults, ["email", "password", "firstName", "lastName", "organizationName"]);
}

#[tokio::test]
async fn a_broken_organization_id_is_a_fault() {
    let service = TestService::start().await;
    let refusal = service.signup(joining("bob@example.org", "acme-corp")).await.unwrap_err();
    assert_eq!(refusal.faults().to_string(), "organizationId must be a UUID");
}

#[tokio::test]
async fn of_eight_who_sign_up_with_one_address_at_once_one_wins() {
    let service = TestService::start().await;
    let requests = (0..8).map(|number| {
        let email = if number % 2 == 0 { "ada@example.org" } else { "Ada@Example.org" };
        founding(email, &format!("Organization {number}"))
    });
    let answers = all_at_once(&service, requests).await;
    assert_eq!(tally(answers, ErrorCode::AlreadyExists), (1, 7));
    assert_eq!(service.count(r#"select count(*) from "User""#).await, 1);
    assert_eq!(service.count(r#"select count(*) from "Organization""#).await, 1, "no orphan");
}

#[tokio::test]
async fn of_eight_who_found_one_organization_at_once_one_wins() {
    let service = TestService::start().await;
    let requests = (0..8).map(|number| founding(&format!("user{number}@example.org"), "Acme"));
    let answers = all_at_once(&service, requests).await;
    assert_eq!(tally(answers, ErrorCode::AlreadyExists), (1, 7));
    assert_eq!(service.count(r#"select count(*) from "User""#).await, 1);
    assert_eq!(service.count(r#"select count(*) from "Organization""#).await, 1);
}

#[tokio::test]
async fn eight_who_join_at_once_all_get_in() {
    let service = TestService::start().await;
    let organization = founded(&service).await;
    service.execute(r#"update "Organization" set "openSignup" = true"#).await;
    let requests = (0..8).map(|number| joining(&format!("user{number}@example.org"), &organization));
    let answers = all_at_once(&service, requests).await;
    assert_eq!(tally(answers, ErrorCode::AlreadyExists), (8, 0));
}

#[tokio::test]
async fn an_organization_that_closes_during_a_signup_refuses_it() {
    let service = TestService::start().await;
    let organization = founded(&service).await;
    service.execute(r#"update "Organization" set "openSignup" = true"#).await;
    let mut operator = service.connect().await;
    // The signup still sees an open organization when it looks, and stops before its insert.
    sqlx::raw_sql(
        r#"begin; lock table "User" in exclusive mode; update "Organization" set "openSignup" = false"#,
    )
    .execute(&mut operator)
    .await
    .unwrap();
    let mut client = service.client();
    let signup = tokio::spawn(async move { client.signup(joining("bob@example.org", &organization)).await });
    while service.count("select count(*) from pg_locks where not granted").await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sqlx::raw_sql("commit").execute(&mut operator).await.unwrap();
    assert_eq!(code(signup.await.unwrap().map_err(Into::into)), ErrorCode::Forbidden);
    assert_eq!(service.count(r#"select count(*) from "User""#).await, 1);
}

#[tokio::test]
async fn the_password_is_kept_as_a_hash_of_the_recommended_strength() {
    let service = TestService::start().await;
    founded(&service).await;
    let hash: String = sqlx::query_scalar(r#"select "passwordHash" from "User""#)
        .fetch_one(&mut service.connect().await)
        .await
        .unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(!hash.contains(PASSWORD));
}

/// Ada founds Acme Corporation.
async fn founded(service: &TestService) -> String {
    let session = service.signup(founding("ada@example.org", "Acme Corporation")).await.unwrap();
    session.user.unwrap().organization_id
}

async fn all_at_once(
    service: &TestService,
    requests: impl Iterator<Item = SignupRequest>,
) -> Vec<Answer<()>> {
    let mut calls = JoinSet::new();
    for request in requests {
        let mut client = service.client();
        calls.spawn(async move { client.signup(request).await.map(drop).map_err(Into::into) });
    }
    calls.join_all().await
}
