//! The router: all routes and the layers around them.

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
    middleware::{
        access_log, admission, correlation, cors::CorsPolicy, problem, rate_limit, route, unread_body,
    },
    openapi,
    policy::Policies,
    problem::{HttpError, Problem},
    routes,
    state::AppState,
};

/// The whole gateway as one router.
pub(crate) fn router(config: &Config, clients: Clients, health: &Health) -> Router {
    let state = AppState::new(config, clients);
    let Routes { api, health, document } = routes(&config.policies, health);
    // The layers wrap routers, not single routes. For every request, axum clones the route once for each layer on
    // that route, with everything inside. Cloning a router only copies one shared pointer.
    //
    // The order of the layers:
    // - The token is verified before the request is counted, because the token identifies the user to be limited.
    // - The request is counted before it is admitted, so that a client over its limit takes no capacity from others.
    // - The deadline belongs to each route and starts only after admission.
    //
    // The body limit is enforced where the body is read, because other errors (such as 401) take precedence.
    let limited = ServiceBuilder::new()
        .layer(layer_fn(TokenVerifier::new(&config.token), verify_token))
        .layer(layer_fn(rate_limit::RateLimiter::new(config), rate_limit::enforce_rate_limit))
        .layer(layer_fn(Admission::new(config.load.max_concurrent_requests), admission::admit))
        .service(
            api.with_state(state)
                .merge(routes::docs(document))
                .layer(layer_fn((), route::record_matched_path))
                .fallback(async || Problem::from(HttpError::UnknownPath)),
        );
    // Health checks are neither rate-limited nor shed, so that they can report an overload.
    let routes = health.layer(layer_fn((), route::record_matched_path)).fallback_service(limited);
    // The correlation ID is assigned before anything is logged. The access log sees the final status. A panic becomes
    // a problem details response like any other error.
    let service = ServiceBuilder::new()
        .layer(layer_fn((), correlation::correlate))
        .layer(layer_fn(access_log::RequestMetrics::new(), access_log::log_request))
        .layer(layer_fn((), unread_body::announce_close))
        .layer(layer_fn((), problem::render))
        .layer(layer_fn((), problem::catch_panic))
        .layer(CorsPolicy::new(&config.allowed_origins))
        .service(routes);
    Router::new().fallback_service(service)
}

/// All routes and the OpenAPI document that describes them.
struct Routes {
    api: Router<AppState>,
    health: Router,
    document: OpenApi,
}

fn routes(policies: &Policies, health: &Health) -> Routes {
    let (api, mut operations) = routes::api(policies).split_for_parts();
    let (health, health_operations) = routes::health(health).split_for_parts();
    operations.merge(health_operations);
    operations.merge(routes::docs_operations());
    Routes { api, health, document: openapi::document(operations) }
}

#[cfg(test)]
mod tests;
