//! Pages for what went wrong, also in the layers of the gateway.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use eventboard_chassis::error::ErrorCode;
use http::StatusCode;

use crate::{
    Board, PATH, PageRequest, cookie,
    form::{Form, SHOW},
    next_path::NextPath,
    page::{Page, redirect_whole_page},
    pages::sign_in::{PATH as SIGN_IN_PATH, SignInPage},
    query::with_query,
    security_headers, serves,
};

/// What went wrong with a request.
pub struct Failure<'f> {
    /// The HTTP status.
    pub status: StatusCode,
    /// `None` for an error on the HTTP level.
    pub code: Option<ErrorCode>,
    /// What the page says instead of the usual text.
    pub help: Option<&'static str>,
    /// When to try again, in seconds.
    pub retry_after: Option<u64>,
    /// The correlation ID of the request.
    pub correlation_id: &'f str,
}

/// What the page offers to do.
enum WayOn {
    /// A link to this path.
    Link { path: String, label: &'static str },
    /// A button that sends what was typed again, or only shows it again.
    Form { path: String, fields: Vec<(String, String)>, label: &'static str },
}

#[derive(Template)]
#[template(path = "error_page.html")]
struct ErrorPage<'f> {
    page: Page,
    heading: &'static str,
    help: String,
    keeps_what_was_typed: bool,
    way_on: WayOn,
    correlation_id: &'f str,
}

impl Board {
    /// The page for a failed request. A request whose session has ended gets the sign-in form, which carries what was typed.
    pub async fn error_page(&self, request: &PageRequest, failure: &Failure<'_>) -> Response {
        let is_session_end = failure.code == Some(ErrorCode::Unauthenticated) && serves(&request.path);
        let mut response = match is_session_end {
            true => self.sign_in_page(request).await,
            false => self.failure_page(request, failure).await,
        };
        response.headers_mut().extend(security_headers::HEADERS);
        response
    }

    async fn failure_page(&self, request: &PageRequest, failure: &Failure<'_>) -> Response {
        // Other paths do not read the cookie.
        let secret = cookie::session_secret(self, &request.headers).filter(|_| serves(&request.path));
        let session = match secret {
            Some(secret) => self.sessions().exchanged(&secret).await,
            None => None,
        };
        let page = Page::new(session, None);
        let (heading, help) = explanation(&page, failure);
        let form = request.form.get();
        let way_on = way_on(&page, request, form.as_deref(), failure);
        let keeps_what_was_typed = matches!(way_on, WayOn::Form { path: _, fields: _, label: _ });
        let page = ErrorPage {
            page,
            heading,
            help,
            keeps_what_was_typed,
            way_on,
            correlation_id: failure.correlation_id,
        };
        match page.render() {
            Ok(html) => (failure.status, Html(html)).into_response(),
            Err(_) => failure.status.into_response(),
        }
    }

    async fn sign_in_page(&self, request: &PageRequest) -> Response {
        if let Some(secret) = cookie::session_secret(self, &request.headers) {
            self.sessions().forget_ended(&secret).await;
        }
        let Some(form) = request.form.get().filter(|_| !request.method.is_safe()) else {
            let next = if request.path == PATH { "" } else { &request.path };
            let path = with_query(SIGN_IN_PATH, [("next", next)]);
            return redirect_whole_page(&request.headers, &path);
        };
        let page = SignInPage::carrying(Page::new(None, None), NextPath::parse(&request.path), &form);
        match page.render() {
            Ok(html) => (StatusCode::UNAUTHORIZED, Html(html)).into_response(),
            Err(_) => StatusCode::UNAUTHORIZED.into_response(),
        }
    }
}

/// The heading, and what stays safe and what to do.
fn explanation(page: &Page, failure: &Failure<'_>) -> (&'static str, String) {
    let texts = &page.texts.errors;
    let refused = |help: &str| (texts.refused, help.to_owned());
    match failure.code {
        Some(ErrorCode::NotFound) => (texts.not_found, texts.not_found_help.to_owned()),
        Some(ErrorCode::Forbidden) => {
            (texts.forbidden, failure.help.unwrap_or(texts.forbidden_help).to_owned())
        }
        Some(ErrorCode::Unauthenticated) => (texts.session_ended, texts.session_ended_help.to_owned()),
        Some(ErrorCode::StaleVersion) => (texts.stale, texts.stale_help.to_owned()),
        Some(ErrorCode::WrongStatus) => (texts.stale, texts.stale_help.to_owned()),
        Some(ErrorCode::LastAdmin) => refused(texts.last_admin_help),
        Some(ErrorCode::QuotaExceeded) => refused(texts.quota_help),
        Some(ErrorCode::KeyReused) => refused(texts.key_reused_help),
        Some(ErrorCode::InvalidInput | ErrorCode::AlreadyExists | ErrorCode::HeadersTooLarge) => {
            refused(texts.refused_help)
        }
        Some(ErrorCode::Throttled) => (texts.too_many_requests, wait(page, failure)),
        Some(ErrorCode::Overloaded | ErrorCode::Unavailable) => {
            (texts.unavailable, texts.unavailable_help.to_owned())
        }
        Some(ErrorCode::DeadlineExceeded) => (texts.timeout, texts.timeout_help.to_owned()),
        Some(ErrorCode::Internal) => (texts.internal, texts.internal_help.to_owned()),
        None => match failure.status {
            StatusCode::NOT_FOUND => (texts.not_found, texts.not_found_help.to_owned()),
            StatusCode::TOO_MANY_REQUESTS => (texts.too_many_requests, wait(page, failure)),
            _ => refused(texts.refused_help),
        },
    }
}

fn wait(page: &Page, failure: &Failure<'_>) -> String {
    (page.texts.errors.too_many_requests_help)(failure.retry_after.unwrap_or(1))
}

/// Sends what was typed again where that can help. A form with a password is shown again instead, because no page contains a password.
fn way_on(page: &Page, request: &PageRequest, form: Option<&Form>, failure: &Failure<'_>) -> WayOn {
    let texts = &page.texts.errors;
    let can_help = failure.retry_after.is_some()
        || failure.status.is_server_error()
        || failure.status == StatusCode::REQUEST_TIMEOUT;
    let path = NextPath::parse(&request.path).as_str().to_owned();
    match form {
        Some(form) if can_help => {
            let mut fields: Vec<_> =
                form.carried().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let label = if form.has_secret() { texts.back_to_form } else { texts.try_again };
            if form.has_secret() {
                fields.push((SHOW.to_owned(), "1".to_owned()));
            }
            WayOn::Form { path, fields, label }
        }
        None if can_help => WayOn::Link { path, label: texts.try_again },
        Some(_) if failure.code == Some(ErrorCode::StaleVersion) => {
            let resource = path.rsplit_once('/').map_or(PATH, |(resource, _)| resource);
            WayOn::Link { path: resource.to_owned(), label: texts.reload }
        }
        _ => WayOn::Link { path: PATH.to_owned(), label: texts.to_events },
    }
}
