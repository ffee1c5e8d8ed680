//! Sessions: refresh tokens, logout, and what a user sees and ends.

use std::{collections::HashSet, time::Duration};

use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    token::{Identity, TokenSession},
};
use eventboard_proto::auth::{
    ListSessionsRequest, LogoutRequest, RefreshReply, RefreshRequest, RevokeOtherSessionsRequest,
    RevokeSessionRequest, SessionReply, UserSession,
};
use futures::future::join_all;
use tokio::time::sleep;
use uuid::Uuid;

use crate::support::{CallResult, PASSWORD, TestService, code, create_organization, with_token};

const EMAIL: &str = "ada@example.org";

impl TestService {
    pub(crate) async fn refresh(&self, token: &str) -> CallResult<RefreshReply> {
        let request = RefreshRequest { refresh_token: token.into() };
        Ok(self.client().refresh(request).await?.into_inner())
    }

    pub(crate) async fn log_out(&self, access_token: Option<&str>, refresh_token: &str) -> CallResult<()> {
        let request = LogoutRequest { refresh_token: refresh_token.into() };
        self.client().logout(with_token(request, access_token)).await?;
        Ok(())
    }

    pub(crate) async fn sessions(&self, access_token: &str) -> CallResult<Vec<UserSession>> {
        let request = with_token(ListSessionsRequest {}, Some(access_token));
        Ok(self.client().list_sessions(request).await?.into_inner().sessions)
    }

    pub(crate) async fn revoke(&self, access_token: &str, id: &str) -> CallResult<()> {
        let request = with_token(RevokeSessionRequest { id: id.into() }, Some(access_token));
        self.client().revoke_session(request).await?;
        Ok(())
    }

    pub(crate) async fn revoke_others(&self, access_token: &str) -> CallResult<()> {
        self.client()
            .revoke_other_sessions(with_token(RevokeOtherSessionsRequest {}, Some(access_token)))
            .await?;
        Ok(())
    }

    async fn log_in(&self) -> SessionReply {
        self.login(EMAIL, PASSWORD).await.unwrap()
    }

    pub(crate) async fn is_valid(&self, access_token: &str) -> bool {
        match self.validate(Some(access_token)).await {
            Ok(()) => true,
            Err(error) if error.code() == ErrorCode::Unauthenticated => false,
            Err(error) => panic!("{error}"),
        }
    }

    async fn revocations(&self) -> i64 {
        self.count(r#"select count(*) from "AuditEntry" where action = 'SESSION_REVOKED'"#).await
    }
}

async fn with_ada(variables: &[(&str, &str)]) -> (TestService, SessionReply) {
    let service = TestService::start_with(variables).await;
    let session = service.signup(create_organization(EMAIL, "Acme")).await.unwrap();
    (service, session)
}

fn assert_unauthenticated<T>(result: CallResult<T>) {
    assert_eq!(code(result.map(|_| ())), ErrorCode::Unauthenticated);
}

#[tokio::test]
async fn signup_and_login_open_a_session_that_a_refresh_continues() {
    let (service, signup) = with_ada(&[]).await;
    assert_eq!((signup.expires_in, signup.refresh_expires_in), (3600, 30 * 24 * 60 * 60));
    let login = service.log_in().await;
    let sessions = [&signup.access_token, &login.access_token].map(|token| service.identity(token).session);
    assert_ne!(sessions[0].id(), sessions[1].id());
    let next = service.refresh(&login.refresh_token).await.unwrap();
    assert_ne!(next.refresh_token, login.refresh_token);
    let TokenSession::Session { id, generation } = service.identity(&next.access_token).session else {
        panic!()
    };
    assert_eq!((Some(id), generation), (sessions[1].id(), 2));
    assert!(service.is_valid(&next.access_token).await);
    assert!(service.is_valid(&login.access_token).await, "an access token lives as long as its session");
}

#[tokio::test]
async fn a_lost_answer_is_given_again_until_its_tokens_are_used_and_for_the_grace() {
    let (service, first) = with_ada(&[("REFRESH_GRACE", "1s")]).await;
    let second = service.refresh(&first.refresh_token).await.unwrap();
    for _ in 0..3 {
        let again = service.refresh(&first.refresh_token).await.unwrap();
        assert_eq!(again.refresh_token, second.refresh_token);
        service.is_valid(&first.access_token).await;
    }
    assert!(service.is_valid(&second.access_token).await);
    assert_eq!(service.refresh(&first.refresh_token).await.unwrap().refresh_token, second.refresh_token);
    service.execute(r#"update "Session" set "seenAt" = "seenAt" - interval '1 second'"#).await;
    assert_unauthenticated(service.refresh(&first.refresh_token).await);
    assert_unauthenticated(service.refresh(&second.refresh_token).await);
    assert!(!service.is_valid(&second.access_token).await);
    assert_eq!(service.revocations().await, 1);
}

#[tokio::test]
async fn any_older_token_ends_the_session() {
    let (service, first) = with_ada(&[]).await;
    let second = service.refresh(&first.refresh_token).await.unwrap();
    let third = service.refresh(&second.refresh_token).await.unwrap();
    assert_unauthenticated(service.refresh(&first.refresh_token).await);
    assert_unauthenticated(service.refresh(&third.refresh_token).await);
    assert!(!service.is_valid(&third.access_token).await);
    let reason = r#"select count(*) from "AuditEntry" where details ->> 'reason' = 'TOKEN_REUSED'"#;
    assert_eq!(service.count(reason).await, 1);
}

#[tokio::test]
async fn ten_refreshes_of_one_token_at_once_all_hold_a_working_pair() {
    let (service, _) = with_ada(&[]).await;
    for _ in 0..20 {
        let session = service.log_in().await;
        let refreshes = (0..10).map(|_| service.refresh(&session.refresh_token));
        let replies: Vec<_> = join_all(refreshes).await.into_iter().map(Result::unwrap).collect();
        let tokens: HashSet<_> = replies.iter().map(|reply| &reply.refresh_token).collect();
        assert_eq!(tokens.len(), 1);
        for reply in &replies {
            assert!(service.is_valid(&reply.access_token).await);
        }
        service.refresh(&replies[0].refresh_token).await.unwrap();
    }
    assert_eq!(service.revocations().await, 0);
}

#[tokio::test]
async fn the_sixty_first_refresh_in_an_hour_must_wait() {
    let (service, session) = with_ada(&[]).await;
    let mut token = session.refresh_token;
    for _ in 0..60 {
        token = service.refresh(&token).await.unwrap().refresh_token;
    }
    let refused = service.refresh(&token).await.err().unwrap();
    let wait = refused.retry_after().unwrap();
    assert_eq!(refused.code(), ErrorCode::Throttled);
    assert!(Duration::from_secs(3500) < wait && wait <= Duration::from_secs(3600), "{wait:?}");
    service.execute(r#"update "Session" set "refreshesSince" = now() - interval '1 hour'"#).await;
    service.refresh(&token).await.unwrap();
}

#[tokio::test]
async fn forged_tokens_change_nothing() {
    let (service, session) = with_ada(&[]).await;
    let token = &session.refresh_token;
    let mut other_signature = token.clone();
    other_signature.replace_range(60..61, if &token[60..61] == "A" { "B" } else { "A" });
    for forged in ["", "x", &token[1..], &format!("{token}A"), &other_signature, &session.access_token] {
        assert_unauthenticated(service.refresh(forged).await);
        assert_unauthenticated(service.log_out(None, forged).await);
    }
    service.refresh(token).await.unwrap();
    assert_eq!(service.revocations().await, 0);
}

#[tokio::test]
async fn logout_ends_the_session_of_any_genuine_token_even_twice() {
    let (service, _) = with_ada(&[]).await;
    let (by_access, by_refresh, other) =
        (service.log_in().await, service.log_in().await, service.log_in().await);
    for _ in 0..2 {
        service.log_out(Some(&by_access.access_token), "").await.unwrap();
        service.log_out(None, &by_refresh.refresh_token).await.unwrap();
    }
    for ended in [&by_access, &by_refresh] {
        assert!(!service.is_valid(&ended.access_token).await);
        assert_unauthenticated(service.refresh(&ended.refresh_token).await);
    }
    assert!(service.is_valid(&other.access_token).await);
    assert_eq!(service.revocations().await, 2);
    assert_unauthenticated(service.log_out(None, "").await);
}

#[tokio::test]
async fn logout_needs_only_one_genuine_token() {
    let (service, _) = with_ada(&[]).await;
    let (by_access, by_refresh) = (service.log_in().await, service.log_in().await);
    service.log_out(Some(&by_access.access_token), "not a token").await.unwrap();
    service.log_out(Some("not.a.token"), &by_refresh.refresh_token).await.unwrap();
    for ended in [&by_access, &by_refresh] {
        assert!(!service.is_valid(&ended.access_token).await);
    }
    assert_unauthenticated(service.log_out(Some("not.a.token"), "not a token").await);
}

#[tokio::test]
async fn of_two_sessions_that_end_each_other_one_goes_on() {
    let (service, _) = with_ada(&[]).await;
    let beside = TestService::start_beside(&service, &[]).await;
    for _ in 0..10 {
        let (first, second) = (service.log_in().await, service.log_in().await);
        let (by_first, by_second) = tokio::join!(
            service.revoke_others(&first.access_token),
            beside.revoke_others(&second.access_token)
        );
        let first_is_valid = service.is_valid(&first.access_token).await;
        let second_is_valid = service.is_valid(&second.access_token).await;
        assert_eq!((by_first.is_ok(), by_second.is_ok()), (first_is_valid, second_is_valid));
        assert_ne!(first_is_valid, second_is_valid);
    }
}

#[tokio::test]
async fn ending_the_own_session_can_be_repeated() {
    let (service, own) = with_ada(&[]).await;
    let id = service.sessions(&own.access_token).await.unwrap()[0].id.clone();
    for _ in 0..2 {
        service.revoke(&own.access_token, &id).await.unwrap();
    }
    assert!(!service.is_valid(&own.access_token).await);
    assert_eq!(service.revocations().await, 1);
}

#[tokio::test]
async fn a_user_who_logs_in_again_and_again_does_not_fill_the_table() {
    let (service, _) = with_ada(&[]).await;
    let ended = r#"
        insert into "Session" (id, "userId", seed, "keyName", "expiresAt", "revokedAt", "lastUsedAt", address)
        select gen_random_uuid(), "userId", seed, "keyName", "expiresAt", now(), now() - interval '1 hour', address
        from "Session", generate_series(1, 205)
    "#;
    service.execute(ended).await;
    for _ in 0..3 {
        service.log_in().await;
    }
    assert_eq!(service.count(r#"select count(*) from "Session""#).await, 200);
    assert_eq!(service.count(r#"select count(*) from "Session" where "revokedAt" is null"#).await, 4);
}

#[tokio::test]
async fn a_user_sees_their_sessions_and_ends_them() {
    let (service, first) = with_ada(&[]).await;
    service.signup(create_organization("eve@example.org", "Evil")).await.unwrap();
    let second = service.log_in().await;
    let listed = service.sessions(&first.access_token).await.unwrap();
    let [second_listed, first_listed] = &listed[..] else { panic!("{listed:?}") };
    assert!(first_listed.current && !second_listed.current);
    assert_eq!(first_listed.address, "127.0.0.0/24");

    service.revoke(&first.access_token, &second_listed.id).await.unwrap();
    service.revoke(&first.access_token, &second_listed.id).await.unwrap();
    assert!(!service.is_valid(&second.access_token).await);
    assert_unauthenticated(service.revoke(&second.access_token, &first_listed.id).await);
    assert_unauthenticated(service.sessions(&second.access_token).await);
    assert_eq!(service.sessions(&first.access_token).await.unwrap().len(), 1);
    assert_eq!(service.revocations().await, 1);
}

#[tokio::test]
async fn the_session_of_somebody_else_is_not_found() {
    let (service, ada) = with_ada(&[]).await;
    let eve = service.signup(create_organization("eve@example.org", "Evil")).await.unwrap();
    let session = service.identity(&ada.access_token).session.id().unwrap();
    for id in [session, Uuid::now_v7()] {
        let refused = service.revoke(&eve.access_token, &id.to_string()).await;
        assert_eq!(code(refused), ErrorCode::NotFound);
    }
    assert!(service.is_valid(&ada.access_token).await);
}

#[tokio::test]
async fn ending_all_others_also_ends_tokens_without_a_session() {
    let (service, first) = with_ada(&[]).await;
    let (second, third) = (service.log_in().await, service.log_in().await);
    let old = Identity { session: TokenSession::UNDATED, ..service.identity(&first.access_token) };
    let old = service.token_for(&old);
    assert!(service.is_valid(&old).await, "a token of the release before");
    service.revoke_others(&second.access_token).await.unwrap();
    for ended in [&first.access_token, &third.access_token, &old] {
        assert!(!service.is_valid(ended).await);
    }
    assert!(service.is_valid(&second.access_token).await);
    service.refresh(&second.refresh_token).await.unwrap();
    assert_eq!(service.revocations().await, 2);
}

#[tokio::test]
async fn a_refresh_brings_a_new_role_and_a_disabled_user_gets_none() {
    let (service, session) = with_ada(&[]).await;
    service.execute(r#"update "User" set role = 'MODERATOR'"#).await;
    assert!(!service.is_valid(&session.access_token).await);
    let next = service.refresh(&session.refresh_token).await.unwrap();
    assert_eq!(service.identity(&next.access_token).role.as_str(), "MODERATOR");
    assert!(service.is_valid(&next.access_token).await);
    service.execute(r#"update "User" set disabled = true"#).await;
    assert_unauthenticated(service.refresh(&next.refresh_token).await);
}

#[tokio::test]
async fn the_fifty_first_session_ends_the_one_that_was_not_used_for_the_longest_time() {
    let (service, first) = with_ada(&[("PASSWORD_HASH_CONCURRENCY", "2")]).await;
    let second = service.log_in().await;
    let first = service.refresh(&first.refresh_token).await.unwrap();
    for _ in 2..50 {
        service.log_in().await;
    }
    assert!(service.is_valid(&second.access_token).await);
    let last = service.log_in().await;
    assert!(!service.is_valid(&second.access_token).await);
    assert!(service.is_valid(&first.access_token).await, "it was refreshed later");
    assert_eq!(service.sessions(&last.access_token).await.unwrap().len(), 50);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_refreshed_or_too_old() {
    let (service, session) = with_ada(&[("REFRESH_EXPIRY", "1d"), ("SESSION_MAX_AGE", "2d")]).await;
    assert_eq!(session.refresh_expires_in, 24 * 60 * 60);
    let age = r#"update "Session" set "createdAt" = "createdAt" - interval '36 hours'"#;
    service.execute(age).await;
    let next = service.refresh(&session.refresh_token).await.unwrap();
    assert!((12 * 3600 - 60..=12 * 3600).contains(&next.refresh_expires_in), "{}", next.refresh_expires_in);
    service.execute(r#"update "Session" set "expiresAt" = now()"#).await;
    assert!(!service.is_valid(&next.access_token).await);
    assert_unauthenticated(service.refresh(&next.refresh_token).await);
}

#[tokio::test]
async fn a_rotation_of_the_secret_signs_nobody_out() {
    let (old, session) = with_ada(&[("JWT_SECRET", "the old secret, which is long enough")]).await;
    let rotated = [
        ("JWT_SECRET", "the new secret, which is long enough"),
        ("JWT_SECRET_PREVIOUS", "the old secret, which is long enough"),
    ];
    let new = TestService::start_beside(&old, &rotated).await;
    let next = new.refresh(&session.refresh_token).await.unwrap();
    assert_eq!(new.refresh(&session.refresh_token).await.unwrap().refresh_token, next.refresh_token);
    let only_new = TestService::start_beside(&old, &rotated[..1]).await;
    assert!(only_new.is_valid(&next.access_token).await);
    only_new.refresh(&next.refresh_token).await.unwrap();
}

#[tokio::test]
async fn no_seed_or_token_is_stored_readable() {
    let (service, session) = with_ada(&[]).await;
    let stored: String = sqlx::query_scalar(r#"select string_agg("Session"::text, ' ') from "Session""#)
        .fetch_one(&mut service.connect().await)
        .await
        .unwrap();
    assert!(!stored.contains(&session.refresh_token));
    let audit: String = sqlx::query_scalar(r#"select string_agg("AuditEntry"::text, ' ') from "AuditEntry""#)
        .fetch_one(&mut service.connect().await)
        .await
        .unwrap();
    assert!(!audit.contains(&session.refresh_token) && !audit.contains(&session.access_token));
}

#[tokio::test]
async fn expired_sessions_are_deleted_when_the_service_starts() {
    let (service, _) = with_ada(&[]).await;
    service.log_in().await;
    service
        .execute(r#"update "Session" set "expiresAt" = now() where id = (select id from "Session" limit 1)"#)
        .await;
    let _again = TestService::start_beside(&service, &[]).await;
    while service.count(r#"select count(*) from "Session""#).await != 1 {
        sleep(Duration::from_millis(10)).await;
    }
}

/// A random sequence of what an honest client, a thief and an operator do, against the contract: no honest client is signed
/// out as long as nobody else uses its tokens, and no token of an ended session is accepted.
#[tokio::test]
async fn random_sequences_behave_as_the_contract_says() {
    let service = TestService::start_with(&[]).await;
    for seed in 0..20_u64 {
        let email = format!("user{seed}@example.org");
        let signup =
            service.signup(create_organization(&email, &format!("Organization {seed}"))).await.unwrap();
        let mut model = Model {
            current: signup.refresh_token,
            access: signup.access_token,
            replaced: Vec::new(),
            lost: None,
            has_ended: false,
        };
        let mut random = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        for _ in 0..40 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            model.step(&service, (random >> 33) % 16).await;
        }
    }
}

struct Model {
    /// What the client holds.
    current: String,
    access: String,
    /// What the client held before.
    replaced: Vec<String>,
    /// The answer to a refresh of `current` that the client did not get.
    lost: Option<String>,
    has_ended: bool,
}

impl Model {
    async fn step(&mut self, service: &TestService, choice: u64) {
        match choice {
            0..=4 => self.refresh(service).await,
            5..=7 => {
                let answer = service.refresh(&self.current).await;
                assert_eq!(answer.is_err(), self.has_ended);
                if let Ok(answer) = answer {
                    let same = self.lost.get_or_insert_with(|| answer.refresh_token.clone());
                    assert_eq!(*same, answer.refresh_token, "the lost answer is given again");
                }
            }
            8..=13 => assert_eq!(service.is_valid(&self.access).await, !self.has_ended),
            14 => {
                // The generation before the current one is accepted for a while, the one before it is not.
                if let [oldest, _, ..] = &self.replaced[..] {
                    assert_unauthenticated(service.refresh(oldest).await);
                    self.has_ended = true;
                }
            }
            _ => {
                service.log_out(None, &self.current).await.unwrap();
                self.has_ended = true;
            }
        }
    }

    async fn refresh(&mut self, service: &TestService) {
        match service.refresh(&self.current).await {
            Ok(RefreshReply { access_token, refresh_token, expires_in: _, refresh_expires_in: _ }) => {
                assert!(!self.has_ended);
                if let Some(lost) = self.lost.take() {
                    assert_eq!(lost, refresh_token);
                }
                self.replaced.push(std::mem::replace(&mut self.current, refresh_token));
                self.access = access_token;
            }
            Err(error) => {
                let error: ServiceError = error;
                assert_eq!((error.code(), self.has_ended), (ErrorCode::Unauthenticated, true));
            }
        }
    }
}
