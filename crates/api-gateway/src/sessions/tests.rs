//! Against an auth-service of a few lines.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use eventboard_chassis::{correlation::CorrelationId, error::ErrorCode};
use eventboard_domain::Role;
use eventboard_proto::auth::{
    GetMeReply, GetMeRequest, LoginRequest, SessionReply, SignupRequest,
    auth_service_server::{AuthService, AuthServiceServer},
};
use tokio::{net::TcpListener, time::Instant};
use tonic::{Request, Response, Status, transport::server::TcpIncoming};
use uuid::Uuid;

use super::*;
use crate::{config::Config, testing::env};

/// Answers `ValidateUser` with what it was told, after a while, and counts.
#[derive(Default)]
struct FakeAuth {
    asked: AtomicU32,
    answer: Mutex<Option<Status>>,
    takes: Mutex<Duration>,
}

#[tonic::async_trait]
impl AuthService for FakeAuth {
    async fn validate_user(
        &self,
        _: Request<ValidateUserRequest>,
    ) -> Result<Response<ValidateUserReply>, Status> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let takes = *self.takes.lock().expect("not poisoned");
        tokio::time::sleep(takes).await;
        let refusal = self.answer.lock().expect("not poisoned").clone();
        refusal.map_or(Ok(Response::new(ValidateUserReply {})), Err)
    }

    async fn signup(&self, _: Request<SignupRequest>) -> Result<Response<SessionReply>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn login(&self, _: Request<LoginRequest>) -> Result<Response<SessionReply>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn get_me(&self, _: Request<GetMeRequest>) -> Result<Response<GetMeReply>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}

async fn sessions(fake: &Arc<FakeAuth>) -> Sessions {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port().to_string();
    let service = AuthServiceServer::from_arc(Arc::clone(fake));
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let variables = [("AUTH_SERVICE_HOST", "127.0.0.1"), ("AUTH_SERVICE_PORT", port.as_str())];
    let config = Config::from_env(&mut env(variables));
    Sessions::new(Clients::new(&config), config.policies.login)
}

fn somebody() -> Identity {
    Identity { user_id: Uuid::now_v7(), organization_id: Uuid::now_v7(), role: Role::User }
}

async fn confirm(sessions: &Sessions, identity: &Identity, time: Duration) -> Result<(), ErrorCode> {
    let context = CallContext {
        correlation: CorrelationId::new(),
        traceparent: None,
        authorization: None,
        request_id: Uuid::now_v7(),
    };
    let policy = CallPolicy { deadline: Instant::now() + time, ..sessions.policy.start() };
    sessions.confirm(identity.clone(), &context, policy).await.map_err(|error| error.code())
}

const LONG: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_confirmed_user_is_not_asked_for_again_until_the_claims_change() {
    let fake = Arc::new(FakeAuth::default());
    let sessions = sessions(&fake).await;
    let user = somebody();
    for _ in 0..3 {
        assert_eq!(confirm(&sessions, &user, LONG).await, Ok(()));
    }
    assert_eq!(fake.asked.load(Ordering::Relaxed), 1);
    let promoted = Identity { role: Role::Admin, ..user };
    assert_eq!(confirm(&sessions, &promoted, LONG).await, Ok(()));
    assert_eq!(fake.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let fake = Arc::new(FakeAuth::default());
    *fake.answer.lock().expect("not poisoned") = Some(Status::unauthenticated("disabled"));
    let sessions = sessions(&fake).await;
    let user = somebody();
    assert_eq!(confirm(&sessions, &user, LONG).await, Err(ErrorCode::Unauthenticated));
    *fake.answer.lock().expect("not poisoned") = None;
    assert_eq!(confirm(&sessions, &user, LONG).await, Ok(()));
}

#[tokio::test]
async fn requests_of_one_user_at_one_moment_ask_once() {
    let fake = Arc::new(FakeAuth::default());
    *fake.takes.lock().expect("not poisoned") = Duration::from_millis(100);
    let sessions = sessions(&fake).await;
    let user = somebody();
    let all = futures::future::join_all((0..20).map(|_| confirm(&sessions, &user, LONG))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fake.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_request_does_not_fail_by_the_deadline_of_another() {
    let fake = Arc::new(FakeAuth::default());
    *fake.takes.lock().expect("not poisoned") = Duration::from_millis(200);
    let sessions = sessions(&fake).await;
    let user = somebody();
    let (hurried, patient) =
        tokio::join!(confirm(&sessions, &user, Duration::from_millis(100)), confirm(&sessions, &user, LONG),);
    assert_eq!(hurried, Err(ErrorCode::DeadlineExceeded));
    assert_eq!(patient, Ok(()));
}
