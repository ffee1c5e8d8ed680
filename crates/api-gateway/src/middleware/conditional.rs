//! Evaluates the conditions of a read (RFC 9110, section 13). The services evaluate those of a write to what has a version,
//! and `extract::Preconditions` those of other writes.
//!
//! Every read is evaluated here, with the `ETag` of its response or without one. So a condition has the same meaning for
//! every resource: `*` matches what exists, and a list of tags matches nothing that has no tag.
//!
//! `If-Modified-Since` and `If-Unmodified-Since` are ignored, because no response has `Last-Modified` (sections 13.1.3 and
//! 13.1.4). `If-Range` is ignored, because `Range` is not supported.

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use eventboard_chassis::layer::{Inner, Next};
use eventboard_domain::Refusal;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::{
    entity_tag::{self, EntityTags},
    problem::Problem,
};

/// The conditions of a request.
struct Conditions {
    if_match: Option<EntityTags>,
    if_none_match: Option<EntityTags>,
}

/// The layer function.
pub(crate) async fn evaluate((): (), request: Request, next: Next<impl Inner>) -> Response {
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    let conditions = is_read.then(|| Conditions::of(request.headers()));
    let response = next.run(request).await;
    // An error takes precedence over the conditions (section 13.2.1).
    match conditions {
        Some(conditions) if response.status().is_success() => conditions.apply(response),
        _ => response,
    }
}

impl Conditions {
    /// A malformed condition is ignored here. Operations on events have rejected it already.
    fn of(headers: &HeaderMap) -> Self {
        let tags = |name: HeaderName| {
            let values: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
            (!values.is_empty()).then(|| EntityTags::parse(&values).ok()).flatten()
        };
        Self { if_match: tags(header::IF_MATCH), if_none_match: tags(header::IF_NONE_MATCH) }
    }

    /// Evaluates the conditions in the order of section 13.2.2.
    fn apply(self, response: Response) -> Response {
        let current = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let current = current.and_then(entity_tag::strong);
        if self.if_match.is_some_and(|tags| !tags.match_strongly(current)) {
            return precondition_failed(response);
        }
        match self.if_none_match.filter(|tags| tags.match_weakly(current)) {
            Some(tags) => {
                let matched = tags.first_match(current);
                not_modified(response, matched)
            }
            None => response,
        }
    }
}

/// Keeps the headers that concern the request, such as RateLimit-Remaining, and none that describes the content: a cache
/// must not store the refusal in place of the content.
fn precondition_failed(response: Response) -> Response {
    let (parts, _) = response.into_parts();
    let mut refusal = Problem::from(Refusal::PreconditionFailed { header: "If-Match" }).into_response();
    let of_content = [
        header::CACHE_CONTROL,
        header::CONTENT_LENGTH,
        header::CONTENT_SECURITY_POLICY,
        header::CONTENT_TYPE,
        header::ETAG,
        header::LINK,
    ];
    for (name, value) in parts.headers.iter().filter(|(name, _)| !of_content.contains(name)) {
        refusal.headers_mut().append(name, value.clone());
    }
    refusal
}

/// Section 15.4.5. The `ETag` is the one that the client has, because a cache updates the stored response with this tag
/// (RFC 9111, section 4.3.4). `Content-Type` is removed by the layer that decides about `Vary`.
fn not_modified(mut response: Response, matched: Option<String>) -> Response {
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    if let Some(tag) = matched.and_then(|tag| HeaderValue::try_from(tag).ok()) {
        headers.insert(header::ETAG, tag);
    }
    response.map(|_| Body::empty())
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use eventboard_chassis::layer::layer_fn;
    use http::Request;
    use http_body_util::BodyExt;

    use super::*;
    use crate::testing::send;

    fn router() -> Router {
        Router::new()
            .route("/tagged", get(|| async { ([(header::ETAG, "\"7\"")], "text") }).post(|| async { "done" }))
            .route("/untagged", get(|| async { "text" }))
            .route("/missing", get(|| async { StatusCode::NOT_FOUND }))
            .layer(layer_fn((), evaluate))
    }

    async fn request(method: &Method, path: &str, conditions: &[(&str, &str)]) -> Response {
        let request = Request::builder().method(method).uri(path);
        let request = conditions.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        send(&router(), request, "").await
    }

    /// The status for a resource with the tag "7", and for one without a tag.
    #[tokio::test]
    async fn the_status_depends_on_all_conditions() {
        for (conditions, tagged, untagged) in [
            (&[][..], 200, 200),
            (&[("if-none-match", "\"7\"")], 304, 200),
            (&[("if-none-match", "W/\"7\"")], 304, 200),
            (&[("if-none-match", "\"6\", ,\"7-gzip\"")], 304, 200),
            (&[("if-none-match", "\"6\""), ("if-none-match", "\"7\"")], 304, 200),
            (&[("if-none-match", "\"6\"")], 200, 200),
            (&[("if-none-match", "")], 200, 200),
            (&[("if-none-match", "*")], 304, 304),
            (&[("if-match", "\"7\"")], 200, 412),
            (&[("if-match", "\"7-br\"")], 200, 412),
            (&[("if-match", "W/\"7\"")], 412, 412),
            (&[("if-match", "\"6\"")], 412, 412),
            (&[("if-match", "")], 412, 412),
            (&[("if-match", "*")], 200, 200),
            (&[("if-match", "\"6\""), ("if-none-match", "\"7\"")], 412, 412),
            (&[("if-match", "*"), ("if-none-match", "\"7\"")], 304, 200),
            (&[("if-match", "\"7\""), ("if-none-match", "\"6\"")], 200, 412),
            (&[("if-modified-since", "Wed, 01 Jan 2200 00:00:00 GMT")], 200, 200),
            (&[("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT")], 200, 200),
            (&[("if-range", "\"6\"")], 200, 200),
            (&[("if-range", "\"6\""), ("range", "bytes=0-1")], 200, 200),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let status = async |path| request(&method, path, conditions).await.status();
                assert_eq!(status("/tagged").await, tagged, "{method} {conditions:?}");
                assert_eq!(status("/untagged").await, untagged, "{method} {conditions:?}");
                assert_eq!(status("/missing").await, 404, "{method} {conditions:?}");
            }
            assert_eq!(request(&Method::POST, "/tagged", conditions).await.status(), 200, "{conditions:?}");
        }
    }

    #[tokio::test]
    async fn a_304_has_the_tag_that_the_client_has_and_no_body() {
        for (condition, tag) in [("*", "\"7\""), ("W/\"7\"", "\"7\""), ("\"6\", \"7-gzip\"", "\"7-gzip\"")] {
            let response = request(&Method::GET, "/tagged", &[("if-none-match", condition)]).await;
            assert_eq!(response.headers()["etag"], tag);
            assert!(response.into_body().collect().await.expect("a body").to_bytes().is_empty());
        }
    }
}
