//! Tests against a fake auth-service.

use std::sync::{Arc, atomic::Ordering};

use eventboard_chassis::{correlation::CorrelationId, error::ErrorCode};
use eventboard_client::CallTimings;
use eventboard_domain::Role;
use tokio::time::Instant;
use tonic::Status;
use uuid::Uuid;

use super::*;
use crate::{
    config::Config,
    testing::{env, fake_auth::FakeAuth},
};

async fn validator_of(fake: &Arc<FakeAuth>) -> UserValidator {
    let port = fake.serve().await;
    let variables = [("AUTH_SERVICE_HOST", "127.0.0.1"), ("AUTH_SERVICE_PORT", port.as_str())];
    let config = Config::from_env(&mut env(variables));
    UserValidator::new(config.clients(), config.policies.validate_user)
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
