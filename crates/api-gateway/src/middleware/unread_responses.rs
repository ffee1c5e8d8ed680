//! Bounds the bytes of responses that a client requests but does not read.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use eventboard_chassis::{
    layer::{Inner, Next},
    server,
};

use super::requester::requester;
use crate::problem::Problem;

/// The layer function. A request waits while its connection holds too many unread bytes.
pub(crate) async fn bound_response((): (), request: Request, next: Next<impl Inner>) -> Response {
    let client = requester(request.extensions()).sender();
    let response = server::bound_response(client, request, next).await;
    response.unwrap_or_else(|error| Problem::from(error).into_response())
}
