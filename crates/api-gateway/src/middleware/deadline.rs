//! Ends a request when its time is up, and tells the handler how much there is.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{clients, policy::Policy, problem::Problem};

/// The layer. The body is read inside of it: a client that trickles it in gets the same 408.
pub(crate) async fn keep(State(policy): State<Policy>, mut request: Request, next: Next) -> Response {
    let call = policy.start();
    request.extensions_mut().insert(call);
    let answer = tokio::time::timeout_at(call.deadline, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::from(clients::deadline_passed()).into_response())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{Router, middleware, routing::get};
    use eventboard_chassis::client::RetryOn;
    use http::{Request, StatusCode};
    use tokio::time::Instant;

    use super::*;
    use crate::testing::send;

    #[tokio::test(start_paused = true)]
    async fn a_request_ends_at_its_deadline() {
        let policy = Policy { deadline: Duration::from_secs(5), attempts: 1, retry_on: RetryOn::Unavailable };
        let router = Router::new()
            .route("/", get(std::future::pending::<()>))
            .route_layer(middleware::from_fn_with_state(policy, keep));
        let started = Instant::now();
        let response = send(&router, Request::get("/"), "").await;
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(started.elapsed(), Duration::from_secs(5));
    }
}
