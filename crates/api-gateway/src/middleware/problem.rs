//! Writes the body of every error response, for errors from the gateway itself and from libraries.

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use board::{Board, Failure, PageFailure, PageRequest};
use eventboard_chassis::{
    correlation::CorrelationId,
    layer::{Inner, Next},
};
use http::{HeaderValue, header};

use crate::{
    accept::prefers_html,
    problem::{self, HttpError, MEDIA_TYPE, Problem},
};

/// The media type of a page.
const HTML: &str = "text/html; charset=utf-8";

/// The layer function: writes the problem details (RFC 9457) of an error response. A browser on the board gets a page.
pub(crate) async fn render(board: Option<Board>, mut request: Request, next: Next<impl Inner>) -> Response {
    let instance = problem::instance(request.uri().path());
    let correlation = request.extensions().get::<CorrelationId>().cloned();
    let is_boards = board::serves(request.uri().path());
    let board = board.filter(|_| is_boards || prefers_html(request.headers()));
    let page = board.map(|board| (board, PageRequest::of(&mut request)));
    let mut response = next.run(request).await;
    let help = response.extensions().get::<PageFailure>().and_then(|failure| failure.help);
    let Some(problem) = problem_of(&mut response) else { return response };
    problem.log();
    let correlation_id = correlation.as_ref().map_or("", CorrelationId::as_str);
    match page {
        Some((board, request)) if is_boards || matches!(problem, Problem::Http(HttpError::UnknownPath)) => {
            let failure = Failure {
                status: problem.status(),
                code: problem.code(),
                help,
                retry_after: problem.retry_after(),
                correlation_id,
            };
            with_page(response, &failure, &board, &request).await
        }
        _ => with_body(response, &problem, &instance, correlation_id),
    }
}

/// The layer function that turns a panic into a 500 response instead of a broken connection.
pub(crate) async fn catch_panic((): (), request: Request, next: Next<impl Inner>) -> Response {
    next.catch_panic(request).await.unwrap_or_else(|error| Problem::from(error).into_response())
}

/// The problem of an error response. Returns `None` for an error response that is already written: a health
/// document, or a page with a form and its faults.
fn problem_of(response: &mut Response) -> Option<Problem> {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let media_type = response.headers().get(header::CONTENT_TYPE);
    let is_written = media_type.is_some_and(|kind| kind == "application/json" || kind == HTML);
    let page_failure = response.extensions_mut().remove::<PageFailure>();
    let problem = page_failure.map(|PageFailure { error, help: _ }| Problem::Service(error));
    let problem = problem.or_else(|| response.extensions_mut().remove::<Problem>());
    problem.or_else(|| (is_error && !is_written).then(|| Problem::from_status(status)))
}

async fn with_page(
    response: Response,
    failure: &Failure<'_>,
    board: &Board,
    request: &PageRequest,
) -> Response {
    let mut page = board.error_page(request, failure).await;
    // Keep the headers, such as RateLimit-Remaining.
    let (head, _) = response.into_parts();
    for (name, value) in &head.headers {
        if ![header::CONTENT_LENGTH, header::CONTENT_TYPE, header::WWW_AUTHENTICATE].contains(name) {
            page.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
    }
    if let Some(seconds) = failure.retry_after {
        page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    page
}

fn with_body(response: Response, problem: &Problem, instance: &str, correlation_id: &str) -> Response {
    let document = problem.document(instance, correlation_id);
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
            .layer(layer_fn(None, render))
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
