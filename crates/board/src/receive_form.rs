//! Receives the form of a request before anything may refuse the request, so that every error page keeps what was typed.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use eventboard_chassis::{
    error::ServiceError,
    layer::{Inner, Next},
    server::Requester,
};
use http::Method;

use crate::{
    Board, error::PageError, form::Form, form::SharedForm, same_origin::is_same_origin, serves,
    texts::ENGLISH,
};

/// The maximum length of a form in bytes, as of other bodies. A description of 5,000 characters takes 60,000 bytes at most.
const MAX_LENGTH: usize = 64 * 1024;

/// The layer function: refuses forms of other sites and receives those of the board. Its memory is shared fairly by clients. Needs the
/// extension [`Requester`].
pub async fn receive_form(board: Option<Board>, mut request: Request, next: Next<impl Inner>) -> Response {
    let is_form = serves(request.uri().path()) && request.method() == Method::POST;
    let Some(board) = board.filter(|_| is_form) else { return next.run(request).await };
    if !is_same_origin(&board, request.headers()) {
        return PageError::refused(ENGLISH.errors.cross_site).into_response();
    }
    let shared = request.extensions_mut().get_or_insert_default::<SharedForm>().clone();
    let requester = request.extensions().get::<Requester>().copied();
    let Some(requester) = requester else {
        return PageError::from(ServiceError::internal("the requester is unknown")).into_response();
    };
    let (parts, body) = request.into_parts();
    match board.body_receiver().receive(requester.sender(), body, MAX_LENGTH).await {
        Ok(received) => shared.set(Form::parse(&received.bytes), Some(received)),
        Err(error) => return PageError::from(ServiceError::from(error)).into_response(),
    }
    next.run(Request::from_parts(parts, axum::body::Body::empty())).await
}
