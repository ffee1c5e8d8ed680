//! The routes with everything around them.

use std::sync::Arc;

use axum::Router;
use eventboard_chassis::{
    health::Health,
    layer::layer_fn,
    server::{Admission, verify_token},
    token::TokenVerifier,
};
use tower::ServiceBuilder;

use crate::{
    clients::Clients,
    config::Config,
    middleware::{
        access_log, admission, correlation, cors::CorsPolicy, problem, rate_limit, route, unread_body,
    },
    problem::{Edge, Problem},
    routes,
    sessions::Sessions,
};

/// What the handlers share; it is cloned for every request.
#[derive(Clone)]
pub(crate) struct Gateway(Arc<GatewayParts>);

struct GatewayParts {
    clients: Clients,
    sessions: Sessions,
}

impl Gateway {
    fn new(config: &Config, clients: Clients) -> Self {
        let sessions = Sessions::new(clients.clone(), config.policies.login);
        Self(Arc::new(GatewayParts { clients, sessions }))
    }

    /// The services.
    pub(crate) fn clients(&self) -> &Clients {
        &self.0.clients
    }

    /// Who is confirmed.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }
}

/// The whole gateway as one service.
pub(crate) fn router(config: &Config, clients: Clients, health: &Health) -> Router {
    let gateway = Gateway::new(config, clients);
    // The layers stand around routers and not on their routes: axum clones a route with everything on it for every
    // request, once for each of its layers, while a router is one shared pointer.
    //
    // A token is verified before requests are counted, because it says whose they are; a request is counted before there
    // is room for it, because a client beyond its limit must not take room from others; the deadline, which each route
    // has for itself, covers only what was let in. The limit of the body is enforced where it is read: before that, other
    // answers come first.
    let limited = ServiceBuilder::new()
        .layer(layer_fn(TokenVerifier::new(&config.token), verify_token))
        .layer(layer_fn(rate_limit::RateLimiter::new(config), rate_limit::limit))
        .layer(layer_fn(Admission::new(config.load.max_concurrent_requests), admission::admit))
        .service(
            routes::api(&config.policies)
                .with_state(gateway)
                .merge(routes::docs())
                .layer(layer_fn((), route::tell))
                .fallback(async || Problem::from(Edge::UnknownPath)),
        );
    // Health is neither limited nor shed: it must tell of an overload and not be part of it.
    let routes = health.routes().layer(layer_fn((), route::tell)).fallback_service(limited);
    // A request has its name before anything is logged, the log has the status that the client gets, and a panic is a
    // problem like any other.
    let edge = ServiceBuilder::new()
        .layer(layer_fn((), correlation::correlate))
        .layer(layer_fn(access_log::Requests::new(), access_log::record))
        .layer(layer_fn((), unread_body::announce_close))
        .layer(layer_fn((), problem::render))
        .layer(layer_fn((), problem::catch_panic))
        .layer(CorsPolicy::new(&config.allowed_origins))
        .service(routes);
    Router::new().fallback_service(edge)
}

#[cfg(test)]
mod tests;
