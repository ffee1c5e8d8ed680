//! The routes, a file or folder a resource. Each operation is whole where it stands: what it reads, what it answers, its
//! words in the API's document, its handler; `routes` of the file gives it its row of the policy table.

mod auth;
mod docs;
mod events;
mod health;
mod time;

use axum::routing::MethodRouter;
use eventboard_chassis::layer::layer_fn;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

pub(crate) use self::{
    docs::{described as described_docs, routes as docs},
    health::routes as health,
};
use crate::{
    gateway::Gateway,
    middleware::deadline,
    openapi::{DescribedHandler, OperationDescription},
    policy::{Policies, Policy},
};

/// The routes that call services.
pub(crate) fn api(policies: &Policies) -> OpenApiRouter<Gateway> {
    auth::routes(policies).merge(events::routes(policies))
}

/// One operation with its row of the policy table, to be added to a router and to the document at once.
macro_rules! operation {
    ($policy:expr, $handler:ident) => {
        $crate::routes::with_policy($policy, utoipa_axum::routes!($handler), $handler)
    };
}
use operation;

fn with_policy<Arguments, H: DescribedHandler<Arguments>>(
    policy: Policy,
    (mut schemas, mut paths, methods): UtoipaMethodRouter<Gateway>,
    _handler: H,
) -> UtoipaMethodRouter<Gateway> {
    for operation in paths.paths.values_mut().flat_map(operations) {
        let mut description = OperationDescription::begin(operation);
        H::describe(&mut description);
        let (described, used) = description.with_policy(policy);
        *operation = described;
        schemas.extend(used);
    }
    (schemas, paths, within_deadline(policy, methods))
}

fn within_deadline(policy: Policy, methods: MethodRouter<Gateway>) -> MethodRouter<Gateway> {
    methods.route_layer(layer_fn(policy, deadline::keep))
}

/// The operations of a path.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}
