//! What the responses of several resources have in common: versions, locations, replays and pages.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use eventboard_chassis::error::ServiceError;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{entity_tag, problem::Problem};

/// Marks a response that was stored by an earlier request with the same key.
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Responses with tokens or personal data must not be cached.
pub(super) const NO_STORE: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// Only the caller's own cache may store the response, and the cache must revalidate the response before each use.
pub(super) const REVALIDATE: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));

/// The position of a page in a list without page numbers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CursorPageMeta {
    #[schema(minimum = 1, maximum = 100)]
    limit: u32,
    has_next: bool,
    /// The `cursor` of the next page. Null on the last page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

impl CursorPageMeta {
    /// The position of the page that was requested with this limit. `next_cursor` is `None` on the last page.
    pub(super) fn new(limit: u32, next_cursor: Option<String>) -> Self {
        Self { limit, has_next: next_cursor.is_some(), next_cursor }
    }
}

/// A response with a resource and the `ETag` of its version.
///
/// # Errors
/// `Internal`, which never happens: the tag of every version is a valid header.
pub(super) fn with_version(version: i64, resource: impl Serialize) -> Result<Response, Problem> {
    let tag = header_value(&entity_tag::format_version(version))?;
    Ok(([(header::ETAG, tag)], Json(resource)).into_response())
}

/// The response to a creation. `path` is that of the new resource.
///
/// # Errors
/// `Internal` if the path is not a valid header, which is a defect of a service.
pub(super) fn with_location(mut response: Response, path: &str) -> Result<Response, Problem> {
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().insert(header::LOCATION, header_value(path)?);
    Ok(response)
}

/// The response to a write, which may be that of an earlier request.
pub(super) fn with_replayed(response: impl IntoResponse, replayed: bool) -> Response {
    let mut response = response.into_response();
    if replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

fn header_value(text: &str) -> Result<HeaderValue, ServiceError> {
    HeaderValue::from_str(text).map_err(ServiceError::internal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_page_has_no_cursor() {
        let meta = |cursor: Option<&str>| {
            serde_json::to_value(CursorPageMeta::new(10, cursor.map(str::to_owned))).expect("JSON")
        };
        assert_eq!(meta(None), json!({"limit": 10, "hasNext": false, "nextCursor": null}));
        assert_eq!(meta(Some("c")), json!({"limit": 10, "hasNext": true, "nextCursor": "c"}));
    }

    #[test]
    fn only_a_replayed_response_says_so() {
        for replayed in [false, true] {
            let response = with_replayed(StatusCode::NO_CONTENT, replayed);
            assert_eq!(response.status(), StatusCode::NO_CONTENT);
            let header = response.headers().get(IDEMPOTENCY_REPLAYED);
            assert_eq!(header.is_some_and(|value| value == "true"), replayed);
        }
    }
}
