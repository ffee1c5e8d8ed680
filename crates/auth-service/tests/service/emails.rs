//! Verification and changes of e-mail addresses.

use eventboard_chassis::{
    error::ErrorCode,
    link_token::{LinkSeed, LinkSigner},
};
use eventboard_proto::auth::{
    ChangeEmailRequest, ResendVerificationRequest, SessionReply, User, VerifyEmailRequest,
    WithdrawEmailChangeRequest,
};
use futures::future::join_all;
use uuid::Uuid;

use crate::support::{CallResult, PASSWORD, TestService, code, create_organization, with_token};

const EMAIL: &str = "ada@example.org";
const NEW: &str = "ada.lovelace@example.org";
const SEED: LinkSeed = [7; 32];

impl TestService {
    pub(crate) async fn verify_email(&self, token: &str) -> CallResult<()> {
        self.client().verify_email(VerifyEmailRequest { token: token.into() }).await?;
        Ok(())
    }

    pub(crate) async fn change_email(&self, token: &str, new_email: &str, password: &str) -> CallResult<()> {
        let request = ChangeEmailRequest { new_email: new_email.into(), password: password.into() };
        self.client().change_email(with_token(request, Some(token))).await?;
        Ok(())
    }

    async fn withdraw_email_change(&self, token: &str) -> CallResult<()> {
        self.client().withdraw_email_change(with_token(WithdrawEmailChangeRequest {}, Some(token))).await?;
        Ok(())
    }

    async fn resend_verification(&self, token: &str) -> CallResult<()> {
        self.client().resend_verification(with_token(ResendVerificationRequest {}, Some(token))).await?;
        Ok(())
    }

    async fn user(&self, token: &str) -> User {
        self.me(Some(token)).await.unwrap().user.unwrap()
    }

    /// The token of the link that the signup has made.
    async fn welcome_link(&self) -> String {
        let link = r#"select id, seed from "AccountLink" where kind = 'VERIFY_EMAIL' order by id limit 1"#;
        let (id, seed): (Uuid, Vec<u8>) =
            sqlx::query_as(link).fetch_one(&mut self.connect().await).await.unwrap();
        LinkSigner::new(&self.token).sign(id, &seed.try_into().unwrap()).unwrap()
    }

    /// Makes the link for the address that a user wants, as notification-service does, and returns its token.
    pub(crate) async fn confirmation_link(&self, new_email: &str) -> String {
        let link_id = Uuid::now_v7();
        let insert = r#"
            insert into "AccountLink" (id, "userId", kind, email, seed, "expiresAt")
            select $1, id, 'CHANGE_EMAIL', $2, $3, now() + interval '1 day' from "User" where "pendingEmail" = $2
        "#;
        let insert = sqlx::query(insert).bind(link_id).bind(new_email).bind(&SEED[..]);
        assert_eq!(insert.execute(&mut self.connect().await).await.unwrap().rows_affected(), 1);
        LinkSigner::new(&self.token).sign(link_id, &SEED).unwrap()
    }

    /// The mails in the outbox that wait, except for the welcome: each with where it goes.
    async fn mails(&self) -> Vec<String> {
        let mails = r#"
            select kind || coalesce(' ' || "toEmail", '') from "Outbox" where kind <> 'WELCOME' order by id
        "#;
        sqlx::query_scalar(mails).fetch_all(&mut self.connect().await).await.unwrap()
    }

    async fn recorded(&self, action: &'static str) -> i64 {
        let entries = r#"select count(*) from "AuditEntry" where action = $1"#;
        sqlx::query_scalar(entries).bind(action).fetch_one(&mut self.connect().await).await.unwrap()
    }
}

async fn with_ada() -> (TestService, SessionReply) {
    let service = TestService::start().await;
    let session = service.signup(create_organization(EMAIL, "Acme")).await.unwrap();
    (service, session)
}

fn violations(result: CallResult<()>) -> String {
    let refusal = result.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::InvalidInput);
    refusal.violations().to_string()
}

fn assert_invalid_link(result: CallResult<()>) {
    assert_eq!(violations(result), "token is unknown, was used already, or has expired");
}

#[tokio::test]
async fn the_link_of_the_welcome_mail_verifies_the_address_once() {
    let (service, ada) = with_ada().await;
    assert_eq!(ada.user.unwrap().email_verified_at, None);
    let link = service.welcome_link().await;
    service.verify_email(&link).await.unwrap();
    assert!(service.user(&ada.access_token).await.email_verified_at.is_some());
    assert_invalid_link(service.verify_email(&link).await);
    assert_eq!(service.recorded("EMAIL_VERIFIED").await, 1);
}

#[tokio::test]
async fn a_forged_or_expired_link_of_another_kind_or_address_is_refused_with_the_same_words() {
    let (service, ada) = with_ada().await;
    let link = service.welcome_link().await;
    for bad in ["", "x", &link[..36], &format!("{}{}", Uuid::now_v7(), &link[36..])] {
        assert_invalid_link(service.verify_email(bad).await);
    }
    for (statement, undo) in [
        (r#"update "User" set disabled = true"#, r#"update "User" set disabled = false"#),
        (r#"update "User" set email = 'b@c.de'"#, r#"update "User" set email = 'ada@example.org'"#),
        (
            r#"update "AccountLink" set kind = 'RESET_PASSWORD', email = null"#,
            r#"update "AccountLink" set kind = 'VERIFY_EMAIL', email = 'ada@example.org'"#,
        ),
        (
            r#"update "AccountLink" set "expiresAt" = now()"#,
            r#"update "AccountLink" set "expiresAt" = now() + interval '1 day'"#,
        ),
    ] {
        service.execute(statement).await;
        assert_invalid_link(service.verify_email(&link).await);
        service.execute(undo).await;
    }
    assert_eq!(service.user(&ada.access_token).await.email_verified_at, None);
    service.verify_email(&link).await.unwrap();
}

#[tokio::test]
async fn a_link_that_verifies_an_address_resets_no_password() {
    let (service, ada) = with_ada().await;
    service.change_email(&ada.access_token, NEW, PASSWORD).await.unwrap();
    for link in [service.welcome_link().await, service.confirmation_link(NEW).await] {
        assert_invalid_link(service.reset_password(&link, "Seven-blue-kettles-9").await);
        service.verify_email(&link).await.expect("the link was not used");
    }
    service.login(NEW, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn another_link_can_be_asked_for_by_a_current_caller() {
    let (service, ada) = with_ada().await;
    service.resend_verification(&ada.access_token).await.unwrap();
    assert_eq!(service.mails().await, ["VERIFY_EMAIL"]);
    service.execute(r#"update "Session" set "revokedAt" = now()"#).await;
    assert_eq!(code(service.resend_verification(&ada.access_token).await), ErrorCode::Unauthenticated);
    assert_eq!(service.mails().await.len(), 1);
}

#[tokio::test]
async fn a_confirmed_address_is_that_of_the_account() {
    let (service, ada) = with_ada().await;
    let welcome = service.welcome_link().await;
    service.change_email(&ada.access_token, NEW, PASSWORD).await.unwrap();
    let before = service.user(&ada.access_token).await;
    assert_eq!((&*before.email, before.pending_email.as_deref()), (EMAIL, Some(NEW)));
    let link = service.confirmation_link(NEW).await;
    service.verify_email(&link).await.unwrap();

    let user = service.user(&ada.access_token).await;
    assert_eq!((&*user.email, &user.pending_email), (NEW, &None));
    assert!(user.email_verified_at.is_some());
    service.login(NEW, PASSWORD).await.unwrap();
    assert_eq!(code(service.login(EMAIL, PASSWORD).await), ErrorCode::Unauthenticated);
    for used_or_withdrawn in [&link, &welcome] {
        assert_invalid_link(service.verify_email(used_or_withdrawn).await);
    }
    assert_eq!(
        service.mails().await,
        [
            format!("CONFIRM_EMAIL {NEW}"),
            format!("EMAIL_CHANGE_REQUESTED {EMAIL}"),
            format!("EMAIL_CHANGED {EMAIL}")
        ]
    );
    for action in ["EMAIL_CHANGE_REQUESTED", "EMAIL_CHANGED"] {
        assert_eq!(service.recorded(action).await, 1, "{action}");
    }
    service.signup(create_organization(EMAIL, "Another")).await.expect("the former address is free");
}

#[tokio::test]
async fn a_taken_address_gets_the_same_answer_and_is_never_given_away() {
    let (service, ada) = with_ada().await;
    service.signup(create_organization(NEW, "Another")).await.unwrap();
    service.change_email(&ada.access_token, "Ada.Lovelace@Example.org", PASSWORD).await.unwrap();
    let link = service.confirmation_link("Ada.Lovelace@Example.org").await;
    assert_invalid_link(service.verify_email(&link).await);
    assert_eq!(service.user(&ada.access_token).await.email, EMAIL);
    service.execute(r#"delete from "User" where email = 'ada.lovelace@example.org'"#).await;
    service.verify_email(&link).await.expect("the address is free, and the link was not used");
}

#[tokio::test]
async fn a_request_needs_the_password_and_another_address() {
    let (service, ada) = with_ada().await;
    let change =
        async |email: &str, password: &str| service.change_email(&ada.access_token, email, password).await;
    assert_eq!(
        violations(change("no address", "").await),
        "newEmail must be a valid e-mail address; password is required"
    );
    assert_eq!(violations(change(EMAIL, PASSWORD).await), "newEmail is the address of your account already");
    for _ in 0..10 {
        assert_eq!(violations(change(NEW, "Wrong-password-1").await), "password is wrong");
    }
    assert_eq!(code(change(NEW, PASSWORD).await), ErrorCode::Throttled);
    assert!(service.mails().await.is_empty());
    assert_eq!(service.user(&ada.access_token).await.pending_email, None);
}

#[tokio::test]
async fn a_withdrawn_replaced_or_old_request_cannot_be_confirmed() {
    let (service, ada) = with_ada().await;
    let token = &ada.access_token;
    service.change_email(token, NEW, PASSWORD).await.unwrap();
    let withdrawn = service.confirmation_link(NEW).await;
    for _ in 0..2 {
        service.withdraw_email_change(token).await.unwrap();
    }
    service.change_email(token, NEW, PASSWORD).await.unwrap();
    let replaced = service.confirmation_link(NEW).await;
    service.change_email(token, "third@example.org", PASSWORD).await.unwrap();
    let third = service.confirmation_link("third@example.org").await;
    service.execute(r#"update "User" set "pendingEmailExpiresAt" = now()"#).await;
    service
        .execute(r#"update "AccountLink" set "expiresAt" = now() where email = 'third@example.org'"#)
        .await;
    for link in [&withdrawn, &replaced, &third] {
        assert_invalid_link(service.verify_email(link).await);
    }
    let user = service.user(token).await;
    assert_eq!((&*user.email, user.pending_email), (EMAIL, None));
}

#[tokio::test]
async fn a_change_of_the_password_withdraws_the_request_and_all_links() {
    let (service, ada) = with_ada().await;
    service.change_email(&ada.access_token, NEW, PASSWORD).await.unwrap();
    let links = [service.welcome_link().await, service.confirmation_link(NEW).await];
    service.change_password(&ada.access_token, PASSWORD, "Seven-blue-kettles-9").await.unwrap();
    for link in &links {
        assert_invalid_link(service.verify_email(link).await);
    }
    assert_eq!(service.user(&ada.access_token).await.pending_email, None);
}

#[tokio::test]
async fn of_two_confirmations_and_a_change_of_the_password_at_once_the_link_works_at_most_once() {
    let (service, ada) = with_ada().await;
    let beside = TestService::start_beside(&service, &[]).await;
    let mut password = PASSWORD.to_owned();
    for round in 0..10 {
        let new_email = format!("ada{round}@example.org");
        service.change_email(&ada.access_token, &new_email, &password).await.unwrap();
        let link = service.confirmation_link(&new_email).await;
        let new_password = format!("Seven-blue-kettles-{round}");
        let (confirmed, changed) = tokio::join!(
            join_all([service.verify_email(&link), beside.verify_email(&link)]),
            beside.change_password(&ada.access_token, &password, &new_password),
        );
        changed.unwrap();
        password = new_password;
        let confirmed = confirmed.iter().filter(|result| result.is_ok()).count();
        let user = service.user(&ada.access_token).await;
        assert!(confirmed <= 1);
        assert_eq!((user.email == new_email, user.pending_email), (confirmed == 1, None));
    }
}

#[tokio::test]
async fn somebody_elses_mailbox_is_not_filled_with_notices() {
    let (service, ada) = with_ada().await;
    for round in 0..5 {
        let new_email = format!("new{round}@example.org");
        service.change_email(&ada.access_token, &new_email, PASSWORD).await.unwrap();
    }
    let notices = async || service.mails().await.iter().filter(|mail| mail.contains("REQUESTED")).count();
    assert_eq!(notices().await, 3, "the address is not verified");
    service.verify_email(&service.welcome_link().await).await.unwrap();
    service.change_email(&ada.access_token, NEW, PASSWORD).await.unwrap();
    assert_eq!(notices().await, 4, "a notice to the owner is never suppressed");
}
