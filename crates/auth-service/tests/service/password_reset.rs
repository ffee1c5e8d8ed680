//! Resets of passwords.

use eventboard_chassis::{
    error::ErrorCode,
    link_token::{LinkSeed, LinkSigner},
    token::TokenConfig,
};
use eventboard_proto::auth::{ForgetPasswordRequest, ResetPasswordRequest, SessionReply};
use futures::future::join_all;
use uuid::Uuid;

use crate::support::{CallResult, PASSWORD, TestService, code, create_organization};

const EMAIL: &str = "ada@example.org";
const NEW: &str = "Seven-blue-kettles-9";
const SEED: LinkSeed = [7; 32];

impl TestService {
    async fn forget_password(&self, email: &str) -> CallResult<()> {
        self.client().forget_password(ForgetPasswordRequest { email: email.into() }).await?;
        Ok(())
    }

    pub(crate) async fn reset_password(&self, token: &str, new: &str) -> CallResult<()> {
        let request = ResetPasswordRequest { token: token.into(), new_password: new.into() };
        self.client().reset_password(request).await?;
        Ok(())
    }

    /// Makes a link of the first user, as notification-service does, and returns its token.
    pub(crate) async fn make_link(&self) -> String {
        let link_id = Uuid::now_v7();
        let insert = r#"
            insert into "AccountLink" (id, "userId", kind, seed, "expiresAt")
            select $1, id, 'RESET_PASSWORD', $2, now() + interval '1 hour' from "User" where email = $3
        "#;
        let insert = sqlx::query(insert).bind(link_id).bind(&SEED[..]).bind(EMAIL);
        insert.execute(&mut self.connect().await).await.unwrap();
        LinkSigner::new(&self.token).sign(link_id, &SEED).unwrap()
    }
}

async fn with_ada(variables: &[(&str, &str)]) -> (TestService, SessionReply) {
    let service = TestService::start_with(variables).await;
    let session = service.signup(create_organization(EMAIL, "Acme")).await.unwrap();
    (service, session)
}

fn assert_invalid_link(result: CallResult<()>) {
    let refusal = result.unwrap_err();
    let expected = "token is unknown, was used already, or has expired";
    assert_eq!(
        (refusal.code(), refusal.violations().to_string()),
        (ErrorCode::InvalidInput, expected.into())
    );
}

#[tokio::test]
async fn forgetting_writes_what_was_typed_whether_or_not_there_is_an_account() {
    let (service, _) = with_ada(&[]).await;
    for typed in [EMAIL, "nobody@example.org"] {
        service.forget_password(&format!(" {typed} ")).await.unwrap();
    }
    let rows = r#"
        select "typedEmail" || ' ' || state || coalesce("recipientId"::text, '') || ' ' || "clientAddress" from "Outbox"
        where kind = 'PASSWORD_RESET' order by id
    "#;
    let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&mut service.connect().await).await.unwrap();
    assert_eq!(rows, ["ada@example.org DUE 127.0.0.0/24", "nobody@example.org DUE 127.0.0.0/24"]);
    assert_eq!(code(service.forget_password(" ").await), ErrorCode::InvalidInput);
}

#[tokio::test]
async fn a_reset_sets_the_password_ends_all_sessions_and_works_once() {
    let (service, first) = with_ada(&[]).await;
    let second = service.login(EMAIL, PASSWORD).await.unwrap();
    let (link, other_link) = (service.make_link().await, service.make_link().await);
    service.reset_password(&link, NEW).await.unwrap();
    for ended in [&first, &second] {
        assert_eq!(code(service.validate(Some(&ended.access_token)).await), ErrorCode::Unauthenticated);
    }
    assert_eq!(code(service.login(EMAIL, PASSWORD).await), ErrorCode::Unauthenticated);
    service.login(EMAIL, NEW).await.unwrap();
    for used_or_withdrawn in [&link, &other_link] {
        assert_invalid_link(service.reset_password(used_or_withdrawn, "Eight-red-kettles-8").await);
    }
    service.login(EMAIL, NEW).await.unwrap();
    let recorded = r#"select count(*) from "AuditEntry" where action = 'PASSWORD_RESET'"#;
    let mails = r#"select count(*) from "Outbox" where kind = 'PASSWORD_CHANGED'"#;
    assert_eq!((service.count(recorded).await, service.count(mails).await), (1, 1));
}

#[tokio::test]
async fn of_two_resets_with_one_link_at_once_one_succeeds() {
    let (service, _) = with_ada(&[("PASSWORD_HASH_CONCURRENCY", "2")]).await;
    for round in 0..10 {
        let link = service.make_link().await;
        let passwords = [format!("Seven-blue-kettles-{round}"), format!("Eight-red-kettles-{round}")];
        let results = join_all(passwords.iter().map(|new| service.reset_password(&link, new))).await;
        let succeeded: Vec<_> = results.iter().map(Result::is_ok).collect();
        assert!(succeeded == [true, false] || succeeded == [false, true], "{results:?}");
        let set = if succeeded[0] { &passwords[0] } else { &passwords[1] };
        service.login(EMAIL, set).await.unwrap();
    }
}

#[tokio::test]
async fn a_forged_expired_or_disabled_link_is_refused_with_the_same_words() {
    let (service, _) = with_ada(&[]).await;
    let link = service.make_link().await;
    let (id, signature) = link.split_once('.').unwrap();
    let other_secret =
        TokenConfig { secret: "another secret, which is long enough".into(), ..service.token.clone() };
    let forged = LinkSigner::new(&other_secret).sign(id.parse().unwrap(), &SEED).unwrap();
    let other_seed = LinkSigner::new(&service.token).sign(id.parse().unwrap(), &[8; 32]).unwrap();
    let unknown = format!("{}.{signature}", Uuid::now_v7());
    for bad in ["", "x", id, &forged, &other_seed, &unknown] {
        assert_invalid_link(service.reset_password(bad, NEW).await);
    }
    for statement in [
        r#"update "User" set disabled = true"#,
        r#"update "User" set disabled = false"#,
        r#"update "AccountLink" set "expiresAt" = now()"#,
    ] {
        service.execute(statement).await;
        if !statement.contains("false") {
            assert_invalid_link(service.reset_password(&link, NEW).await);
        }
    }
    service.login(EMAIL, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_password_that_is_refused_does_not_use_the_link_up() {
    let (service, _) = with_ada(&[]).await;
    let service = TestService::start_beside(&service, &[("PASSWORD_MIN_STRENGTH", "2")]).await;
    let link = service.make_link().await;
    for bad in ["short", "Password123!"] {
        let refusal = service.reset_password(&link, bad).await.unwrap_err();
        assert!(refusal.violations().to_string().starts_with("newPassword "), "{refusal}");
    }
    service.reset_password(&link, NEW).await.unwrap();
}

#[tokio::test]
async fn a_change_of_the_password_withdraws_open_links() {
    let (service, session) = with_ada(&[]).await;
    let link = service.make_link().await;
    service.change_password(&session.access_token, PASSWORD, NEW).await.unwrap();
    assert_invalid_link(service.reset_password(&link, "Eight-red-kettles-8").await);
}

#[tokio::test]
async fn a_reset_verifies_the_address_that_the_link_was_sent_to() {
    let (service, _) = with_ada(&[]).await;
    let verified = r#"select count(*) from "User" where "emailVerifiedAt" is not null"#;
    assert_eq!(service.count(verified).await, 0);
    let link = service.make_link().await;
    service.reset_password(&link, NEW).await.unwrap();
    assert_eq!(service.count(verified).await, 1);
}

#[tokio::test]
async fn resets_and_guesses_do_not_wait_for_each_other_in_a_circle() {
    let (service, _) = with_ada(&[("PASSWORD_HASH_CONCURRENCY", "2")]).await;
    for round in 0..10 {
        let link = service.make_link().await;
        let new = format!("Seven-blue-kettles-{round}");
        let guesses = join_all((0..8).map(|_| service.login(EMAIL, "Wrong-password-1")));
        let (reset, guesses) = tokio::join!(service.reset_password(&link, &new), guesses);
        reset.unwrap();
        for guess in guesses {
            assert!(matches!(code(guess), ErrorCode::Unauthenticated | ErrorCode::Throttled));
        }
    }
}

#[tokio::test]
async fn a_reset_opens_an_account_that_was_locked_by_guesses() {
    let (service, _) = with_ada(&[]).await;
    for _ in 0..10 {
        assert_eq!(code(service.login(EMAIL, "Wrong-password-1").await), ErrorCode::Unauthenticated);
    }
    assert_eq!(code(service.login(EMAIL, PASSWORD).await), ErrorCode::Throttled);
    let link = service.make_link().await;
    service.reset_password(&link, NEW).await.unwrap();
    service.login(EMAIL, NEW).await.unwrap();
}
