//! Gives the request its name: an extension, a field of the span around all work, a header of the
//! response.

use axum::{extract::Request, response::Response};
use eventboard_chassis::{
    correlation::{CorrelationId, HEADER},
    layer::{Inner, Next},
};
use tracing::Instrument;

/// The layer.
pub(crate) async fn correlate((): (), mut request: Request, next: Next<impl Inner>) -> Response {
    let correlation = CorrelationId::of(request.headers());
    request.extensions_mut().insert(correlation.clone());
    // The path without the query: what people search for is theirs.
    let span = tracing::info_span!(
        "request",
        service = crate::NAME,
        correlation_id = correlation.as_str(),
        method = %request.method(),
        path = request.uri().path(),
    );
    let mut response = next.run(request).instrument(span).await;
    response.headers_mut().insert(HEADER, correlation.to_header());
    response
}
