//! `/health`: health checks. They are neither rate-limited nor shed, so that they can report an overload.

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};
use eventboard_chassis::health::Health;
use utoipa::{ToSchema, openapi::schema::Object};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter},
    routes,
};

use super::operations_of;
use crate::openapi::{OperationDescription, schemas::string_enum};

/// The OpenAPI tag of these operations.
const TAG: &str = "infrastructure";

/// The health routes.
pub(crate) fn routes(health: &Health) -> OpenApiRouter {
    OpenApiRouter::default()
        .routes(with_description(routes!(overall)))
        .routes(with_description(routes!(live)))
        .routes(with_description(routes!(ready)))
        .with_state(health.clone())
}

/// Check health
///
/// Checks the gateway and every service that it depends on.
#[utoipa::path(
    get, path = "/health", tag = TAG, operation_id = "getHealth",
    responses(
        (status = 200, description = "The gateway and its dependencies are healthy.", body = HealthDocument),
        (
            status = 503, description = "A dependency is down, or the gateway is shutting down.",
            body = HealthDocument, headers(("Retry-After")),
        ),
    ),
    extensions(("x-access" = json!("anyone"))),
)]
async fn overall(State(health): State<Health>) -> Response {
    health.overall()
}

/// Check liveness
///
/// Only says that the process responds. Restart it if it does not.
#[utoipa::path(
    get, path = "/health/live", tag = TAG, operation_id = "getLiveness",
    responses((status = 200, description = "The process is running.", body = HealthDocument)),
    extensions(("x-access" = json!("anyone"))),
)]
async fn live(State(health): State<Health>) -> Response {
    health.live()
}

/// Check readiness
///
/// Send requests to this replica only while it is ready.
#[utoipa::path(
    get, path = "/health/ready", tag = TAG, operation_id = "getReadiness",
    responses(
        (status = 200, description = "The gateway accepts requests.", body = HealthDocument),
        (
            status = 503,
            description = "The gateway is shutting down, or was just started and has not reached its services yet.",
            body = HealthDocument, headers(("Retry-After")),
        ),
    ),
    extensions(("x-access" = json!("anyone"))),
)]
async fn ready(State(health): State<Health>) -> Response {
    health.ready()
}

fn with_description((schemas, mut paths, methods): UtoipaMethodRouter<Health>) -> UtoipaMethodRouter<Health> {
    for operation in paths.paths.values_mut().flat_map(operations_of) {
        *operation = OperationDescription::new(operation).without_limits();
    }
    (schemas, paths, methods)
}

/// The schema of the health document. It is declared here, because the chassis, which generates the document, does
/// not use OpenAPI.
#[derive(ToSchema)]
#[schema(as = Health, description = "The health of the gateway and its dependencies.", example = json!({
    "status": "ok",
    "service": "api-gateway",
    "version": "0.1.0",
    "uptime": 42,
    "checks": {"auth-service": {"status": "up"}, "events-service": {"status": "up"}},
}))]
#[expect(dead_code, reason = "only its schema is used")]
struct HealthDocument {
    #[schema(schema_with = ok_or_error)]
    status: String,
    service: String,
    version: String,
    /// Seconds since the process started.
    #[schema(minimum = 0)]
    uptime: u64,
    /// The health of each dependency, by name.
    checks: BTreeMap<String, HealthCheck>,
}

/// The health of one dependency.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct HealthCheck {
    #[schema(schema_with = up_or_down)]
    status: String,
    /// Why the dependency is down.
    #[schema(nullable = false)]
    message: Option<String>,
}

fn ok_or_error() -> Object {
    string_enum(["ok", "error"]).build()
}

fn up_or_down() -> Object {
    string_enum(["up", "down"]).build()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use crate::testing::{api_document, gateway, json, send};

    #[tokio::test]
    async fn the_schema_has_the_members_of_the_served_document() {
        let served = json(send(&gateway([]), Request::get("/health"), "").await).await;
        let described = &api_document().await["components"]["schemas"]["Health"]["properties"];
        let names = |value: &serde_json::Value| {
            let mut names: Vec<_> = value.as_object().expect("an object").keys().cloned().collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names(&served), names(described));
    }
}
