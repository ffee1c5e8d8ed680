//! Browser sessions: what the secret of one opens, for how long, and what ends it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use eventboard_chassis::{
    client_address::{CLIENT_ADDRESS, ClientSigner},
    error::ErrorCode,
    refresh_token::{RefreshKeys, TokenOrigin},
    token::TokenSession,
};
use eventboard_domain::Role;
use eventboard_proto::auth::{
    ChangePasswordRequest, LoginRequest, SessionReply, SignupRequest, UpdateMemberRequest,
    UseBrowserSessionReply, UseBrowserSessionRequest,
};
use futures::future::join_all;
use secrecy::ExposeSecret;
use tonic::Request;
use uuid::Uuid;

use crate::{
    members::{TestMember, World, change},
    support::{CallResult, PASSWORD, TestService, code, create_organization, join_organization, with_token},
};

const EMAIL: &str = "ada@example.org";
const NEW: &str = "Seven-blue-kettles-9";
const DAY: u32 = 24 * 60 * 60;

impl TestService {
    pub(crate) async fn use_browser_session(&self, secret: &str) -> CallResult<UseBrowserSessionReply> {
        let request = UseBrowserSessionRequest { browser_secret: secret.into() };
        Ok(self.client().use_browser_session(request).await?.into_inner())
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> SessionReply {
        let request = LoginRequest { email: email.into(), password: password.into(), browser: true };
        self.client().login(request).await.unwrap().into_inner()
    }

    /// Changes the password, and returns the new secret.
    async fn change_password_in(&self, access_token: &str, current: &str, new: &str) -> String {
        let request = ChangePasswordRequest { current_password: current.into(), new_password: new.into() };
        let reply = self.client().change_password(with_token(request, Some(access_token))).await;
        reply.unwrap().into_inner().browser_secret
    }

    /// Whether a page is shown as signed in.
    async fn is_open(&self, secret: &str) -> bool {
        match self.use_browser_session(secret).await {
            Ok(reply) => {
                assert!(self.is_valid(&reply.access_token).await);
                true
            }
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::Unauthenticated);
                false
            }
        }
    }

    /// The reasons of the sessions that ended, in their order.
    async fn reasons(&self) -> Vec<String> {
        self.texts(
            r#"select details ->> 'reason' from "AuditEntry" where action = 'SESSION_REVOKED' order by id"#,
        )
        .await
    }
}

/// Ada, who has signed up in the browser.
async fn with_ada(variables: &[(&str, &str)]) -> (TestService, SessionReply) {
    let service = TestService::start_with(variables).await;
    let signup = SignupRequest { browser: true, ..create_organization(EMAIL, "Acme") };
    let session = service.signup(signup).await.unwrap();
    (service, session)
}

/// Ada, who has signed up in the browser as a member of an open organization.
async fn with_member() -> (World, SessionReply, Uuid) {
    let world = World::start().await;
    world.service.execute(r#"update "Organization" set "openSignup" = true"#).await;
    let joining = join_organization(EMAIL, &world.organization.to_string());
    let session = world.service.signup(SignupRequest { browser: true, ..joining }).await.unwrap();
    let id = session.user.as_ref().unwrap().id.parse().unwrap();
    (world, session, id)
}

#[tokio::test]
async fn signup_and_login_in_the_browser_give_a_secret_instead_of_a_refresh_token() {
    let (service, signup) = with_ada(&[]).await;
    let login = service.sign_in(EMAIL, PASSWORD).await;
    for session in [&signup, &login] {
        assert_eq!((session.browser_secret.len(), &*session.refresh_token), (43, ""));
        assert_eq!((session.expires_in, session.refresh_expires_in), (3600, 30 * DAY));
        assert!(service.is_valid(&session.access_token).await);
    }
    assert_ne!(signup.browser_secret, login.browser_secret);
    let api = service.login(EMAIL, PASSWORD).await.unwrap();
    assert_eq!(api.browser_secret, "");
    assert_eq!(service.count(r#"select count(*) from "Session" where "browserSecretHash" is null"#).await, 1);
}

#[tokio::test]
async fn a_secret_opens_its_session_again_and_again_with_all_that_a_page_shows() {
    let (service, signup) = with_ada(&[]).await;
    service.execute(r#"update "Organization" set "timeZone" = 'Europe/Berlin'"#).await;
    // More often than a session may be refreshed in an hour.
    for _ in 0..70 {
        let used = service.use_browser_session(&signup.browser_secret).await.unwrap();
        assert_eq!(used.user, signup.user);
        let organization = used.organization.unwrap();
        assert_eq!((&*organization.name, &*organization.slug), ("Acme", "acme"));
        assert_eq!(organization.id, signup.user.as_ref().unwrap().organization_id);
        assert_eq!(
            (&*used.organization_time_zone, used.email_verification_required),
            ("Europe/Berlin", false)
        );
        assert_eq!((used.expires_in, used.session_expires_in / DAY), (3600, 29));
        let identity = service.identity(&used.access_token);
        assert_eq!(identity, service.identity(&signup.access_token));
        assert!(matches!(identity.session, TokenSession::Session { id: _, generation: 1 }));
    }
    let listed = service.sessions(&signup.access_token).await.unwrap();
    assert_eq!((listed.len(), listed[0].current), (1, true));
}

#[tokio::test]
async fn a_page_learns_whether_a_verified_address_is_required() {
    let (service, session) = with_ada(&[("REQUIRE_VERIFIED_EMAIL", "true")]).await;
    let used = service.use_browser_session(&session.browser_secret).await.unwrap();
    assert!(used.email_verification_required && used.user.unwrap().email_verified_at.is_none());
}

#[tokio::test]
async fn an_unknown_or_malformed_secret_opens_nothing_and_is_never_adopted() {
    let (service, session) = with_ada(&[]).await;
    let secret = &session.browser_secret;
    let chosen = URL_SAFE_NO_PAD.encode([7; 32]);
    let mut changed = secret.clone();
    changed.replace_range(7..8, if &secret[7..8] == "A" { "B" } else { "A" });
    let forged = [
        "",
        "x",
        &chosen,
        &changed,
        &secret[1..],
        &format!("{secret}="),
        &format!(" {secret}"),
        &session.access_token,
    ];
    for forged in forged {
        assert!(!service.is_open(forged).await, "{forged}");
    }
    let again = service.sign_in(EMAIL, PASSWORD).await;
    assert_ne!(again.browser_secret, chosen);
    assert!(!service.is_open(&chosen).await);
    assert!(service.is_open(secret).await && service.is_open(&again.browser_secret).await);
}

#[tokio::test]
async fn a_copy_of_the_database_opens_nothing() {
    let (service, session) = with_ada(&[]).await;
    let secret = &session.browser_secret;
    let rows =
        r#"select "Session"::text from "Session" union all select "AuditEntry"::text from "AuditEntry""#;
    let raw = URL_SAFE_NO_PAD.decode(secret).unwrap();
    let hexadecimal: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    for stored in service.texts(rows).await {
        assert!(!stored.contains(secret) && !stored.contains(&hexadecimal), "{stored}");
    }
    let stored: (Vec<u8>, Vec<u8>) = sqlx::query_as(r#"select "browserSecretHash", seed from "Session""#)
        .fetch_one(&mut service.connect().await)
        .await
        .unwrap();
    for bytes in [stored.0, stored.1] {
        assert!(!service.is_open(&URL_SAFE_NO_PAD.encode(bytes)).await);
    }
}

#[tokio::test]
async fn not_even_a_genuine_refresh_token_continues_or_ends_a_browser_session() {
    let (service, session) = with_ada(&[]).await;
    let session_id = service.identity(&session.access_token).session.id().unwrap();
    let seed: Vec<u8> = sqlx::query_scalar(r#"select seed from "Session""#)
        .fetch_one(&mut service.connect().await)
        .await
        .unwrap();
    let keys = RefreshKeys::new(&service.token);
    let seed = seed.try_into().unwrap();
    let token = keys.issue(&keys.current(), TokenOrigin { session_id, seed: &seed, generation: 1 }).unwrap();
    assert_eq!(code(service.refresh(token.expose_secret()).await), ErrorCode::Unauthenticated);
    assert_eq!(code(service.log_out(None, token.expose_secret()).await), ErrorCode::Unauthenticated);
    assert!(service.is_open(&session.browser_secret).await);
    // Of a session with refresh tokens, it would be one.
    service.execute(r#"update "Session" set "browserSecretHash" = null"#).await;
    service.refresh(token.expose_secret()).await.unwrap();
}

#[tokio::test]
async fn a_use_extends_the_session_and_is_noted_once_a_minute() {
    let (service, session) = with_ada(&[("REFRESH_EXPIRY", "1d")]).await;
    service.execute(r#"update "Session" set "expiresAt" = now() + interval '1 hour'"#).await;
    let used = service.use_browser_session(&session.browser_secret).await.unwrap();
    assert!((3500..=3600).contains(&used.session_expires_in), "within the minute of the signup");

    let age = r#"update "Session" set "lastUsedAt" = now() - interval '1 minute', address = '192.0.2.0/24'"#;
    service.execute(age).await;
    let used = service.use_browser_session(&session.browser_secret).await.unwrap();
    assert!((DAY - 60..=DAY).contains(&used.session_expires_in), "{}", used.session_expires_in);
    let noted = r#"
        select count(*) from "Session"
        where address = '127.0.0.0/24' and "lastUsedAt" > now() - interval '50 seconds'
    "#;
    assert_eq!(service.count(noted).await, 1);
}

#[tokio::test]
async fn the_client_of_the_last_noted_use_is_listed() {
    let (service, session) = with_ada(&[]).await;
    service.execute(r#"update "Session" set "lastUsedAt" = now() - interval '1 minute'"#).await;
    let signed =
        ClientSigner::new(&service.token.secret).sign("198.51.100.7".parse().unwrap(), None).unwrap();
    let message = UseBrowserSessionRequest { browser_secret: session.browser_secret.clone() };
    let mut request = Request::new(message);
    request.metadata_mut().as_mut().insert(CLIENT_ADDRESS, signed.address);
    service.client().use_browser_session(request).await.unwrap();
    let listed = service.sessions(&session.access_token).await.unwrap();
    assert_eq!(listed[0].address, "198.51.100.0/24");
}

#[tokio::test]
async fn two_replicas_use_one_secret_at_once_and_one_of_the_uses_is_noted() {
    let (service, session) = with_ada(&[]).await;
    let beside = TestService::start_beside(&service, &[]).await;
    for statement in [
        r#"create sequence noted"#,
        r#"
        create function note() returns trigger language plpgsql security definer as $$
        begin perform nextval('noted'); return new; end $$
        "#,
        r#"create trigger note after update of "lastUsedAt" on "Session" for each row execute function note()"#,
        r#"alter table "Session" disable trigger note"#,
    ] {
        service.execute(statement).await;
    }
    for _ in 0..5 {
        service.execute(r#"update "Session" set "lastUsedAt" = now() - interval '1 minute'"#).await;
        service.execute(r#"alter table "Session" enable trigger note"#).await;
        let replicas = [&service, &beside].into_iter().cycle().take(20);
        let uses = replicas.map(|replica| replica.use_browser_session(&session.browser_secret));
        for used in join_all(uses).await {
            assert!(service.is_valid(&used.unwrap().access_token).await);
        }
        service.execute(r#"alter table "Session" disable trigger note"#).await;
    }
    assert_eq!(service.count("select last_value from noted").await, 5);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_or_too_old() {
    let (service, session) = with_ada(&[("REFRESH_EXPIRY", "1d"), ("SESSION_MAX_AGE", "2d")]).await;
    assert_eq!(session.refresh_expires_in, DAY);
    let age = r#"
        update "Session" set "createdAt" = "createdAt" - interval '36 hours', "lastUsedAt" = now() - interval '1 hour'
    "#;
    service.execute(age).await;
    let used = service.use_browser_session(&session.browser_secret).await.unwrap();
    assert!((DAY / 2 - 60..=DAY / 2).contains(&used.session_expires_in), "{}", used.session_expires_in);
    let almost = r#"update "Session" set "expiresAt" = now() + interval '1 minute'"#;
    service.execute(almost).await;
    let used = service.use_browser_session(&session.browser_secret).await.unwrap();
    assert!(used.expires_in <= 60, "no token outlives its session: {}", used.expires_in);
    service
        .execute(r#"update "Session" set "expiresAt" = now(), "lastUsedAt" = now() - interval '1 hour'"#)
        .await;
    assert!(!service.is_open(&session.browser_secret).await);
    assert!(!service.is_valid(&used.access_token).await);
}

#[tokio::test]
async fn a_rotation_of_the_token_secret_signs_no_browser_out() {
    let (old, session) = with_ada(&[("JWT_SECRET", "the old secret, which is long enough")]).await;
    let new =
        TestService::start_beside(&old, &[("JWT_SECRET", "the new secret, which is long enough")]).await;
    assert!(new.is_open(&session.browser_secret).await);
}

#[tokio::test]
async fn whatever_ends_a_session_makes_its_secret_worthless() {
    let (service, own) = with_ada(&[("PASSWORD_HASH_CONCURRENCY", "2")]).await;
    let logged_out = service.sign_in(EMAIL, PASSWORD).await;
    service.log_out(Some(&logged_out.access_token), "").await.unwrap();
    assert!(!service.is_open(&logged_out.browser_secret).await);

    let revoked = service.sign_in(EMAIL, PASSWORD).await;
    let id = service.identity(&revoked.access_token).session.id().unwrap().to_string();
    service.revoke(&own.access_token, &id).await.unwrap();
    assert!(!service.is_open(&revoked.browser_secret).await);

    let other = service.sign_in(EMAIL, PASSWORD).await;
    service.revoke_others(&own.access_token).await.unwrap();
    assert!(!service.is_open(&other.browser_secret).await);

    let other = service.sign_in(EMAIL, PASSWORD).await;
    service.change_password_in(&other.access_token, PASSWORD, NEW).await;
    assert!(!service.is_open(&own.browser_secret).await, "another session has changed the password");

    let before = service.sign_in(EMAIL, NEW).await;
    service.reset_password(&service.make_link().await, PASSWORD).await.unwrap();
    assert!(!service.is_open(&before.browser_secret).await);

    let last = service.sign_in(EMAIL, PASSWORD).await;
    assert!(service.is_open(&last.browser_secret).await);
    service.delete_me(&last.access_token, PASSWORD).await.unwrap();
    assert!(!service.is_open(&last.browser_secret).await);
}

#[tokio::test]
async fn a_member_who_is_disabled_or_removed_is_signed_out_of_the_browser() {
    let (World { service, admin, .. }, session, id) = with_member().await;
    service.set_disabled(&admin, id, true).await.unwrap();
    assert!(!service.is_open(&session.browser_secret).await);
    service.set_disabled(&admin, id, false).await.unwrap();
    assert!(!service.is_open(&session.browser_secret).await, "nothing brings it back");
    assert_eq!(service.reasons().await, ["USER_DISABLED"]);

    let session = service.sign_in(EMAIL, PASSWORD).await;
    service.execute(r#"update "User" set disabled = true"#).await;
    assert!(
        !service.is_open(&session.browser_secret).await,
        "not even if somebody disables the user by hand"
    );
    service.execute(r#"update "User" set disabled = false"#).await;
    service.remove_member(&admin, id).await.unwrap();
    assert!(!service.is_open(&session.browser_secret).await);
}

#[tokio::test]
async fn another_role_ends_the_browser_sessions_of_the_member_and_no_other() {
    let (World { service, admin, .. }, session, id) = with_member().await;
    let api = service.login(EMAIL, PASSWORD).await.unwrap();
    service.set_role(&admin, id, Role::User).await.unwrap();
    assert!(service.is_open(&session.browser_secret).await, "the role is the same");

    service.set_role(&admin, id, Role::Moderator).await.unwrap();
    assert!(!service.is_open(&session.browser_secret).await);
    service.refresh(&api.refresh_token).await.unwrap();
    assert_eq!(service.reasons().await, ["ROLE_CHANGED"]);
    let audited = r#"
        select count(*) from "AuditEntry" where action = 'SESSION_REVOKED' and "actorId" = $1 and "targetId" = $2
    "#;
    let audited: i64 = sqlx::query_scalar(audited)
        .bind(admin.id)
        .bind(id)
        .fetch_one(&mut service.connect().await)
        .await
        .unwrap();
    assert_eq!(audited, 1);

    let session = service.sign_in(EMAIL, PASSWORD).await;
    let used = service.use_browser_session(&session.browser_secret).await.unwrap();
    assert_eq!(service.identity(&used.access_token).role, Role::Moderator);
    let both = UpdateMemberRequest {
        role: eventboard_proto::auth::Role::User.into(),
        disabled: Some(true),
        ..change(id)
    };
    service.update_member(&admin, both).await.unwrap();
    assert_eq!(service.reasons().await, ["ROLE_CHANGED", "ROLE_CHANGED", "USER_DISABLED"]);
}

#[tokio::test]
async fn a_change_of_role_that_is_refused_ends_no_session() {
    let (service, session) = with_ada(&[]).await;
    let identity = service.identity(&session.access_token);
    let ada = TestMember { id: identity.user_id, identity };
    let refused = service.set_role(&ada, ada.id, Role::User).await;
    assert_eq!(code(refused), ErrorCode::LastAdmin);
    assert!(service.is_open(&session.browser_secret).await);
}

#[tokio::test]
async fn who_changes_the_password_gets_another_secret_for_the_same_session() {
    let (service, session) = with_ada(&[]).await;
    let new_secret = service.change_password_in(&session.access_token, PASSWORD, NEW).await;
    assert_eq!(new_secret.len(), 43);
    assert!(!service.is_open(&session.browser_secret).await);
    let used = service.use_browser_session(&new_secret).await.unwrap();
    assert_eq!(service.identity(&used.access_token), service.identity(&session.access_token));

    let api = service.login(EMAIL, NEW).await.unwrap();
    assert_eq!(service.change_password_in(&api.access_token, NEW, PASSWORD).await, "");
    assert!(!service.is_open(&new_secret).await);
    service.refresh(&api.refresh_token).await.unwrap();
    assert_eq!(service.reasons().await, ["PASSWORD_CHANGED"]);
}

#[tokio::test]
async fn the_fifty_first_session_ends_the_one_that_was_not_used_for_the_longest_time() {
    let (service, first) = with_ada(&[]).await;
    let second = service.sign_in(EMAIL, PASSWORD).await;
    let others = r#"
        insert into "Session" (id, "userId", seed, "keyName", "expiresAt", address, "browserSecretHash")
        select gen_random_uuid(), "userId", seed, "keyName", "expiresAt", address, sha256(number::text::bytea)
        from "Session", generate_series(1, 48) number where "createdAt" = (select min("createdAt") from "Session")
    "#;
    service.execute(others).await;
    service.execute(r#"update "Session" set "lastUsedAt" = now() - interval '1 minute'"#).await;
    assert!(service.is_open(&first.browser_secret).await);
    service
        .execute(
            r#"update "Session" set "lastUsedAt" = now() - interval '1 hour'
                where id = (select id from "Session" order by "createdAt" offset 1 limit 1)"#,
        )
        .await;
    let last = service.sign_in(EMAIL, PASSWORD).await;
    assert!(service.is_open(&first.browser_secret).await && service.is_open(&last.browser_secret).await);
    assert!(!service.is_open(&second.browser_secret).await);
    assert_eq!(service.reasons().await, ["TOO_MANY"]);
}

#[tokio::test]
async fn two_sessions_with_one_secret_cannot_be_stored() {
    let (service, _) = with_ada(&[]).await;
    service.sign_in(EMAIL, PASSWORD).await;
    let mut connection = service.connect().await;
    for statement in [
        r#"update "Session" set "browserSecretHash" = (select min("browserSecretHash") from "Session")"#,
        r#"update "Session" set "browserSecretHash" = 'short'"#,
    ] {
        assert!(sqlx::query(statement).execute(&mut connection).await.is_err(), "{statement}");
    }
}
