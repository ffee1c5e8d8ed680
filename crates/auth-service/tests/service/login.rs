//! Tests of successful and failed logins.

use eventboard_chassis::error::{ErrorCode, ServiceError};

use crate::support::{PASSWORD, TestService, create_organization};

const REFUSAL: &str = "The e-mail address or the password is wrong.";

#[tokio::test]
async fn a_login_ignores_the_case_of_the_email_address() {
    let service = with_ada().await;
    for email in ["ada@example.org", "ADA@EXAMPLE.ORG", "  Ada@example.org "] {
        let session = service.login(email, PASSWORD).await.unwrap();
        assert_eq!(session.user.unwrap().email, "ada@example.org");
        service.validate(Some(&session.access_token)).await.unwrap();
    }
}

#[tokio::test]
async fn all_spellings_of_an_address_are_one_account_with_one_counter() {
    let service = TestService::start().await;
    service.signup(create_organization("Größe@Bücher.example", "Acme")).await.unwrap();
    let spellings = ["GRÖSSE@bücher.example", "gro\u{308}ße@xn--bcher-kva.example", "größe@BÜCHER。example"];
    for email in spellings {
        let session = service.login(email, PASSWORD).await.unwrap();
        assert_eq!(session.user.unwrap().email, "Größe@Bücher.example");
    }
    for email in &spellings[..2] {
        let again = service.signup(create_organization(email, "Another")).await;
        assert_eq!(again.unwrap_err().code(), ErrorCode::AlreadyExists, "{email}");
    }
    for guess in 0..10 {
        let refused = service.login(spellings[guess % 3], "Wrong-password-1").await;
        assert_eq!(refused.unwrap_err().code(), ErrorCode::Unauthenticated);
    }
    for email in spellings {
        assert_eq!(service.login(email, PASSWORD).await.unwrap_err().code(), ErrorCode::Throttled);
    }
}

#[tokio::test]
async fn the_token_of_a_login_contains_user_organization_and_role() {
    let service = with_ada().await;
    let session = service.login("ada@example.org", PASSWORD).await.unwrap();
    let (identity, user) = (service.identity(&session.access_token), session.user.unwrap());
    assert_eq!(identity.user_id.to_string(), user.id);
    assert_eq!(identity.organization_id.to_string(), user.organization_id);
    assert_eq!(identity.role.as_str(), "ADMIN");
}

#[tokio::test]
async fn an_unknown_user_a_disabled_user_and_a_wrong_password_get_the_same_refusal() {
    let service = with_ada().await;
    let wrong = service.login("ada@example.org", "Password124!").await.unwrap_err();
    let unknown = service.login("bob@example.org", PASSWORD).await.unwrap_err();
    service.execute(r#"update "User" set disabled = true"#).await;
    let disabled = service.login("ada@example.org", PASSWORD).await.unwrap_err();
    for refusal in [wrong, unknown, disabled] {
        assert_eq!(code_and_message(&refusal), (ErrorCode::Unauthenticated, REFUSAL));
    }
}

#[tokio::test]
async fn a_user_who_is_enabled_again_can_log_in() {
    let service = with_ada().await;
    service.execute(r#"update "User" set disabled = true"#).await;
    assert!(service.login("ada@example.org", PASSWORD).await.is_err());
    service.execute(r#"update "User" set disabled = false"#).await;
    assert!(service.login("ada@example.org", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_password_is_not_trimmed() {
    let service = with_ada().await;
    let refusal = service.login("ada@example.org", &format!(" {PASSWORD}")).await.unwrap_err();
    assert_eq!(code_and_message(&refusal), (ErrorCode::Unauthenticated, REFUSAL));
}

#[tokio::test]
async fn missing_fields_are_reported_together_and_no_other_rule_is_checked() {
    let service = TestService::start().await;
    let refusal = service.login(" ", "").await.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::InvalidInput);
    assert_eq!(refusal.violations().to_string(), "email is required; password is required");
    // Signup would accept neither this address nor this password, but the response must not say so.
    let refusal = service.login("ada", "password").await.unwrap_err();
    assert_eq!(code_and_message(&refusal), (ErrorCode::Unauthenticated, REFUSAL));
}

#[tokio::test]
async fn an_address_that_contains_sql_is_an_unknown_address() {
    let service = with_ada().await;
    let refusal = service.login("' or '1'='1", PASSWORD).await.unwrap_err();
    assert_eq!(code_and_message(&refusal), (ErrorCode::Unauthenticated, REFUSAL));
}

async fn with_ada() -> TestService {
    let service = TestService::start().await;
    service.signup(create_organization("ada@example.org", "Acme")).await.unwrap();
    service
}

fn code_and_message(refusal: &ServiceError) -> (ErrorCode, &str) {
    (refusal.code(), refusal.message())
}
