//! The routes with everything around them.

use axum::Router;
use eventboard_chassis::{
    health::Health,
    layer::layer_fn,
    server::{Admission, verify_token},
    token::TokenVerifier,
};
use tower::ServiceBuilder;
use utoipa::openapi::OpenApi;

use crate::{
    clients::Clients,
    config::Config,
    gateway::Gateway,
    middleware::{
        access_log, admission, correlation, cors::CorsPolicy, problem, rate_limit, route, unread_body,
    },
    openapi,
    policy::Policies,
    problem::{Edge, Problem},
    routes,
};

/// The whole gateway as one service.
pub(crate) fn router(config: &Config, clients: Clients, health: &Health) -> Router {
    let gateway = Gateway::new(config, clients);
    let Routes { api, health, document } = routes(&config.policies, health);
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
            api.with_state(gateway)
                .merge(routes::docs(document))
                .layer(layer_fn((), route::tell))
                .fallback(async || Problem::from(Edge::UnknownPath)),
        );
    // Health is neither limited nor shed: it must tell of an overload and not be part of it.
    let routes = health.layer(layer_fn((), route::tell)).fallback_service(limited);
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

/// All routes, and the document that describes them.
struct Routes {
    api: Router<Gateway>,
    health: Router,
    document: OpenApi,
}

fn routes(policies: &Policies, health: &Health) -> Routes {
    let (api, mut described) = routes::api(policies).split_for_parts();
    let (health, of_health) = routes::health(health).split_for_parts();
    described.merge(of_health);
    described.merge(routes::described_docs());
    Routes { api, health, document: openapi::document(described) }
}

#[cfg(test)]
mod tests;
