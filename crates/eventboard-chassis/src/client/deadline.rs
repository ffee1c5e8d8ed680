//! The outermost layer: a call never outlives its deadline, whatever the layers below do.

use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::Request;
use tonic::Status;
use tower::{BoxError, Layer, Service};

use super::policy::CallPolicy;

#[derive(Debug, Clone, Copy)]
pub(super) struct DeadlineLayer;

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline { inner }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Deadline<S> {
    inner: S,
}

impl<S, R> Service<Request<Bytes>> for Deadline<S>
where
    S: Service<Request<Bytes>, Response = R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = R;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<R, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let policy = request.extensions().get::<CallPolicy>().copied();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let Some(policy) = policy else { return answer.await };
            match tokio::time::timeout_at(policy.deadline, answer).await {
                Ok(answer) => answer,
                Err(_) => Err(Status::deadline_exceeded("the deadline of the call passed").into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;
    use tower::ServiceExt;

    use super::*;
    use crate::client::RetryOn;

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_at_its_deadline() {
        let endless = tower::service_fn(|_: Request<Bytes>| std::future::pending::<Result<(), BoxError>>());
        let mut request = Request::new(Bytes::new());
        let deadline = Instant::now() + Duration::from_secs(5);
        request.extensions_mut().insert(CallPolicy { deadline, attempts: 1, retry_on: RetryOn::Unavailable });

        let error = DeadlineLayer.layer(endless).oneshot(request).await.expect_err("the call is endless");

        assert_eq!(Status::from_error(error).code(), tonic::Code::DeadlineExceeded);
        assert_eq!(Instant::now(), deadline);
    }
}
