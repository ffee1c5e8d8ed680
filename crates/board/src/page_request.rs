//! What is known of a request when it fails: where it led, and what was typed.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use eventboard_chassis::server::ReceivedBody;
use http::{HeaderMap, Method};

use crate::form::Form;

/// A request to the board, as far as an error page needs to know it.
pub struct PageRequest {
    pub(crate) method: Method,
    /// The path with the query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) form: SharedForm,
}

/// The form of a request, for the handler and for the error page. It is empty until the form was received.
#[derive(Clone, Default)]
pub(crate) struct SharedForm(Arc<OnceLock<ReceivedForm>>);

struct ReceivedForm {
    form: Arc<Form>,
    /// Counts the memory of the form for its client.
    _body: Option<ReceivedBody>,
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

impl SharedForm {
    /// A form that another form has carried.
    pub(crate) fn carried(form: Form) -> Self {
        let shared = Self::default();
        shared.set(form, None);
        shared
    }

    /// The form, once it was received.
    pub(crate) fn get(&self) -> Option<Arc<Form>> {
        self.0.get().map(|received| Arc::clone(&received.form))
    }

    /// Keeps the form. A request has only one; if there were ever a second one, the first would be kept.
    pub(crate) fn set(&self, form: Form, body: Option<ReceivedBody>) {
        let _ = self.0.set(ReceivedForm { form: Arc::new(form), _body: body });
    }
}
