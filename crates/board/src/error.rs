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
pub(crate) struct PageError {
    error: ServiceError,
    help: Option<&'static str>,
}

/// The extension of a response without a page.
#[derive(Debug, Clone)]
pub struct PageFailure {
    /// The error. Its message is the API's, and no page shows it.
    pub error: Arc<ServiceError>,
    /// What the page says instead of the usual text for such an error.
    pub help: Option<&'static str>,
}

impl PageError {
    /// There is no such page, or it is not for this viewer.
    pub(crate) fn not_found() -> Self {
        ServiceError::new(ErrorCode::NotFound, "There is no such page.").into()
    }

    /// The viewer cannot do what the page is for.
    pub(crate) fn forbidden() -> Self {
        ServiceError::new(ErrorCode::Forbidden, "The viewer cannot do this.").into()
    }

    /// The board refuses a form. The page says this.
    pub(crate) fn refused(help: &'static str) -> Self {
        Self { error: ServiceError::new(ErrorCode::Forbidden, help), help: Some(help) }
    }
}

impl From<ServiceError> for PageError {
    fn from(error: ServiceError) -> Self {
        Self { error, help: None }
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        ServiceError::internal(error).into()
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        let Self { error, help } = self;
        *response.status_mut() = error.code().http();
        response.extensions_mut().insert(PageFailure { error: Arc::new(error), help });
        response
    }
}
