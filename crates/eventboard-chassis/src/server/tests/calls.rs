//! Tests of the layers around the methods of a gRPC service.

use std::{
    pin::pin,
    task::{Context, Poll},
};

use axum::{body, response::Response};
use futures::{FutureExt, future::BoxFuture, stream};
use tower::ServiceExt;

use super::super::*;
use crate::{grpc::grpc_code, token::TokenConfig};

/// A service that reads its message, as every tonic service does.
#[derive(Clone)]
struct Reader;

impl NamedService for Reader {
    const NAME: &'static str = "test.Reader";
}

impl Service<Request<Body>> for Reader {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let read = body::to_bytes(body::Body::new(request.into_body()), usize::MAX);
        read.map(|message| Ok(Response::new(message.expect("a whole message").into()))).boxed()
    }
}

/// The server of a service that admits one call at a time.
fn router() -> Router {
    let server = GrpcServer {
        service: "reader",
        addresses: AddressLimit::new(256),
        verifier: TokenVerifier::new(&TokenConfig::from_env(&mut Env::from_iter([]))),
        admission: Admission::new(1),
        health: Health::of_gateway("reader", Shutdown::new(), Vec::new()),
        descriptors: tonic_health::pb::FILE_DESCRIPTOR_SET,
    };
    server.router(Reader).expect("good descriptors").0
}

fn call(message: body::Body) -> Request<body::Body> {
    Request::post("/test.Reader/Read").body(message).expect("a request")
}

#[tokio::test]
async fn a_call_takes_no_place_while_its_message_arrives() {
    let router = router();
    let silent = body::Body::from_stream(stream::pending::<Result<Vec<u8>, Infallible>>());
    let mut slow = pin!(router.clone().oneshot(call(silent)));
    assert!(futures::poll!(&mut slow).is_pending());
    let response = router.oneshot(call("message".into())).await.expect("a response");
    assert_eq!(grpc_code(response.headers()), None, "the call was not shed");
    let message = body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    assert_eq!(&*message, b"message");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_arrives_too_slowly_or_is_too_long_fails_the_call() {
    let silent = body::Body::from_stream(stream::pending::<Result<Vec<u8>, Infallible>>());
    let response = router().oneshot(call(silent)).await.expect("a response");
    assert_eq!(grpc_code(response.headers()), Some(tonic::Code::DeadlineExceeded));
    let response = router().oneshot(call(vec![b'x'; 2 * 1024 * 1024].into())).await.expect("a response");
    assert_eq!(grpc_code(response.headers()), Some(tonic::Code::InvalidArgument));
}
