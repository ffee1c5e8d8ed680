//! Adds `Connection: close` to a response that is sent before the request body was read to its end.
//!
//! HTTP/1.1 cannot reuse a connection with an unread body, so the server closes it. Without `Connection: close`, the
//! client might send its next request on that connection (RFC 9112, section 9.6).

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::Response,
};
use bytes::Bytes;
use eventboard_chassis::layer::{Inner, Next};
use http::{HeaderValue, Version, header::CONNECTION};
use http_body::{Frame, SizeHint};

/// A body that records whether it was read to its end.
struct TrackedBody {
    body: Body,
    is_fully_read: Arc<AtomicBool>,
}

/// The layer function: adds `Connection: close` if the body was not fully read.
pub(crate) async fn announce_close((): (), request: Request, next: Next<impl Inner>) -> Response {
    if request.version() > Version::HTTP_11 || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let is_fully_read = Arc::new(AtomicBool::new(false));
    let track = |body| Body::new(TrackedBody { body, is_fully_read: Arc::clone(&is_fully_read) });
    let mut response = next.run(request.map(track)).await;
    if !is_fully_read.load(Ordering::Relaxed) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.is_fully_read.store(true, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::post};
    use eventboard_chassis::layer::layer_fn;

    use super::*;

    async fn connection(router: Router, body: &'static str) -> Option<HeaderValue> {
        let router = router.layer(layer_fn((), announce_close));
        let response = crate::testing::send(&router, http::Request::post("/"), body).await;
        response.headers().get(CONNECTION).cloned()
    }

    #[tokio::test]
    async fn the_connection_is_closed_only_after_an_unread_body() {
        let unread = Router::new().route("/", post(async || "done"));
        let read = Router::new().route("/", post(async |_: Bytes| "done"));
        assert_eq!(connection(unread.clone(), "something").await, Some(HeaderValue::from_static("close")));
        assert_eq!(connection(unread, "").await, None);
        assert_eq!(connection(read, "something").await, None);
    }
}
