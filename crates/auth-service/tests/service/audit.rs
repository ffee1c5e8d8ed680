//! Tests of what the audit records, and of its list.

use std::time::Duration;

use eventboard_chassis::{
    client_address::{CLIENT_ADDRESS, CLIENT_DESCRIPTION, ClientSigner, SignedClient},
    error::{ErrorCode, ServiceError},
};
use eventboard_proto::auth::{
    AuditAction, AuditEntry, AuditTargetType, ListAuditReply, ListAuditRequest, LoginRequest, SessionReply,
};
use eventboard_testing::TestDatabase;
use prost_types::Timestamp;
use sqlx::{Connection, Executor, PgConnection};
use tonic::Request;
use uuid::Uuid;

use crate::support::{
    CallResult, PASSWORD, TestService, code, create_organization, join_organization, with_token,
};

const EMAIL: &str = "ada@example.org";

#[tokio::test]
async fn a_signup_and_a_login_are_recorded_with_their_origin() {
    let (service, admin) = with_admin().await;
    let signer = ClientSigner::new(&service.token.secret);
    let signed = signer.sign("203.0.113.7".parse().unwrap(), Some(&"curl/8.5.0".parse().unwrap()));
    let SignedClient { address, description } = signed.unwrap();
    let mut request =
        Request::new(LoginRequest { email: EMAIL.into(), password: PASSWORD.into(), browser: false });
    let headers = request.metadata_mut().as_mut();
    headers.insert(CLIENT_ADDRESS, address);
    headers.insert(CLIENT_DESCRIPTION, description.unwrap());
    headers.insert("x-correlation-id", "login-1".parse().unwrap());
    service.client().login(request).await.unwrap();

    let [login, signup] = entries(&service, &admin).await.try_into().unwrap();
    let id = admin.user.as_ref().unwrap().id.clone();
    for (entry, action) in [(&login, AuditAction::LoginSucceeded), (&signup, AuditAction::SignedUp)] {
        assert_eq!((entry.action(), entry.actor_id.as_ref()), (action, Some(&id)));
        let target = entry.target.as_ref().unwrap();
        assert_eq!((target.r#type(), &target.id), (AuditTargetType::User, &id));
    }
    assert_eq!(login.address.as_deref(), Some("203.0.113.0/24"));
    assert_eq!(login.client.as_deref(), Some("curl/8.5.0"));
    assert_eq!(login.correlation_id.as_deref(), Some("login-1"));
    assert_eq!(login.details, "{}");
    assert_eq!(signup.address.as_deref(), Some("127.0.0.0/24"));
    assert_eq!(signup.details, r#"{"role": "ADMIN", "createdOrganization": true}"#);
}

#[tokio::test]
async fn a_failed_login_is_recorded_only_for_an_existing_account() {
    let (service, admin) = with_admin().await;
    service.login(EMAIL, "Password124!").await.unwrap_err();
    service.login("bob@example.org", PASSWORD).await.unwrap_err();
    service.execute(r#"update "User" set disabled = true"#).await;
    service.login(EMAIL, PASSWORD).await.unwrap_err();
    service.execute(r#"update "User" set disabled = false"#).await;

    let entries = entries(&service, &admin).await;
    let failures: Vec<_> =
        entries.iter().filter(|entry| entry.action() == AuditAction::LoginFailed).collect();
    let [disabled, wrong] = failures.try_into().unwrap();
    assert_eq!(wrong.details, r#"{"reason": "WRONG_PASSWORD"}"#);
    assert_eq!(disabled.details, r#"{"reason": "DISABLED_USER"}"#);
    for failure in [wrong, disabled] {
        assert_eq!(failure.actor_id, None, "nobody knows who it was");
        assert_eq!(failure.target.as_ref().unwrap().id, admin.user.as_ref().unwrap().id);
    }
    assert_eq!(count(&service).await, 3);
}

#[tokio::test]
async fn a_signup_that_fails_is_not_recorded() {
    let (service, _) = with_admin().await;
    assert_eq!(code(service.signup(create_organization(EMAIL, "Another")).await), ErrorCode::AlreadyExists);
    assert_eq!(count(&service).await, 1);
}

#[tokio::test]
async fn only_an_admin_lists_the_audit_of_their_own_organization() {
    let (service, admin) = with_admin().await;
    let outsider = service.signup(create_organization("eve@example.org", "Other")).await.unwrap();
    service.execute(r#"update "Organization" set "openSignup" = true"#).await;
    let organization = admin.user.as_ref().unwrap().organization_id.clone();
    let member = service.signup(join_organization("bob@example.org", &organization)).await.unwrap();

    assert_eq!(code(list(&service, &member, ListAuditRequest::default()).await), ErrorCode::Forbidden);
    let request = ListAuditRequest { limit: 10, ..ListAuditRequest::default() };
    let anonymous = service.client().list_audit(request).await.map_err(ServiceError::from);
    assert_eq!(code(anonymous), ErrorCode::Unauthenticated);
    let actors =
        |entries: Vec<AuditEntry>| entries.into_iter().map(|entry| entry.actor_id).collect::<Vec<_>>();
    let id = |session: &SessionReply| Some(session.user.as_ref().unwrap().id.clone());
    assert_eq!(actors(entries(&service, &admin).await), [id(&member), id(&admin)]);
    assert_eq!(actors(entries(&service, &outsider).await), [id(&outsider)]);

    service.execute(r#"update "User" set role = 'MODERATOR'"#).await;
    let demoted = list(&service, &admin, ListAuditRequest { limit: 10, ..ListAuditRequest::default() }).await;
    assert_eq!(code(demoted), ErrorCode::Unauthenticated, "the token has the role of before");
}

#[tokio::test]
async fn pages_stay_the_same_while_entries_are_added() {
    let (service, admin) = with_admin().await;
    add_entries(&service, &admin, 25).await;
    let expected = ids(entries(&service, &admin).await);
    assert_eq!(expected.len(), 26);

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let request = ListAuditRequest { limit: 5, cursor, ..ListAuditRequest::default() };
        let ListAuditReply { entries, next_cursor } = list(&service, &admin, request).await.unwrap();
        assert!(entries.len() <= 5);
        seen.extend(ids(entries));
        add_entries(&service, &admin, 3).await;
        match next_cursor {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn entries_are_filtered_by_actor_action_and_time() {
    let (service, admin) = with_admin().await;
    add_entries(&service, &admin, 20).await;
    let count = async |request: ListAuditRequest| {
        let request = ListAuditRequest { limit: 100, ..request };
        list(&service, &admin, request).await.unwrap().entries.len()
    };
    let all = ListAuditRequest::default;
    let action = |action: AuditAction| ListAuditRequest { action: action.into(), ..all() };
    assert_eq!(count(action(AuditAction::SignedUp)).await, 1);
    assert_eq!(count(action(AuditAction::RoleChanged)).await, 20);
    assert_eq!(count(action(AuditAction::UserDisabled)).await, 0);
    let actor = admin.user.as_ref().unwrap().id.clone();
    assert_eq!(
        count(ListAuditRequest { actor_id: actor, ..all() }).await,
        1,
        "the others are the operator's"
    );
    assert_eq!(count(ListAuditRequest { actor_id: Uuid::now_v7().to_string(), ..all() }).await, 0);
    // The added entries are of the minutes 1 to 20 of 2030.
    let minute = |number: i64| Some(Timestamp { seconds: 1_893_456_000 + 60 * number, nanos: 0 });
    assert_eq!(count(ListAuditRequest { from: minute(1), ..all() }).await, 20);
    assert_eq!(count(ListAuditRequest { from: minute(5), to: minute(10), ..all() }).await, 6);
    assert_eq!(count(ListAuditRequest { to: minute(0), ..all() }).await, 1);
}

#[tokio::test]
async fn all_invalid_filters_are_reported_together() {
    let (service, admin) = with_admin().await;
    let request = ListAuditRequest {
        limit: 101,
        cursor: "x".to_owned(),
        actor_id: "ada".to_owned(),
        action: 999,
        from: Some(Timestamp { seconds: i64::MAX, nanos: 0 }),
        to: None,
    };
    let refusal = list(&service, &admin, request).await.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::InvalidInput);
    let fields: Vec<_> = refusal.violations().iter().map(|violation| violation.field.clone()).collect();
    assert_eq!(fields, ["limit", "cursor", "actor", "action", "from"]);
}

#[tokio::test]
async fn nobody_changes_an_entry_or_deletes_a_young_one() {
    let (service, _) = with_admin().await;
    let mut owner = service.connect().await;
    for statement in [
        r#"update "AuditEntry" set "actorId" = null"#,
        r#"delete from "AuditEntry""#,
        r#"truncate "AuditEntry""#,
    ] {
        let error = owner.execute(statement).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{statement}: {error}");
    }
    let url = service.database.service_url();
    let mut services = PgConnection::connect(url).await.unwrap();
    let error = services.execute(r#"delete from "AuditEntry""#).await.unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
    // Not even with the function for old entries.
    let deleted: i32 = sqlx::query_scalar("select delete_old_audit_entries(interval '0', 10)")
        .fetch_one(&mut services)
        .await
        .unwrap();
    assert_eq!(deleted, 0);
}

#[tokio::test]
async fn entries_older_than_the_retention_are_deleted() {
    let database = TestDatabase::create().await;
    let add = r#"
        insert into "AuditEntry" (at, action, details)
        select now() - days * interval '1 day', 'SIGNED_UP', '{}' from generate_series(1, 2000) days
    "#;
    database.connect().await.execute(add).await.unwrap();
    let service = TestService::start_on(database, &[("AUDIT_RETENTION", "40d")]).await;
    let signups = r#"select count(*) from "AuditEntry" where action = 'SIGNED_UP'"#;
    while service.count(signups).await > 39 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let old = r#"select count(*) from "AuditEntry" where at < now() - interval '40 days'"#;
    assert_eq!((service.count(signups).await, service.count(old).await), (39, 0));
}

/// The number of entries of organizations. The migration added one that belongs to none.
async fn count(service: &TestService) -> i64 {
    service.count(r#"select count(*) from "AuditEntry" where "organizationId" is not null"#).await
}

async fn with_admin() -> (TestService, SessionReply) {
    let service = TestService::start().await;
    let admin = service.signup(create_organization(EMAIL, "Acme")).await.unwrap();
    (service, admin)
}

async fn list(
    service: &TestService,
    caller: &SessionReply,
    request: ListAuditRequest,
) -> CallResult<ListAuditReply> {
    let limit = request.limit.max(1);
    let request = with_token(ListAuditRequest { limit, ..request }, Some(&caller.access_token));
    Ok(service.client().list_audit(request).await?.into_inner())
}

async fn entries(service: &TestService, admin: &SessionReply) -> Vec<AuditEntry> {
    let request = ListAuditRequest { limit: 100, ..ListAuditRequest::default() };
    list(service, admin, request).await.unwrap().entries
}

fn ids(entries: Vec<AuditEntry>) -> Vec<(Timestamp, Option<String>)> {
    entries.into_iter().map(|entry| (entry.at.unwrap(), entry.correlation_id)).collect()
}

/// Adds entries, each of which is a minute later than the one before, from 2030 on.
async fn add_entries(service: &TestService, admin: &SessionReply, number: i32) {
    let organization: Uuid = admin.user.as_ref().unwrap().organization_id.parse().unwrap();
    let add = r#"
        insert into "AuditEntry" (at, "organizationId", action, "correlationId", details)
        select timestamptz '2030-01-01 00:00Z' + (count + number) * interval '1 minute', $1, 'ROLE_CHANGED',
            gen_random_uuid()::text, '{}'
        from (select count(*) from "AuditEntry") existing, generate_series(0, $2 - 1) number
    "#;
    let added = sqlx::query(add).bind(organization).bind(number);
    added.execute(&mut service.connect().await).await.unwrap();
}
