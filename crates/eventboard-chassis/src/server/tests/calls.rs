//! Tests of the layers around the methods of a gRPC service.

use std::{
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{body, response::Response};
use eventboard_proto::health::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use futures::{FutureExt, future::BoxFuture, stream};
use tonic::transport::Channel;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tower::ServiceExt;

use super::super::*;
use crate::{
    grpc::{LAST_RESORT, grpc_code},
    shutdown::Drain,
    token::TokenConfig,
};

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
fn server(shutdown: Shutdown) -> GrpcServer {
    GrpcServer {
        service: "reader",
        addresses: AddressLimit::new(2048),
        verifier: TokenVerifier::new(&TokenConfig::from_env(&mut Env::from_iter([]))),
        admission: Admission::new(1),
        health: Health::of_gateway("reader", shutdown, Vec::new()),
        descriptors: eventboard_proto::FILE_DESCRIPTOR_SET,
    }
}

fn router_with(shutdown: &Shutdown) -> Router {
    server(shutdown.clone()).router(Reader, shutdown).expect("good descriptors").0
}

fn router() -> Router {
    router_with(&Shutdown::new())
}

fn call(message: body::Body) -> Request<body::Body> {
    Request::post("/test.Reader/Read").header("host", "x").body(message).expect("a request")
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

/// A real server of this service, and a client.
async fn start() -> (Shutdown, tokio::task::JoinHandle<anyhow::Result<()>>, Channel) {
    let listener = listener::listen(([127, 0, 0, 1], 0).into()).expect("a port");
    let address = listener.local_addr().expect("bound");
    let shutdown = Shutdown::new();
    let task = tokio::spawn(server(shutdown.clone()).serve(listener, Reader, shutdown.clone()));
    let channel = Channel::from_shared(format!("http://{address}")).expect("an address");
    (shutdown, task, channel.connect().await.expect("the server listens"))
}

fn watched(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test]
async fn the_streams_of_health_and_reflection_end_when_the_server_stops() {
    let (shutdown, task, channel) = start().await;
    let mut streams = Vec::new();
    for service in ["", Reader::NAME, "test.Unknown"] {
        let stream = HealthClient::new(channel.clone()).watch(watched(service)).await.expect("a stream");
        let mut stream = stream.into_inner();
        let status = stream.message().await.expect("a message").expect("a status").status();
        let expected =
            if service == "test.Unknown" { ServingStatus::ServiceUnknown } else { ServingStatus::Serving };
        assert_eq!(status, expected, "{service:?}");
        streams.push((expected, stream));
    }
    // Its client goes on neither to send nor to close.
    let v1 = ServerReflectionClient::new(channel.clone()).server_reflection_info(stream::pending()).await;
    let mut v1 = v1.expect("a stream").into_inner();

    shutdown.begin(Duration::ZERO).await;
    for (first, mut stream) in streams {
        if first == ServingStatus::Serving {
            let status = stream.message().await.expect("a message").expect("a status").status();
            assert_eq!(status, ServingStatus::NotServing);
        }
        assert!(stream.message().await.expect("the stream ends with OK").is_none());
    }
    assert!(v1.message().await.expect("the stream ends with OK").is_none());
    task.await.expect("no panic").expect("served");
}

#[tokio::test]
async fn a_client_can_hold_only_its_share_of_streams() {
    let (_shutdown, _task, channel) = start().await;
    let watch = async || HealthClient::new(channel.clone()).watch(watched("")).await;
    let mut held = Vec::new();
    let refused = loop {
        match watch().await {
            Ok(stream) => held.push(stream),
            Err(status) => break status,
        }
    };
    assert_eq!((held.len(), refused.code()), (1024, tonic::Code::ResourceExhausted));
    held.pop();
    while watch().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn reflection_lists_the_services_of_this_server_in_both_versions() {
    let (_shutdown, _task, channel) = start().await;
    let expected = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        Reader::NAME,
    ];
    macro_rules! services {
        ($version:ident) => {{
            use tonic_reflection::pb::$version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
            };
            let ask = async |request: MessageRequest| {
                let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
                let mut client = ServerReflectionClient::new(channel.clone());
                let replies = client.server_reflection_info(stream::iter([request])).await.expect("a stream");
                let reply = replies.into_inner().message().await.expect("a message");
                reply.and_then(|reply| reply.message_response).expect("a reply")
            };
            for symbol in
                ["grpc.health.v1.Health.List", expected[1], expected[2], "google.protobuf.Timestamp"]
            {
                let reply = ask(MessageRequest::FileContainingSymbol(symbol.to_owned())).await;
                assert!(matches!(reply, MessageResponse::FileDescriptorResponse(_)), "{symbol}");
            }
            match ask(MessageRequest::ListServices(String::new())).await {
                MessageResponse::ListServicesResponse(list) => {
                    list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
                }
                other => panic!("{other:?}"),
            }
        }};
    }
    for mut services in [services!(v1), services!(v1alpha)] {
        services.sort_unstable();
        assert_eq!(services, expected);
    }
}

/// How long a server drains that gets this request in the middle of its grace period.
async fn drain_time_with(request: Request<body::Body>) -> Duration {
    let (shutdown, started) = (Shutdown::new(), tokio::time::Instant::now());
    let router = router_with(&shutdown);
    let drain = Drain { grace: 2 * GRACE_HALF, timeout: Duration::from_secs(60) };
    let draining = tokio::spawn(async move { shutdown.drain(drain).await });
    tokio::time::sleep(GRACE_HALF).await;
    router.oneshot(request).await.expect("a response");
    draining.await.expect("no panic");
    started.elapsed()
}

const GRACE_HALF: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn a_draining_service_waits_for_calls_but_not_for_health_checks_and_reflection() {
    const CHECK: &str = "/grpc.health.v1.Health/Check";
    let post =
        |path: &str| Request::post(path).header("host", "x").header("content-type", "application/grpc");
    let empty_message = || body::Body::from(&[0_u8; 5][..]);
    for (request, is_counted) in [
        (call("message".into()), true),
        (post(CHECK).header(LAST_RESORT, "true").body(empty_message()).expect("a request"), true),
        (post(CHECK).body(empty_message()).expect("a request"), false),
        (
            post("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
                .body(body::Body::empty())
                .expect("a request"),
            false,
        ),
        (
            Request::get("/health/ready").header("host", "x").body(body::Body::empty()).expect("a request"),
            false,
        ),
    ] {
        let path = request.uri().path().to_owned();
        let halves = if is_counted { 3 } else { 2 };
        let drain_time = drain_time_with(request).await;
        let difference = drain_time.abs_diff(halves * GRACE_HALF);
        assert!(difference < Duration::from_millis(100), "{path}: {drain_time:?}");
    }
}
