//! The outermost layer: ends every call at its deadline, whatever the layers below do.

use std::task::{Context, Poll};

use bytes::Bytes;
use eventboard_chassis::server::MAX_DEADLINE;
use futures::{FutureExt, future::Map};
use http::Request;
use tokio::time::{Instant, Timeout, error::Elapsed, timeout_at};
use tower::{Layer, Service};

use crate::{error::CallError, policy::CallPolicy};

#[derive(Debug, Clone, Copy)]
pub(crate) struct DeadlineLayer;

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline { inner }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Deadline<S> {
    inner: S,
}

impl<S, R> Service<Request<Bytes>> for Deadline<S>
where
    S: Service<Request<Bytes>, Response = R, Error = CallError>,
{
    type Response = R;
    type Error = CallError;
    type Future = Map<Timeout<S::Future>, fn(Result<Result<R, CallError>, Elapsed>) -> Result<R, CallError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let policy = request.extensions().get::<CallPolicy>();
        let deadline = policy.map_or_else(|| Instant::now() + MAX_DEADLINE, |policy| policy.deadline);
        timeout_at(deadline, self.inner.call(request))
            .map(|result| result.unwrap_or(Err(CallError::DeadlineExceeded)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;
    use tower::ServiceExt;

    use super::*;
    use crate::policy::RetryOn;

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_at_its_deadline() {
        let endless = tower::service_fn(|_: Request<Bytes>| std::future::pending::<Result<(), CallError>>());
        let mut request = Request::new(Bytes::new());
        let deadline = Instant::now() + Duration::from_secs(5);
        request.extensions_mut().insert(CallPolicy { deadline, attempts: 1, retry_on: RetryOn::Unavailable });

        let error = DeadlineLayer.layer(endless).oneshot(request).await.expect_err("the call is endless");

        assert!(matches!(error, CallError::DeadlineExceeded));
        assert_eq!(Instant::now(), deadline);
    }
}
