//! The stack of tower layers beneath the generated clients.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use eventboard_chassis::{
    grpc::{call_labels, grpc_code, method_name},
    metrics::Histograms,
    outcome_guard::observe_outcome,
};
use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::{Code, Status, body::Body};
use tower::{Service, ServiceBuilder, ServiceExt, retry::Retry};

use crate::{
    attempt::AttemptService,
    buffer::buffer_request,
    deadline::{Deadline, DeadlineLayer},
    replicas::Replicas,
    retry::{RetryConfig, RetryPolicy},
    timings::CallTimings,
};

/// Connects the generated clients to the stack, which needs bodies in memory. Every response of a service is `Ok`,
/// even one with an error status. `Err` means that there was no response.
#[derive(Clone)]
pub struct ServiceChannel {
    service: &'static str,
    stack: Deadline<Retry<RetryPolicy, AttemptService>>,
    /// Durations of whole calls, including all attempts.
    durations: Arc<Histograms<Code>>,
}

impl ServiceChannel {
    /// Creates the stack for calls to these replicas.
    pub fn new(replicas: &Arc<Replicas>, config: &RetryConfig) -> Self {
        let stack = ServiceBuilder::new()
            // Outermost, because the deadline includes the delays between attempts.
            .layer(DeadlineLayer)
            // One budget for all calls to this service, so that retries cannot amplify an overload.
            .retry(RetryPolicy::new(replicas.service, config))
            // Innermost, because each attempt picks its own replica. It reads whole responses, so that a connection
            // that is lost in the middle of a response fails only the attempt and not the request.
            .service(AttemptService::new(Arc::clone(replicas)));
        Self { service: replicas.service, stack, durations: Arc::new(client_call_durations()) }
    }
}

/// The durations of the calls that this process makes.
fn client_call_durations() -> Histograms<Code> {
    Histograms::new(|method, code| {
        metrics::histogram!("rpc_client_call_duration_seconds", call_labels(method, code))
    })
}

impl Service<Request<Body>> for ServiceChannel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { service, stack, durations } = self.clone();
        Box::pin(async move {
            let (started, uri) = (Instant::now(), request.uri().clone());
            let timings = request.extensions().get::<CallTimings>().cloned();
            // `None` means that the call was cancelled, because its caller stopped waiting.
            let guard = observe_outcome(|code: Option<Code>| {
                let code = code.unwrap_or(Code::Cancelled);
                let elapsed = started.elapsed();
                durations.record(method_name(uri.path()), code, elapsed);
                if let Some(timings) = timings {
                    timings.record(service, elapsed);
                }
            });
            let request = buffer_request(request).await?;
            let result = stack.oneshot(request).await.map_err(Status::from);
            guard.finish(match &result {
                Ok(response) => grpc_code(response.headers()).unwrap_or(Code::Ok),
                Err(status) => status.code(),
            });
            result
        })
    }
}
