//! Ends a request when its time is up, and tells the handler how much there is.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use eventboard_chassis::layer::{Inner, Next};

use crate::{clients, policy::Policy, problem::Problem};

/// The layer. The body is read inside of it: a client that trickles it in gets the same 408.
pub(crate) async fn keep(policy: Policy, mut request: Request, next: Next<impl Inner>) -> Response {
    let call = policy.start();
    request.extensions_mut().insert(call);
    let answer = tokio::time::timeout_at(call.deadline, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::from(clients::deadline_passed()).into_response())
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
        let policy = Policy {
            deadline: Duration::from_secs(5),
            attempts: 1,
            retry_on: RetryOn::Unavailable,
            variables: "READ",
        };
        let router =
            Router::new().route("/", get(std::future::pending::<()>)).route_layer(layer_fn(policy, keep));
        let started = Instant::now();
        let response = send(&router, Request::get("/"), "").await;
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(started.elapsed(), Duration::from_secs(5));
    }
}
