//! The headers of every page that keep it to itself.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, header};

use crate::{Board, banner::Banner, cookie};

/// Only files of the board, and no code or style inside a page. Forms are sent to the board only, and no page can be framed.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The headers. `no-referrer` would make browsers send `Origin: null` with forms.
pub(crate) const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    // The back button must not show the page after signing out.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // Pages of other origins can neither reach the window nor load what is in it (OWASP ASVS 5.0, 3.4.8 and 3.5.8).
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// The layer function: adds the headers, and forgets the banner once a page has shown it.
pub(crate) async fn add(State(board): State<Board>, request: Request, next: Next) -> Response {
    let has_banner = cookie::banner(request.headers()).is_some();
    let mut response = next.run(request).await;
    if has_banner && response.status().is_success() && response.extensions().get::<Banner>().is_none() {
        response.headers_mut().append(header::SET_COOKIE, cookie::forget_banner(&board));
    }
    response.headers_mut().extend(HEADERS);
    response
}
