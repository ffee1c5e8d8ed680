//! The failure of a page.

use std::sync::Arc;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use eventboard_chassis::error::{ErrorCode, ServiceError};

/// Why there is no page. The response made from it has the status and, as an extension, the [`PageFailure`], but no body:
/// [`Board::error_page`](crate::Board::error_page) writes that, for failures of the gateway's layers, too.
#[derive(Debug)]
pub(crate) struct PageError(ServiceError);

/// The extension of a response without a page.
#[derive(Debug, Clone)]
pub struct PageFailure(pub Arc<ServiceError>);

impl PageError {
    /// There is no such page, or it is not for this viewer.
    pub(crate) fn not_found() -> Self {
        Self(ServiceError::new(ErrorCode::NotFound, "There is no such page."))
    }
}

impl From<ServiceError> for PageError {
    fn from(error: ServiceError) -> Self {
        Self(error)
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        Self(ServiceError::internal(error))
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.code().http();
        response.extensions_mut().insert(PageFailure(Arc::new(self.0)));
        response
    }
}
