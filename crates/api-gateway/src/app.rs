//! The router: all routes and the layers around them.

use anyhow::Context;
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
        access_log, admission, correlation,
        cors::CorsPolicy,
        head_limit, problem,
        rate_limit::{self, RateLimiter},
        refusal_pace::{self, RefusalPace},
        requester::{self, Requesters},
        route, unread_body, unread_responses,
    },
    openapi::{self, PublicOperations},
    policy::Policies,
    problem::{HttpError, Problem},
    routes,
    state::AppState,
};

/// The whole gateway as one router.
///
/// # Errors
/// When the paths of the operations contradict each other, which is a defect.
pub(crate) fn router(config: &Config, clients: Clients, health: &Health) -> anyhow::Result<Router> {
    let state = AppState::new(config, clients);
    let Routes { api, health, document } = routes(&config.policies, health);
    let requesters = Requesters::new(config, public_operations(&document)?);
    // The layers wrap routers, not single routes. For every request, axum clones the route once for each layer on
    // that route, with everything inside. Cloning a router only copies one shared pointer.
    //
    // The order of the layers:
    // - The head is measured first, so that no other layer works on a large one.
    // - The token is verified before the request is counted, because the token identifies the user to be limited.
    // - A refusal is delayed after the request has given back everything that others need.
    // - A request waits for room for its response before it takes anything that others need.
    // - The request is counted before it is admitted, so that a client over its limit takes no capacity from others.
    //   A client within its limit takes at most its share of the places.
    // - The deadline belongs to each route and starts only after admission.
    //
    // The body is received where it is read, because other errors (such as 401) take precedence. Meanwhile the request
    // gives its place back, so that a client who sends slowly takes no capacity either.
    let limited = ServiceBuilder::new()
        .layer(layer_fn((), head_limit::limit_head))
        .layer(layer_fn(TokenVerifier::new(&config.token), verify_token))
        .layer(layer_fn(requesters, requester::identify))
        .layer(layer_fn(RefusalPace::new(), refusal_pace::delay_refusals))
        .layer(layer_fn((), unread_responses::bound_response))
        .layer(layer_fn(RateLimiter::new(config), rate_limit::enforce_rate_limit))
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
    Ok(Router::new().fallback_service(service))
}

fn public_operations(document: &OpenApi) -> anyhow::Result<PublicOperations> {
    PublicOperations::of(document, &routes::DOCS_FILES).context("the paths contradict each other")
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

/// The operations that ignore the token.
#[cfg(test)]
pub(crate) fn public_operations_of(config: &Config, health: &Health) -> anyhow::Result<PublicOperations> {
    public_operations(&routes(&config.policies, health).document)
}

#[cfg(test)]
mod tests;
