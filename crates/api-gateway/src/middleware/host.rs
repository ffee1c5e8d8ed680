//! Rejects a request whose host is missing, ambiguous or invalid (RFC 9112, section 3.2).

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use eventboard_chassis::{
    layer::{Inner, Next},
    server::check_host,
};

use crate::problem::{HttpError, Problem};

/// The layer function.
pub(crate) async fn require_host((): (), request: Request, next: Next<impl Inner>) -> Response {
    match check_host(&request) {
        Ok(()) => next.run(request).await,
        Err(invalid) => Problem::from(HttpError::InvalidHost(invalid)).into_response(),
    }
}
