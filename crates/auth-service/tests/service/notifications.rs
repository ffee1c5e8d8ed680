//! Tests of the welcome mail and of the mails that users want.

use eventboard_chassis::{error::ErrorCode, unsubscribe_token::UnsubscribeSigner};
use eventboard_proto::auth::{
    DecisionMails, GetNotificationsRequest, SetNotificationsRequest, UnsubscribeRequest,
};
use uuid::Uuid;

use crate::support::{CallResult, TestService, code, create_organization, with_token};

async fn get(service: &TestService, token: &str) -> CallResult<DecisionMails> {
    let request = with_token(GetNotificationsRequest {}, Some(token));
    Ok(service.client().get_notifications(request).await?.into_inner().decisions())
}

pub(crate) async fn set(
    service: &TestService,
    token: &str,
    decisions: DecisionMails,
) -> CallResult<DecisionMails> {
    let request = with_token(SetNotificationsRequest { decisions: decisions.into() }, Some(token));
    Ok(service.client().set_notifications(request).await?.into_inner().decisions())
}

async fn unsubscribe(service: &TestService, token: &str) -> CallResult<()> {
    service.client().unsubscribe(UnsubscribeRequest { token: token.to_owned() }).await?;
    Ok(())
}

#[tokio::test]
async fn a_signup_writes_a_welcome_and_a_refused_one_writes_nothing() {
    let service = TestService::start().await;
    let mut request = with_token(create_organization("ada@example.org", "Acme"), None);
    request.metadata_mut().insert("x-correlation-id", "from-the-gateway".parse().unwrap());
    let user = service.client().signup(request).await.unwrap().into_inner().user.unwrap();
    service.signup(create_organization("ADA@example.org", "Other")).await.unwrap_err();
    let mails = r#"select "recipientId", "organizationId", kind, "correlationId", state from "Outbox""#;
    let mails: Vec<(Uuid, Uuid, String, String, String)> =
        sqlx::query_as(mails).fetch_all(&mut service.connect().await).await.unwrap();
    let text = str::to_owned;
    let (user_id, organization_id) = (user.id.parse().unwrap(), user.organization_id.parse().unwrap());
    assert_eq!(mails, [(user_id, organization_id, text("WELCOME"), text("from-the-gateway"), text("DUE"))]);
}

#[tokio::test]
async fn mails_about_decisions_can_be_switched_off_and_on() {
    let service = TestService::start().await;
    let token = service.signup(create_organization("ada@example.org", "Acme")).await.unwrap().access_token;
    assert_eq!(get(&service, &token).await.unwrap(), DecisionMails::Immediate);
    for decisions in [DecisionMails::Off, DecisionMails::Off, DecisionMails::Immediate] {
        assert_eq!(set(&service, &token, decisions).await.unwrap(), decisions);
        assert_eq!(get(&service, &token).await.unwrap(), decisions);
    }
    assert_eq!(code(set(&service, &token, DecisionMails::Unspecified).await), ErrorCode::InvalidInput);
    service.execute(r#"update "User" set disabled = true"#).await;
    assert_eq!(code(get(&service, &token).await), ErrorCode::Unauthenticated);
    assert_eq!(code(set(&service, &token, DecisionMails::Off).await), ErrorCode::Unauthenticated);
    let off = r#"select count(*) from "User" where "decisionMails" = 'off'"#;
    assert_eq!(service.count(off).await, 0);
}

#[tokio::test]
async fn a_value_that_a_user_already_has_is_not_written_again() {
    let service = TestService::start().await;
    let session = service.signup(create_organization("ada@example.org", "Acme")).await.unwrap();
    let link =
        UnsubscribeSigner::new(&service.token).sign(session.user.unwrap().id.parse().unwrap()).unwrap();
    let version = async || -> String {
        let version = r#"select xmin::text from "User""#;
        sqlx::query_scalar(version).fetch_one(&mut service.connect().await).await.unwrap()
    };
    let before = version().await;
    set(&service, &session.access_token, DecisionMails::Immediate).await.unwrap();
    assert_eq!(version().await, before);
    unsubscribe(&service, &link).await.unwrap();
    let switched_off = version().await;
    assert_ne!(switched_off, before);
    unsubscribe(&service, &link).await.unwrap();
    set(&service, &session.access_token, DecisionMails::Off).await.unwrap();
    assert_eq!(version().await, switched_off);
}

#[tokio::test]
async fn the_link_in_a_mail_switches_off_only_the_mails_of_its_user() {
    let service = TestService::start().await;
    let ada = service.signup(create_organization("ada@example.org", "Acme")).await.unwrap();
    let bob = service.signup(create_organization("bob@example.org", "Other")).await.unwrap();
    let signer = UnsubscribeSigner::new(&service.token);
    let link = signer.sign(ada.user.unwrap().id.parse().unwrap()).unwrap();
    for _ in 0..2 {
        unsubscribe(&service, &link).await.unwrap();
        assert_eq!(get(&service, &ada.access_token).await.unwrap(), DecisionMails::Off);
        assert_eq!(get(&service, &bob.access_token).await.unwrap(), DecisionMails::Immediate);
    }
}

#[tokio::test]
async fn a_forged_or_unknown_link_is_invalid_input() {
    let service = TestService::start().await;
    let user = service.signup(create_organization("ada@example.org", "Acme")).await.unwrap().user.unwrap();
    let unknown = UnsubscribeSigner::new(&service.token).sign(Uuid::now_v7()).unwrap();
    for token in ["", "x", &user.id, &format!("{}.x", user.id), &unknown] {
        let error = unsubscribe(&service, token).await.unwrap_err();
        let fields: Vec<_> = error.violations().iter().map(|violation| violation.field.clone()).collect();
        assert_eq!(fields, ["token"], "{token}");
    }
}
