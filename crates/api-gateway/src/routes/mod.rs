//! The routes, a folder a resource: handlers, what they read, and what they answer.

pub(crate) mod auth;
mod docs;
pub(crate) mod events;
mod time;

use axum::{Router, routing::MethodRouter};
use eventboard_chassis::layer::layer_fn;

pub(crate) use self::docs::{DOCUMENT_PATH, UI_PATH, routes as docs};
use crate::{
    app::Gateway,
    middleware::deadline,
    policy::{Policies, Policy},
};

/// The routes that call services.
pub(crate) fn api(policies: &Policies) -> Router<Gateway> {
    auth::routes(policies).merge(events::routes(policies))
}

/// Gives the methods of a route their row of the policy table.
fn under(policy: Policy, methods: MethodRouter<Gateway>) -> MethodRouter<Gateway> {
    methods.route_layer(layer_fn(policy, deadline::keep))
}
