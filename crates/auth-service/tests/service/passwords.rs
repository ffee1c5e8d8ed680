//! Changes of passwords.

use eventboard_chassis::error::ErrorCode;
use eventboard_proto::auth::{ChangePasswordRequest, SessionReply};
use uuid::Uuid;

use crate::support::{CallResult, PASSWORD, TestService, code, create_organization, with_token};

const EMAIL: &str = "ada@example.org";
const NEW: &str = "Seven-blue-kettles-9";

impl TestService {
    pub(crate) async fn change_password(&self, token: &str, current: &str, new: &str) -> CallResult<()> {
        let request = ChangePasswordRequest { current_password: current.into(), new_password: new.into() };
        self.client().change_password(with_token(request, Some(token))).await?;
        Ok(())
    }
}

async fn with_ada(variables: &[(&str, &str)]) -> (TestService, SessionReply) {
    let service = TestService::start_with(variables).await;
    let session = service.signup(create_organization(EMAIL, "Acme")).await.unwrap();
    (service, session)
}

/// The violations of a refused change.
fn violations(result: CallResult<()>) -> String {
    let refusal = result.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::InvalidInput);
    refusal.violations().to_string()
}

#[tokio::test]
async fn a_change_ends_all_other_sessions_and_is_recorded_and_told_to_the_user() {
    let (service, other) = with_ada(&[]).await;
    let undated = service.token_for(&eventboard_chassis::token::Identity {
        session: eventboard_domain::TokenSession::UNDATED,
        ..service.identity(&other.access_token)
    });
    let own = service.login(EMAIL, PASSWORD).await.unwrap();
    service.change_password(&own.access_token, PASSWORD, NEW).await.unwrap();

    service.validate(Some(&own.access_token)).await.unwrap();
    for ended in [&other.access_token, &undated] {
        assert_eq!(code(service.validate(Some(ended)).await), ErrorCode::Unauthenticated);
    }
    assert_eq!(code(service.login(EMAIL, PASSWORD).await), ErrorCode::Unauthenticated);
    service.login(EMAIL, NEW).await.unwrap();
    let entries = r#"
        select action || coalesce(' ' || (details ->> 'reason'), '') from "AuditEntry" where id > (
            select max(id) from "AuditEntry" where action = 'LOGIN_SUCCEEDED' and "correlationId" <> (
                select "correlationId" from "AuditEntry" where action = 'LOGIN_SUCCEEDED' order by id desc limit 1
            )
        ) order by id
    "#;
    let entries: Vec<String> =
        sqlx::query_scalar(entries).fetch_all(&mut service.connect().await).await.unwrap();
    let expected = [
        "SESSION_REVOKED PASSWORD_CHANGED",
        "PASSWORD_CHANGED",
        "LOGIN_FAILED WRONG_PASSWORD",
        "LOGIN_SUCCEEDED",
    ];
    assert_eq!(entries, expected);
    let recipients = r#"select "recipientId" from "Outbox" where kind = 'PASSWORD_CHANGED'"#;
    let recipients: Vec<Uuid> =
        sqlx::query_scalar(recipients).fetch_all(&mut service.connect().await).await.unwrap();
    assert_eq!(recipients, [service.identity(&own.access_token).user_id]);
}

#[tokio::test]
async fn a_wrong_current_password_is_a_fault_of_its_field_and_counts() {
    let (service, ada) = with_ada(&[]).await;
    for _ in 0..10 {
        let refused = service.change_password(&ada.access_token, "Password124!", NEW).await;
        assert_eq!(violations(refused), "currentPassword is wrong");
    }
    let refused = service.change_password(&ada.access_token, PASSWORD, NEW).await;
    assert_eq!(code(refused), ErrorCode::Throttled);
    assert_eq!(code(service.login(EMAIL, PASSWORD).await), ErrorCode::Throttled, "the same counter");
    service.validate(Some(&ada.access_token)).await.unwrap();
    let changes = r#"select count(*) from "AuditEntry" where action = 'PASSWORD_CHANGED'"#;
    assert_eq!(service.count(changes).await, 0);
}

#[tokio::test]
async fn the_new_password_is_judged_as_at_signup_after_the_current_one() {
    let (service, ada) = with_ada(&[]).await;
    let strict = TestService::start_beside(&service, &[("PASSWORD_MIN_STRENGTH", "2")]).await;
    let change = async |current, new| strict.change_password(&ada.access_token, current, new).await;
    assert_eq!(
        violations(change("", "weak").await),
        "currentPassword is required; newPassword must be 8 to 100 characters long"
    );
    assert_eq!(
        violations(change(PASSWORD, PASSWORD).await),
        "newPassword must differ from the current password"
    );
    assert_eq!(violations(change("Password124!", "Lovelace1!").await), "currentPassword is wrong");
    for _ in 0..12 {
        let violations = violations(change(PASSWORD, "Lovelace1!").await);
        assert!(violations.starts_with("newPassword is too easy to guess"), "{violations}");
    }
    change(PASSWORD, NEW).await.unwrap();
}

#[tokio::test]
async fn only_a_valid_token_changes_a_password() {
    let (service, ada) = with_ada(&[]).await;
    let request = ChangePasswordRequest { current_password: PASSWORD.into(), new_password: NEW.into() };
    let anonymous = service.client().change_password(request).await.map_err(Into::into);
    assert_eq!(code(anonymous), ErrorCode::Unauthenticated);
    service.execute(r#"update "Session" set "revokedAt" = now()"#).await;
    let ended = service.change_password(&ada.access_token, PASSWORD, NEW).await;
    assert_eq!(code(ended), ErrorCode::Unauthenticated);
    service.login(EMAIL, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn of_two_changes_at_once_one_is_made() {
    let (service, ada) = with_ada(&[]).await;
    let other = service.login(EMAIL, PASSWORD).await.unwrap();
    let (first, second) = tokio::join!(
        service.change_password(&ada.access_token, PASSWORD, NEW),
        service.change_password(&other.access_token, PASSWORD, "Nine-green-lanterns-4"),
    );
    assert_eq!(i32::from(first.is_ok()) + i32::from(second.is_ok()), 1, "{first:?} {second:?}");
    let sessions = r#"select count(*) from "Session" where "revokedAt" is null"#;
    assert_eq!(service.count(sessions).await, 1);
}

#[tokio::test]
async fn a_login_with_the_password_of_before_opens_no_session_after_a_change() {
    let (service, ada) = with_ada(&[]).await;
    // Holds up logins between the check of the password and the session.
    let mut lock = service.connect().await;
    let mut transaction = sqlx::Connection::begin(&mut lock).await.unwrap();
    sqlx::query(r#"select from "User" for update"#).execute(&mut *transaction).await.unwrap();
    let login = async { service.login(EMAIL, PASSWORD).await };
    let change = async {
        let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%\"Session\"%'";
        while service.count(waiting).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let changed = r#"update "User" set "passwordVersion" = "passwordVersion" + 1"#;
        sqlx::query(changed).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    };
    let (login, ()) = tokio::join!(login, change);
    assert_eq!(code(login), ErrorCode::Unauthenticated);
    service.validate(Some(&ada.access_token)).await.unwrap();
}
