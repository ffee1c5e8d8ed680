//! Says so when a connection ends because a request was answered before its body was read to the end.
//!
//! HTTP/1.1 cannot go on after half a request, so the server closes the connection; a client that is not
//! told would send its next request into it (RFC 9112, section 9.6).

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

/// A body that remembers whether it was read to its end.
struct Watched {
    body: Body,
    ended: Arc<AtomicBool>,
}

/// The layer.
pub(crate) async fn announce_close((): (), request: Request, next: Next<impl Inner>) -> Response {
    if request.version() > Version::HTTP_11 || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let ended = Arc::new(AtomicBool::new(false));
    let watched = |body| Body::new(Watched { body, ended: Arc::clone(&ended) });
    let mut response = next.run(request.map(watched)).await;
    if !ended.load(Ordering::Relaxed) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.ended.store(true, Ordering::Relaxed);
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
    async fn only_a_body_that_was_not_read_to_its_end_closes_the_connection() {
        let unread = Router::new().route("/", post(async || "done"));
        let read = Router::new().route("/", post(async |_: Bytes| "done"));
        assert_eq!(connection(unread.clone(), "something").await, Some(HeaderValue::from_static("close")));
        assert_eq!(connection(unread, "").await, None);
        assert_eq!(connection(read, "something").await, None);
    }
}
