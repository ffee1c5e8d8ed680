//! Ends a request at its deadline, and passes the deadline to the handler.

use crate::{policy::OperationPolicy, problem::Problem};
use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use eventboard_chassis::{
    error::ServiceError,
    layer::{Inner, Next},
};

/// The layer function. The body is read inside this layer, so a client that sends its body too slowly gets a 408 as
/// well.
pub(crate) async fn enforce_deadline(
    policy: OperationPolicy,
    mut request: Request,
    next: Next<impl Inner>,
) -> Response {
    let call_policy = policy.start();
    request.extensions_mut().insert(call_policy);
    let response = tokio::time::timeout_at(call_policy.deadline, next.run(request)).await;
    response.unwrap_or_else(|_| Problem::from(ServiceError::deadline_exceeded()).into_response())
}

/// The layer function for pages, with the policies for reading one and for sending a form.
pub(crate) async fn enforce_page_deadline(
    (read, write): (OperationPolicy, OperationPolicy),
    request: Request,
    next: Next<impl Inner>,
) -> Response {
    let policy = if request.method().is_safe() { read } else { write };
    enforce_deadline(policy, request, next).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{Router, routing::get};
    use eventboard_chassis::layer::layer_fn;
    use eventboard_client::RetryOn;
    use http::{Request, StatusCode};
    use tokio::time::Instant;

    use super::*;
    use crate::testing::send;

    #[tokio::test(start_paused = true)]
    async fn a_request_ends_at_its_deadline() {
        let policy = OperationPolicy {
            deadline: Duration::from_secs(5),
            attempts: 1,
            retry_on: RetryOn::Unavailable,
            env_prefix: "READ",
        };
        let router = Router::new()
            .route("/", get(std::future::pending::<()>))
            .route_layer(layer_fn(policy, enforce_deadline));
        let started = Instant::now();
        let response = send(&router, Request::get("/"), "").await;
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(started.elapsed(), Duration::from_secs(5));
    }
}
