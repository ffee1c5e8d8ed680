//! The routes with everything around them.

use axum::{Router, extract::FromRef, middleware};
use eventboard_chassis::{
    health::Health,
    server::{Admission, verify_token},
    token::TokenVerifier,
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    clients::Clients,
    config::Config,
    middleware::{access_log, admission, correlation, cors::CorsPolicy, problem, rate_limit, unread_body},
    problem::{Edge, Problem},
    routes,
    sessions::Sessions,
};

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Gateway {
    clients: Clients,
    sessions: Sessions,
}

impl Gateway {
    fn new(config: &Config) -> Self {
        let clients = Clients::new(config);
        let sessions = Sessions::new(clients.clone(), config.policies.login);
        Self { clients, sessions }
    }

    /// Who is confirmed.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}

impl FromRef<Gateway> for Clients {
    fn from_ref(gateway: &Gateway) -> Self {
        gateway.clients.clone()
    }
}

/// The whole gateway as one service.
pub(crate) fn router(config: &Config, health: &Health) -> Router {
    let gateway = Gateway::new(config);
    // Outermost last. A token is verified before requests are counted, because it says whose they
    // are; a request is counted before there is room for it, because a client beyond its limit must
    // not take room from others; the deadline, which each route has for itself, covers only what was
    // let in. The limit of the body is enforced where it is read: before that, other answers come first.
    let limited = routes::api(&config.policies)
        .with_state(gateway)
        .merge(routes::docs())
        .fallback(async || Problem::from(Edge::UnknownPath))
        .layer(middleware::from_fn_with_state(
            Admission::new(config.load.max_concurrent_requests),
            admission::admit,
        ))
        .layer(middleware::from_fn_with_state(rate_limit::RateLimiter::new(config), rate_limit::limit))
        .layer(middleware::from_fn_with_state(TokenVerifier::new(&config.token), verify_token));
    // Health is neither limited nor shed: it must tell of an overload and not be part of it. A request
    // has its name before anything is logged, the log has the status that the client gets, and a
    // panic is a problem like any other.
    limited
        .merge(health.routes())
        .layer(CorsPolicy::new(&config.allowed_origins))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn(problem::render))
        .layer(middleware::from_fn(unread_body::announce_close))
        .layer(middleware::from_fn(access_log::record))
        .layer(middleware::from_fn(correlation::correlate))
}

#[cfg(test)]
mod tests;
