//! Tells HTTP/1 clients how long they may keep a connection open without a request.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version, header::CONNECTION};

/// RFC 2068, section 19.7.1.1. Only the parameter `timeout` (in seconds) is in use.
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Whether an HTTP/1 client lets its connection stay open (RFC 9112, section 9.3).
pub(super) fn may_persist<B>(request: &Request<B>) -> bool {
    let has = |option| has_connection_option(request.headers(), option);
    !has("close") && (request.version() >= Version::HTTP_11 || has("keep-alive"))
}

/// Says that the connection will be closed after this response.
pub(super) fn announce_close<B>(response: &mut Response<B>) {
    response.headers_mut().insert(CONNECTION, CLOSE);
}

/// Says how long the connection stays open after this response, unless the response itself closes it.
pub(super) fn announce_timeout<B>(response: &mut Response<B>, timeout: &HeaderValue) {
    let headers = response.headers_mut();
    if !headers.contains_key(CONNECTION) {
        headers.insert(KEEP_ALIVE, timeout.clone());
        // Proxies do not pass on a header that is named here (RFC 9110, section 7.6.1).
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
    }
}

/// The value of `Keep-Alive` for this time.
pub(super) fn timeout_value(timeout: Duration) -> HeaderValue {
    let text = format!("timeout={}", timeout.as_secs());
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("timeout=0"))
}

fn has_connection_option(headers: &HeaderMap, option: &str) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(option))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_lets_its_connection_stay_open_as_rfc_9112_says() {
        for (version, connection, expected) in [
            (Version::HTTP_11, None, true),
            (Version::HTTP_11, Some("keep-alive"), true),
            (Version::HTTP_11, Some("close"), false),
            (Version::HTTP_11, Some("x, Close"), false),
            (Version::HTTP_11, Some("keep-alive, close"), false),
            (Version::HTTP_11, Some("closer"), true),
            (Version::HTTP_10, None, false),
            (Version::HTTP_10, Some("Keep-Alive"), true),
            (Version::HTTP_10, Some("keep-alive, close"), false),
        ] {
            let request = Request::builder().version(version);
            let request =
                connection.into_iter().fold(request, |request, value| request.header(CONNECTION, value));
            let request = request.body(()).expect("a request");
            assert_eq!(may_persist(&request), expected, "{version:?} {connection:?}");
        }
    }

    #[test]
    fn a_response_that_closes_its_connection_tells_no_timeout() {
        let mut response = Response::builder().header(CONNECTION, "close").body(()).expect("a response");
        announce_timeout(&mut response, &timeout_value(Duration::from_secs(75)));
        assert!(!response.headers().contains_key(KEEP_ALIVE));
        assert_eq!(response.headers()[CONNECTION], "close");
    }
}
