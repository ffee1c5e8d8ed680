//! Tests of token validation. `GetMe` and `ValidateUser` must give the same results.

use eventboard_chassis::{error::ErrorCode, token::TokenConfig};
use eventboard_domain::Role;
use eventboard_proto::auth;
use uuid::Uuid;

use crate::support::{TestService, code, create_organization, issue, unknown_identity};

#[tokio::test]
async fn a_token_that_matches_its_user_is_accepted() {
    let (service, token) = with_ada().await;
    let me = service.me(Some(&token)).await.unwrap();
    assert_eq!(me.user.unwrap().role(), auth::Role::Admin);
    service.validate(Some(&token)).await.unwrap();
}

#[tokio::test]
async fn a_missing_token_is_rejected() {
    let service = TestService::start().await;
    assert_rejected(&service, None).await;
}

#[tokio::test]
async fn a_forged_token_is_rejected() {
    let (service, token) = with_ada().await;
    let identity = service.identity(&token);
    let other_secret = TokenConfig { secret: "the secret of another system".into(), ..service.token.clone() };
    let other_issuer = TokenConfig { issuer: "another issuer".into(), ..service.token.clone() };
    let (body, signature) = token.rsplit_once('.').unwrap();
    for forged in [
        issue(&other_secret, &identity),
        issue(&other_issuer, &identity),
        format!("{body}."),
        format!("{body}.{}", signature.chars().rev().collect::<String>()),
        "x".into(),
        String::new(),
    ] {
        assert_rejected(&service, Some(&forged)).await;
    }
}

#[tokio::test]
async fn the_token_of_an_unknown_user_is_rejected() {
    let service = TestService::start().await;
    assert_rejected(&service, Some(&service.token_for(&unknown_identity()))).await;
}

#[tokio::test]
async fn a_token_is_rejected_after_its_user_is_deleted() {
    let (service, token) = with_ada().await;
    service.execute(r#"delete from "User""#).await;
    assert_rejected(&service, Some(&token)).await;
}

#[tokio::test]
async fn a_token_is_rejected_only_while_its_user_is_disabled() {
    let (service, token) = with_ada().await;
    service.execute(r#"update "User" set disabled = true"#).await;
    assert_rejected(&service, Some(&token)).await;
    service.execute(r#"update "User" set disabled = false"#).await;
    service.validate(Some(&token)).await.unwrap();
}

#[tokio::test]
async fn a_token_is_rejected_after_the_role_of_its_user_changes() {
    let (service, token) = with_ada().await;
    service.execute(r#"update "User" set role = 'USER'"#).await;
    assert_rejected(&service, Some(&token)).await;
}

#[tokio::test]
async fn a_token_is_rejected_after_its_user_moves_to_another_organization() {
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
    assert_rejected(&service, Some(&token)).await;
}

#[tokio::test]
async fn a_genuine_token_with_a_higher_role_than_its_user_is_rejected() {
    let (service, token) = with_ada().await;
    service.execute(r#"update "User" set role = 'USER'"#).await;
    for role in [Role::Moderator, Role::Admin] {
        let token =
            service.token_for(&eventboard_chassis::token::Identity { role, ..service.identity(&token) });
        assert_rejected(&service, Some(&token)).await;
    }
}

#[tokio::test]
async fn a_genuine_token_for_another_organization_is_rejected() {
    let (service, token) = with_ada().await;
    let mut identity = service.identity(&token);
    identity.organization_id = Uuid::now_v7();
    assert_rejected(&service, Some(&service.token_for(&identity))).await;
}

#[tokio::test]
async fn an_expired_token_is_rejected() {
    let service = TestService::start_with(&[("JWT_EXPIRY", "1s")]).await;
    let session = service.signup(create_organization("ada@example.org", "Acme")).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    assert_rejected(&service, Some(&session.access_token)).await;
}

async fn with_ada() -> (TestService, String) {
    let service = TestService::start().await;
    let session = service.signup(create_organization("ada@example.org", "Acme")).await.unwrap();
    (service, session.access_token)
}

async fn assert_rejected(service: &TestService, token: Option<&str>) {
    assert_eq!(code(service.me(token).await), ErrorCode::Unauthenticated);
    assert_eq!(code(service.validate(token).await), ErrorCode::Unauthenticated);
}

#[tokio::test]
async fn a_genuine_token_with_the_session_of_another_user_is_rejected() {
    let service = TestService::start().await;
    let ada = service.signup(create_organization("ada@example.org", "Acme")).await.unwrap();
    let eve = service.signup(create_organization("eve@example.org", "Evil")).await.unwrap();
    let [ada, eve] = [ada, eve].map(|session| service.identity(&session.access_token));
    let mixed =
        service.token_for(&eventboard_chassis::token::Identity { session: eve.session, ..ada.clone() });
    assert_eq!(code(service.validate(Some(&mixed)).await), ErrorCode::Unauthenticated);
    service.validate(Some(&service.token_for(&ada))).await.unwrap();
}
