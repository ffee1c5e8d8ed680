//! Whose token still counts: the same answers from `GetMe` and `ValidateUser`.

use eventboard_chassis::{error::ErrorCode, token::TokenConfig};
use eventboard_domain::Role;
use eventboard_proto::auth;
use uuid::Uuid;

use crate::support::{TestService, a_stranger, code, founding, issue};

#[tokio::test]
async fn the_token_of_a_user_as_stored_counts() {
    let (service, token) = with_ada().await;
    let me = service.me(Some(&token)).await.unwrap();
    assert_eq!(me.user.unwrap().role(), auth::Role::Admin);
    service.validate(Some(&token)).await.unwrap();
}

#[tokio::test]
async fn no_token_is_no_caller() {
    let service = TestService::start().await;
    refuses(&service, None).await;
}

#[tokio::test]
async fn a_forged_token_is_no_caller() {
    let (service, token) = with_ada().await;
    let identity = service.identity(&token);
    let other_secret = TokenConfig { secret: "a secret of somebody else".into(), ..service.token.clone() };
    let other_issuer = TokenConfig { issuer: "somebody else".into(), ..service.token.clone() };
    let (body, signature) = token.rsplit_once('.').unwrap();
    for forged in [
        issue(&other_secret, &identity),
        issue(&other_issuer, &identity),
        format!("{body}."),
        format!("{body}.{}", signature.chars().rev().collect::<String>()),
        "x".into(),
        String::new(),
    ] {
        refuses(&service, Some(&forged)).await;
    }
}

#[tokio::test]
async fn the_token_of_a_user_whom_nobody_knows_does_not_count() {
    let service = TestService::start().await;
    refuses(&service, Some(&service.token_for(&a_stranger()))).await;
}

#[tokio::test]
async fn a_token_does_not_outlive_its_user() {
    let (service, token) = with_ada().await;
    service.execute(r#"delete from "User""#).await;
    refuses(&service, Some(&token)).await;
}

#[tokio::test]
async fn the_token_of_a_disabled_user_counts_again_when_the_user_is_enabled() {
    let (service, token) = with_ada().await;
    service.execute(r#"update "User" set disabled = true"#).await;
    refuses(&service, Some(&token)).await;
    service.execute(r#"update "User" set disabled = false"#).await;
    service.validate(Some(&token)).await.unwrap();
}

#[tokio::test]
async fn a_token_does_not_outlive_its_role() {
    let (service, token) = with_ada().await;
    service.execute(r#"update "User" set role = 'USER'"#).await;
    refuses(&service, Some(&token)).await;
}

#[tokio::test]
async fn a_token_does_not_outlive_its_membership() {
    let (service, token) = with_ada().await;
    service
        .execute(
            r#"with moved_to as (
                insert into "Organization" (id, name, slug) values (gen_random_uuid(), 'Other', 'other')
                returning id
            )
            select 1 from moved_to"#,
        )
        .await;
    service
        .execute(
            r#"update "User" set "organizationId" = (select id from "Organization" where slug = 'other')"#,
        )
        .await;
    refuses(&service, Some(&token)).await;
}

#[tokio::test]
async fn a_genuine_token_with_a_higher_role_than_the_users_does_not_count() {
    let (service, token) = with_ada().await;
    service.execute(r#"update "User" set role = 'USER'"#).await;
    for role in [Role::Moderator, Role::Admin] {
        let token =
            service.token_for(&eventboard_chassis::token::Identity { role, ..service.identity(&token) });
        refuses(&service, Some(&token)).await;
    }
}

#[tokio::test]
async fn a_genuine_token_for_another_organization_does_not_count() {
    let (service, token) = with_ada().await;
    let mut identity = service.identity(&token);
    identity.organization_id = Uuid::now_v7();
    refuses(&service, Some(&service.token_for(&identity))).await;
}

#[tokio::test]
async fn a_token_expires() {
    let service = TestService::start_with(&[("JWT_EXPIRY", "1s")]).await;
    let session = service.signup(founding("ada@example.org", "Acme")).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    refuses(&service, Some(&session.access_token)).await;
}

async fn with_ada() -> (TestService, String) {
    let service = TestService::start().await;
    let session = service.signup(founding("ada@example.org", "Acme")).await.unwrap();
    (service, session.access_token)
}

async fn refuses(service: &TestService, token: Option<&str>) {
    assert_eq!(code(service.me(token).await), ErrorCode::Unauthenticated);
    assert_eq!(code(service.validate(token).await), ErrorCode::Unauthenticated);
}
