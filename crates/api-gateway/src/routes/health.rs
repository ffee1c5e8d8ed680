//! `/health`: for operators and their tools. Neither limited nor shed: it must tell of an overload and not be part of it.

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};
use eventboard_chassis::health::Health;
use utoipa::{ToSchema, openapi::schema::Object};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter},
    routes,
};

use super::operations;
use crate::openapi::{OperationDescription, schemas::one_of};

/// The tag of these operations in the document.
const TAG: &str = "infrastructure";

/// The routes of this health.
pub(crate) fn routes(health: &Health) -> OpenApiRouter {
    OpenApiRouter::default()
        .routes(described(routes!(overall)))
        .routes(described(routes!(live)))
        .routes(described(routes!(ready)))
        .with_state(health.clone())
}

/// Is everything there that is needed?
#[utoipa::path(
    get, path = "/health", tag = TAG, operation_id = "health",
    responses(
        (status = 200, description = "Yes.", body = HealthDocument),
        (
            status = 503, description = "No; a dependency is away, or the gateway drains.", body = HealthDocument,
            headers(("Retry-After")),
        ),
    ),
    extensions(("x-who" = json!("anybody"))),
)]
async fn overall(State(health): State<Health>) -> Response {
    health.overall()
}

/// Does the process answer?
#[utoipa::path(
    get, path = "/health/live", tag = TAG, operation_id = "live",
    responses((status = 200, description = "Yes.", body = HealthDocument)),
    extensions(("x-who" = json!("anybody"))),
)]
async fn live(State(health): State<Health>) -> Response {
    health.live()
}

/// Does the gateway want work?
#[utoipa::path(
    get, path = "/health/ready", tag = TAG, operation_id = "ready",
    responses(
        (status = 200, description = "Yes.", body = HealthDocument),
        (status = 503, description = "No; the gateway drains.", body = HealthDocument, headers(("Retry-After"))),
    ),
    extensions(("x-who" = json!("anybody"))),
)]
async fn ready(State(health): State<Health>) -> Response {
    health.ready()
}

fn described((schemas, mut paths, methods): UtoipaMethodRouter<Health>) -> UtoipaMethodRouter<Health> {
    for operation in paths.paths.values_mut().flat_map(operations) {
        *operation = OperationDescription::begin(operation).always_answered();
    }
    (schemas, paths, methods)
}

/// A health document, as the chassis answers it; it knows nothing of the API's document itself.
#[derive(ToSchema)]
#[schema(as = Health, description = "What there is, and whether it is well.", example = json!({
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
    /// Seconds since the start.
    #[schema(minimum = 0)]
    uptime: u64,
    /// Each dependency by name.
    checks: BTreeMap<String, HealthCheck>,
}

/// One dependency.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct HealthCheck {
    #[schema(schema_with = up_or_down)]
    status: String,
    /// Why it is down.
    #[schema(nullable = false)]
    message: Option<String>,
}

fn ok_or_error() -> Object {
    one_of(["ok", "error"]).build()
}

fn up_or_down() -> Object {
    one_of(["up", "down"]).build()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use crate::testing::{api_document, gateway, json, send};

    #[tokio::test]
    async fn the_document_is_described_as_it_is_served() {
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
