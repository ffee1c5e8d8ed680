//! The router: all routes and the layers around them.

use anyhow::Context;
use axum::Router;
use board::Board;
use eventboard_chassis::{
    client_address::ClientSigner,
    health::Health,
    layer::layer_fn,
    server::{Admission, verify_token},
    shutdown::{Shutdown, count_request},
    token::TokenVerifier,
};
use eventboard_client::Clients;
use tower::ServiceBuilder;
use utoipa::openapi::OpenApi;

use crate::{
    config::Config,
    middleware::{
        access_log, admission,
        compression::{self, Compressor},
        conditional, correlation,
        cors::CorsPolicy,
        deadline, head_limit, host, problem,
        rate_limit::{self, RateLimiter},
        refusal_pace::{self, RefusalPace},
        requester::{self, Requesters},
        route, server_timing, unread_body, unread_responses,
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
pub(crate) fn router(
    config: &Config,
    clients: Clients,
    health: &Health,
    shutdown: Shutdown,
) -> anyhow::Result<Router> {
    let board = config
        .board
        .clone()
        .map(|board| Board::new(board, clients.clone(), ClientSigner::new(&config.token.secret)));
    let state = AppState::new(config, clients);
    let Routes { api, index, health, document } = routes(&config.policies, health, board.is_some());
    let requesters = Requesters::new(config, public_operations(&document)?, board.clone());
    // The layers wrap routers, not single routes. For every request, axum clones the route once for each layer on
    // that route, with everything inside. Cloning a router only copies one shared pointer.
    //
    // The order of the layers:
    // - The head is measured first, so that no other layer works on a large one.
    // - The token is verified before the request is counted, because the token identifies the user to be limited.
    // - A form is received before anything may refuse its request, so that every error page keeps what was typed.
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
        .layer(layer_fn(board.clone(), board::receive_form))
        .layer(layer_fn(RefusalPace::new(), refusal_pace::delay_refusals))
        .layer(layer_fn((), unread_responses::bound_response))
        .layer(layer_fn(RateLimiter::new(config), rate_limit::enforce_rate_limit))
        .layer(layer_fn(Admission::new(config.load.max_concurrent_requests), admission::admit))
        .service(
            // A load balancer may check the index, so only requests of clients count.
            api.merge(pages(board.as_ref(), config))
                .with_state(state)
                .layer(layer_fn(shutdown, count_request))
                .merge(index)
                .merge(routes::docs(&document)?)
                .layer(layer_fn((), route::record_matched_path))
                .fallback(async || Problem::from(HttpError::UnknownPath)),
        );
    // Health checks are neither rate-limited nor shed, so that they can report an overload. Nor are the files of the board, without
    // which its error pages could not be read.
    let assets = if board.is_some() { Board::assets() } else { Router::new() };
    let routes =
        health.merge(assets).layer(layer_fn((), route::record_matched_path)).fallback_service(limited);
    // The correlation ID is assigned before anything is logged. The access log sees the final status. Every response is
    // compressed, also problem details. A panic becomes a problem details response like any other error. The host is
    // checked before anything depends on the request. The conditions of a read are evaluated with its response.
    let service = ServiceBuilder::new()
        .layer(layer_fn((), correlation::correlate))
        .layer(layer_fn((), server_timing::measure))
        .layer(layer_fn(access_log::RequestMetrics::new(), access_log::log_request))
        .layer(layer_fn((), unread_body::announce_close))
        .layer(layer_fn(Compressor::new(), compression::compress))
        .layer(layer_fn(board, problem::render))
        .layer(layer_fn((), problem::catch_panic))
        .layer(layer_fn((), host::require_host))
        .layer(CorsPolicy::new(&config.allowed_origins))
        .layer(layer_fn((), conditional::evaluate))
        .service(routes);
    Ok(Router::new().fallback_service(service))
}

/// The pages of the board. Reading one has the deadline of a list, and sending a form that of a write: a page makes several calls.
fn pages(board: Option<&Board>, config: &Config) -> Router<AppState> {
    let Some(board) = board else { return Router::new() };
    let policies = &config.policies;
    let pages =
        board.pages().route_layer(layer_fn((policies.list, policies.write), deadline::enforce_page_deadline));
    let export = routes::board_export(policies, board.clone(), TokenVerifier::new(&config.token));
    export.merge(pages.with_state(()))
}

fn public_operations(document: &OpenApi) -> anyhow::Result<PublicOperations> {
    let files = [&routes::DOCS_FILES[..], &routes::INDEX_FILES].concat();
    PublicOperations::of(document, &files).context("the paths contradict each other")
}

/// All routes and the OpenAPI document that describes them.
struct Routes {
    api: Router<AppState>,
    index: Router,
    health: Router,
    document: OpenApi,
}

fn routes(policies: &Policies, health: &Health, has_board: bool) -> Routes {
    let (api, mut operations) = routes::api(policies).split_for_parts();
    let (index, index_operations) = routes::index(has_board).split_for_parts();
    let (health, health_operations) = routes::health(health).split_for_parts();
    operations.merge(index_operations);
    operations.merge(health_operations);
    operations.merge(routes::docs_operations());
    Routes { api, index, health, document: openapi::document(operations) }
}

/// The operations that ignore the token.
#[cfg(test)]
pub(crate) fn public_operations_of(config: &Config, health: &Health) -> anyhow::Result<PublicOperations> {
    public_operations(&routes(&config.policies, health, true).document)
}

#[cfg(test)]
mod tests;
