//! The routes, one file or folder per resource. A file has everything about its operations: input, responses, OpenAPI
//! texts and handlers. The function `routes` of a file assigns a row of the policy table to each operation.

mod account;
mod audit;
mod auth;
mod docs;
mod emails;
mod events;
mod export;
mod health;
mod index;
mod invitations;
mod members;
mod notifications;
mod organization;
mod passwords;
mod people;
mod responses;
mod sessions;
mod time;

use axum::routing::MethodRouter;
use eventboard_chassis::layer::layer_fn;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

pub(crate) use self::{
    docs::{FILES as DOCS_FILES, operations as docs_operations, routes as docs},
    export::board_export,
    health::routes as health,
    index::{FILES as INDEX_FILES, routes as index},
};
use crate::{
    middleware::deadline,
    openapi::{DescribedHandler, OperationDescription},
    policy::{OperationPolicy, Policies},
    state::AppState,
};

/// The routes that call services.
pub(crate) fn api(policies: &Policies) -> OpenApiRouter<AppState> {
    auth::routes(policies)
        .merge(account::routes(policies))
        .merge(export::routes(policies))
        .merge(sessions::routes(policies))
        .merge(passwords::routes(policies))
        .merge(emails::routes(policies))
        .merge(notifications::routes(policies))
        .merge(organization::routes(policies))
        .merge(members::routes(policies))
        .merge(people::routes(policies))
        .merge(invitations::routes(policies))
        .merge(audit::routes(policies))
        .merge(events::routes(policies))
}

/// An operation with its row in the policy table. The macro adds it to the router and to the OpenAPI document at
/// once, so that both always have the same operations.
macro_rules! operation {
    ($policy:expr, $handler:ident) => {
        $crate::routes::with_policy($policy, utoipa_axum::routes!($handler), $handler)
    };
}
use operation;

fn with_policy<Arguments, H: DescribedHandler<Arguments>>(
    policy: OperationPolicy,
    (mut schemas, mut paths, methods): UtoipaMethodRouter<AppState>,
    _handler: H,
) -> UtoipaMethodRouter<AppState> {
    for operation in paths.paths.values_mut().flat_map(operations_of) {
        let mut description = OperationDescription::new(operation);
        H::describe(&mut description);
        let (completed, used_schemas) = description.with_policy(policy);
        *operation = completed;
        schemas.extend(used_schemas);
    }
    (schemas, paths, with_deadline(policy, methods))
}

fn with_deadline(policy: OperationPolicy, methods: MethodRouter<AppState>) -> MethodRouter<AppState> {
    methods.route_layer(layer_fn(policy, deadline::enforce_deadline))
}

/// The operations of a path.
fn operations_of(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}
