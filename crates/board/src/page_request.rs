//! What is known of a request when it fails: where it led, and what was typed.

use axum::extract::Request;
use http::{HeaderMap, Method};

use crate::form::SharedForm;

/// A request to the board, as far as an error page needs to know it.
pub struct PageRequest {
    pub(crate) method: Method,
    /// The path with the query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) form: SharedForm,
}

impl PageRequest {
    /// Remembers a request. Must be called before its body is received.
    pub fn of(request: &mut Request) -> Self {
        let form = request.extensions_mut().get_or_insert_default::<SharedForm>().clone();
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        Self {
            method: request.method().clone(),
            path: path.to_owned(),
            headers: request.headers().clone(),
            form,
        }
    }
}
