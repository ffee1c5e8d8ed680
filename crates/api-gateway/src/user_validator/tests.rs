//! Tests against a fake auth-service.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use eventboard_chassis::{correlation::CorrelationId, error::ErrorCode};
use eventboard_client::CallTimings;
use eventboard_domain::Role;
use eventboard_proto::auth::{
    ChangeEmailReply, ChangeEmailRequest, ChangePasswordReply, ChangePasswordRequest, ForgetPasswordReply,
    ForgetPasswordRequest, GetMeReply, GetMeRequest, GetNotificationsRequest, ListAuditReply,
    ListAuditRequest, ListSessionsReply, ListSessionsRequest, LoginRequest, LogoutReply, LogoutRequest,
    NotificationsReply, RefreshReply, RefreshRequest, ResendVerificationReply, ResendVerificationRequest,
    ResetPasswordReply, ResetPasswordRequest, RevokeOtherSessionsReply, RevokeOtherSessionsRequest,
    RevokeSessionReply, RevokeSessionRequest, SessionReply, SetNotificationsRequest, SignupRequest,
    UnsubscribeReply, UnsubscribeRequest, VerifyEmailReply, VerifyEmailRequest, WithdrawEmailChangeReply,
    WithdrawEmailChangeRequest,
    auth_service_server::{AuthService, AuthServiceServer},
};
use tokio::{net::TcpListener, time::Instant};
use tonic::{Request, Response, Status, transport::server::TcpIncoming};
use uuid::Uuid;

use super::*;
use crate::{config::Config, testing::env};

/// Counts calls to `ValidateUser`. Responds with the configured result after the configured delay.
#[derive(Default)]
struct FakeAuth {
    calls: AtomicU32,
    error: Mutex<Option<Status>>,
    delay: Mutex<Duration>,
}

#[tonic::async_trait]
impl AuthService for FakeAuth {
    async fn validate_user(
        &self,
        _: Request<ValidateUserRequest>,
    ) -> Result<Response<ValidateUserReply>, Status> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let delay = *self.delay.lock().expect("not poisoned");
        tokio::time::sleep(delay).await;
        let error = self.error.lock().expect("not poisoned").clone();
        error.map_or(Ok(Response::new(ValidateUserReply {})), Err)
    }

    async fn signup(&self, _: Request<SignupRequest>) -> Result<Response<SessionReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn login(&self, _: Request<LoginRequest>) -> Result<Response<SessionReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn refresh(&self, _: Request<RefreshRequest>) -> Result<Response<RefreshReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn logout(&self, _: Request<LogoutRequest>) -> Result<Response<LogoutReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn list_sessions(
        &self,
        _: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn revoke_session(
        &self,
        _: Request<RevokeSessionRequest>,
    ) -> Result<Response<RevokeSessionReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn revoke_other_sessions(
        &self,
        _: Request<RevokeOtherSessionsRequest>,
    ) -> Result<Response<RevokeOtherSessionsReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn change_password(
        &self,
        _: Request<ChangePasswordRequest>,
    ) -> Result<Response<ChangePasswordReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn forget_password(
        &self,
        _: Request<ForgetPasswordRequest>,
    ) -> Result<Response<ForgetPasswordReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn reset_password(
        &self,
        _: Request<ResetPasswordRequest>,
    ) -> Result<Response<ResetPasswordReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn verify_email(
        &self,
        _: Request<VerifyEmailRequest>,
    ) -> Result<Response<VerifyEmailReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn resend_verification(
        &self,
        _: Request<ResendVerificationRequest>,
    ) -> Result<Response<ResendVerificationReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn change_email(
        &self,
        _: Request<ChangeEmailRequest>,
    ) -> Result<Response<ChangeEmailReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn withdraw_email_change(
        &self,
        _: Request<WithdrawEmailChangeRequest>,
    ) -> Result<Response<WithdrawEmailChangeReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn get_me(&self, _: Request<GetMeRequest>) -> Result<Response<GetMeReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn list_audit(&self, _: Request<ListAuditRequest>) -> Result<Response<ListAuditReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn get_notifications(
        &self,
        _: Request<GetNotificationsRequest>,
    ) -> Result<Response<NotificationsReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn set_notifications(
        &self,
        _: Request<SetNotificationsRequest>,
    ) -> Result<Response<NotificationsReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn unsubscribe(
        &self,
        _: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }
}

async fn validator_of(fake: &Arc<FakeAuth>) -> UserValidator {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port().to_string();
    let service = AuthServiceServer::from_arc(Arc::clone(fake));
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let variables = [("AUTH_SERVICE_HOST", "127.0.0.1"), ("AUTH_SERVICE_PORT", port.as_str())];
    let config = Config::from_env(&mut env(variables));
    UserValidator::new(Clients::new(&config), config.policies.validate_user)
}

fn any_identity() -> Identity {
    Identity {
        user_id: Uuid::now_v7(),
        organization_id: Uuid::now_v7(),
        role: Role::User,
        session: eventboard_domain::TokenSession::UNDATED,
    }
}

async fn validate(validator: &UserValidator, identity: &Identity, time: Duration) -> Result<(), ErrorCode> {
    let context = CallContext {
        correlation: CorrelationId::new(),
        traceparent: None,
        authorization: None,
        client: None,
        request_id: Uuid::now_v7(),
        timings: CallTimings::default(),
    };
    let policy = CallPolicy { deadline: Instant::now() + time, ..validator.policy.start() };
    validator.validate(identity.clone(), &context, policy).await.map_err(|error| error.code())
}

const LONG: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_valid_user_is_cached_until_the_claims_change() {
    let fake = Arc::new(FakeAuth::default());
    let validator = validator_of(&fake).await;
    let user = any_identity();
    for _ in 0..3 {
        assert_eq!(validate(&validator, &user, LONG).await, Ok(()));
    }
    assert_eq!(fake.calls.load(Ordering::Relaxed), 1);
    let promoted = Identity { role: Role::Admin, ..user };
    assert_eq!(validate(&validator, &promoted, LONG).await, Ok(()));
    assert_eq!(fake.calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_rejection_is_not_cached() {
    let fake = Arc::new(FakeAuth::default());
    *fake.error.lock().expect("not poisoned") = Some(Status::unauthenticated("disabled"));
    let validator = validator_of(&fake).await;
    let user = any_identity();
    assert_eq!(validate(&validator, &user, LONG).await, Err(ErrorCode::Unauthenticated));
    *fake.error.lock().expect("not poisoned") = None;
    assert_eq!(validate(&validator, &user, LONG).await, Ok(()));
}

#[tokio::test]
async fn concurrent_requests_of_one_user_share_one_call() {
    let fake = Arc::new(FakeAuth::default());
    *fake.delay.lock().expect("not poisoned") = Duration::from_millis(100);
    let validator = validator_of(&fake).await;
    let user = any_identity();
    let all = futures::future::join_all((0..20).map(|_| validate(&validator, &user, LONG))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fake.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_deadline_of_one_request_does_not_fail_another() {
    let fake = Arc::new(FakeAuth::default());
    *fake.delay.lock().expect("not poisoned") = Duration::from_millis(200);
    let validator = validator_of(&fake).await;
    let user = any_identity();
    let (short, long) = tokio::join!(
        validate(&validator, &user, Duration::from_millis(100)),
        validate(&validator, &user, LONG),
    );
    assert_eq!(short, Err(ErrorCode::DeadlineExceeded));
    assert_eq!(long, Ok(()));
}
