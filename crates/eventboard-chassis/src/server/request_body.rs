//! The body of a request, which does not delay a shutdown when its client stops sending.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Bytes, HttpBody};
use futures::{FutureExt, future::BoxFuture};
use http_body::{Frame, SizeHint};
use tokio_util::sync::CancellationToken;

/// While the server stops, the client sent nothing of the rest of its body for too long.
#[derive(Debug, thiserror::Error)]
#[error("the rest of the body did not arrive while the server stops")]
pub(super) struct BodyCutOff;

/// A body that fails with [`BodyCutOff`] if nothing of it arrives for `patience` while the server stops.
pub(super) struct RequestBody<B> {
    body: B,
    /// Cancelled when the server stops.
    stopping: CancellationToken,
    patience: Duration,
    /// Completes when the server has waited long enough. `None` while nobody waits for the client.
    cut_off: Option<BoxFuture<'static, ()>>,
}

impl<B> RequestBody<B> {
    pub(super) fn new(body: B, stopping: CancellationToken, patience: Duration) -> Self {
        Self { body, stopping, patience, cut_off: None }
    }
}

impl<B> HttpBody for RequestBody<B>
where
    B: HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.cut_off = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let (stopping, patience) = (self.stopping.clone(), self.patience);
        let cut_off = self.cut_off.get_or_insert_with(|| silence_while_stopping(stopping, patience).boxed());
        ready!(cut_off.poll_unpin(context));
        Poll::Ready(Some(Err(BodyCutOff.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

async fn silence_while_stopping(stopping: CancellationToken, patience: Duration) {
    stopping.cancelled().await;
    tokio::time::sleep(patience).await;
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::Body;
    use futures::stream::{self, StreamExt};
    use http_body_util::BodyExt;
    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    /// A body of `chunks` chunks, the first one after `pause`, which does not end.
    fn body(chunks: usize, pause: Duration, stopping: &CancellationToken) -> RequestBody<Body> {
        let chunks = stream::iter(0..chunks).then(move |_| async move {
            sleep(pause).await;
            Ok::<_, Infallible>("chunk")
        });
        RequestBody::new(Body::from_stream(chunks.chain(stream::pending())), stopping.clone(), PATIENCE)
    }

    async fn is_cut_off(body: &mut RequestBody<Body>) -> bool {
        let frame = body.frame().await.expect("the body does not end");
        frame.is_err_and(|error| error.is::<BodyCutOff>())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_body_is_cut_off_only_while_the_server_stops() {
        let stopping = CancellationToken::new();
        let mut silent = body(0, Duration::ZERO, &stopping);
        assert!(timeout(PATIENCE * 100, silent.frame()).await.is_err());
        stopping.cancel();
        let stopped = Instant::now();
        assert!(is_cut_off(&mut silent).await);
        assert_eq!(stopped.elapsed(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_goes_on_arriving_is_received_while_the_server_stops() {
        let stopping = CancellationToken::new();
        stopping.cancel();
        let mut slow = body(10, PATIENCE * 9 / 10, &stopping);
        for chunk in 0..10 {
            assert!(!is_cut_off(&mut slow).await, "chunk {chunk}");
        }
        assert!(is_cut_off(&mut slow).await);
    }
}
