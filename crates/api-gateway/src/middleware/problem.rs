//! Writes the body of every error response, for errors from the gateway itself and from libraries.

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use eventboard_chassis::{
    correlation::CorrelationId,
    layer::{Inner, Next},
};
use http::{HeaderValue, header};

use crate::problem::{self, MEDIA_TYPE, Problem};

/// The layer function: writes the problem details (RFC 9457) of an error response.
pub(crate) async fn render((): (), request: Request, next: Next<impl Inner>) -> Response {
    let instance = problem::instance(request.uri().path());
    let correlation = request.extensions().get::<CorrelationId>().cloned();
    let mut response = next.run(request).await;
    match problem_of(&mut response) {
        Some(problem) => with_body(response, &problem, &instance, correlation.as_ref()),
        None => response,
    }
}

/// The layer function that turns a panic into a 500 response instead of a broken connection.
pub(crate) async fn catch_panic((): (), request: Request, next: Next<impl Inner>) -> Response {
    next.catch_panic(request).await.unwrap_or_else(|error| Problem::from(error).into_response())
}

/// The problem of an error response. Returns `None` for an error response that is already JSON, because it is a
/// health document.
fn problem_of(response: &mut Response) -> Option<Problem> {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_health_document =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let problem = response.extensions_mut().remove::<Problem>();
    problem.or_else(|| (is_error && !is_health_document).then(|| Problem::from_status(status)))
}

fn with_body(
    response: Response,
    problem: &Problem,
    instance: &str,
    correlation: Option<&CorrelationId>,
) -> Response {
    problem.log();
    let document = problem.document(instance, correlation.map_or("", CorrelationId::as_str));
    let body = serde_json::to_vec(&document).unwrap_or_default();
    // Keep the headers, such as Allow and RateLimit-Remaining.
    let (mut head, _) = response.into_parts();
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Body::from(body))
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, routing::get};
    use eventboard_chassis::layer::layer_fn;
    use http::{Request, StatusCode};

    use super::*;
    use crate::testing::{json, send};

    fn router() -> Router {
        Router::new()
            .route("/panic", get(|| async { panic!("a secret") as () }))
            .route("/text", get(|| async { (StatusCode::IM_A_TEAPOT, "short and stout") }))
            .route("/health", get(|| async { (StatusCode::SERVICE_UNAVAILABLE, Json("down")) }))
            .layer(layer_fn((), catch_panic))
            .layer(layer_fn((), render))
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_does_not_contain_its_message() {
        let response = send(&router(), Request::get("/panic"), "").await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        let body = json(response).await;
        assert_eq!(body["type"], "urn:eventboard:problem:internal");
        assert!(!body.to_string().contains("secret"));
    }

    #[tokio::test]
    async fn an_error_response_of_a_library_becomes_a_problem() {
        let body = json(send(&router(), Request::get("/text"), "").await).await;
        assert_eq!((&body["status"], &body["instance"]), (&418.into(), &"/text".into()));
    }

    #[tokio::test]
    async fn a_health_document_is_not_changed() {
        let response = send(&router(), Request::get("/health"), "").await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(json(response).await, "down");
    }
}
