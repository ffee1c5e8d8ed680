//! Helpers for unit tests in several modules.

pub(crate) mod fake_auth;

use axum::{Router, body::Body};
use eventboard_chassis::{
    config::Env,
    health::Health,
    shutdown::Shutdown,
    token::{Identity, TokenConfig, TokenIssuer},
};
use eventboard_domain::Role;
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use uuid::Uuid;

use crate::{app, config::Config, openapi::PublicOperations};

/// An environment with only these variables, of a gateway that no other machine can reach.
pub(crate) fn env<const N: usize>(variables: [(&str, &str); N]) -> Env {
    let env: Env = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    env.with_default("HOST", "127.0.0.1")
}

/// The whole gateway without its services: both are configured with a port on which nothing listens.
pub(crate) fn gateway<const N: usize>(variables: [(&str, &str); N]) -> Router {
    let mut env = env(variables)
        .with_default("AUTH_SERVICE_PORT", "1")
        .with_default("EVENTS_SERVICE_PORT", "1")
        .with_default("RETRY_BASE", "1ms");
    let config = Config::from_env(&mut env);
    env.finish().expect("good variables");
    let health = Health::of_gateway(crate::NAME, Shutdown::new(), Vec::new());
    app::router(&config, config.clients(), &health, Shutdown::new()).expect("consistent paths")
}

/// The operations that ignore the token.
pub(crate) fn public_operations() -> PublicOperations {
    let config = Config::from_env(&mut env([]));
    let health = Health::of_gateway(crate::NAME, Shutdown::new(), Vec::new());
    app::public_operations_of(&config, &health).expect("consistent paths")
}

/// The value of an `Authorization` header that [`gateway`] accepts.
pub(crate) fn bearer(user_id: Uuid) -> String {
    let config = TokenConfig::from_env(&mut env([]));
    let identity = Identity {
        user_id,
        organization_id: Uuid::now_v7(),
        role: Role::User,
        session: eventboard_domain::TokenSession::UNDATED,
    };
    let issuer = TokenIssuer::new(&config, std::time::Duration::from_secs(60));
    format!("Bearer {}", issuer.issue(&identity, "a@b.cd").expect("a token"))
}

/// Sends one request to a router, with a `Host` unless it has one.
pub(crate) async fn send(router: &Router, request: http::request::Builder, body: &str) -> Response<Body> {
    let mut request: Request<Body> = request.body(Body::from(body.to_owned())).expect("a request");
    request.headers_mut().entry(header::HOST).or_insert(HeaderValue::from_static("localhost"));
    router.clone().oneshot(request).await.expect("a router does not fail")
}

/// The body as JSON, or null if it is not JSON.
pub(crate) async fn json(response: Response<Body>) -> Value {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

/// The OpenAPI document as the gateway serves it.
pub(crate) async fn api_document() -> Value {
    json(send(&gateway([]), Request::get("/api/openapi.json"), "").await).await
}
