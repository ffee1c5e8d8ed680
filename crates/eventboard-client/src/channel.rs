//! The stack of tower layers beneath the generated clients.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use eventboard_chassis::{
    grpc::{call_labels, grpc_code, method_of},
    metrics::Histograms,
    observed::observe_end,
};
use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::{Code, Status, body::Body};
use tower::{Service, ServiceBuilder, ServiceExt, retry::Retry};

use crate::{
    attempt::Attempt,
    deadline::{Deadline, DeadlineLayer},
    message::collect_request,
    replicas::Replicas,
    retry::{Retries, RetryConfig},
};

/// Gives the stack, which wants bodies in memory, the shape that the generated clients want. An answer of a service, even
/// a failed one, is a response; an error means that there was no answer.
#[derive(Clone)]
pub struct ServiceChannel {
    stack: Deadline<Retry<Retries, Attempt>>,
    /// Of whole calls, with all their attempts.
    durations: Arc<Histograms<Code>>,
}

impl ServiceChannel {
    /// The stack towards the service that these replicas make up.
    pub fn new(replicas: &Arc<Replicas>, config: &RetryConfig) -> Self {
        let stack = ServiceBuilder::new()
            // The deadline is outermost: waits between attempts count as well.
            .layer(DeadlineLayer)
            // One budget for all calls to this service, so that retries cannot multiply an overload.
            .retry(Retries::new(replicas.service, config))
            // Innermost: each attempt picks its replica, and whole answers, so that a connection that breaks in the
            // middle of one is a failed attempt and not a failed request.
            .service(Attempt::new(Arc::clone(replicas)));
        Self { stack, durations: Arc::new(calls_made()) }
    }
}

/// Calls that this process makes.
fn calls_made() -> Histograms<Code> {
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
        let Self { stack, durations } = self.clone();
        Box::pin(async move {
            let (started, uri) = (Instant::now(), request.uri().clone());
            // Without an answer the call was cancelled: nobody waits for it any more.
            let end = observe_end(|code: Option<Code>| {
                let code = code.unwrap_or(Code::Cancelled);
                durations.record(method_of(uri.path()), code, started.elapsed());
            });
            let request = collect_request(request).await?;
            let answer = stack.oneshot(request).await.map_err(Status::from);
            end.finish(match &answer {
                Ok(answer) => grpc_code(answer.headers()).unwrap_or(Code::Ok),
                Err(status) => status.code(),
            });
            answer
        })
    }
}
