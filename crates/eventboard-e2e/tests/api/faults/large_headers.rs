//! Tests of requests with large headers. The gateway sends the calls of all clients over the same connections, so a
//! service must never refuse the headers of one client by closing a connection.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::support::{Actor, Collector, Response, Stack, event_body, http2, send};

/// The gateway accepts 8 KiB. The services accept 16 KiB, and close the connection above 64 KiB.
const LENGTHS: [usize; 5] = [6_000, 10_000, 20_000, 60_000, 70_000];

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Requests of a user, each with headers of some length.
fn large_headers(user: &Actor) -> Vec<HeaderMap> {
    let long_fields = [20_000, 70_000].into_iter().flat_map(|length| long_fields(user, length));
    padded_tokens(user).chain(long_fields).collect()
}

/// The user's token with blanks before it.
fn padded_tokens(user: &Actor) -> impl Iterator<Item = HeaderMap> {
    let blanks =
        |length| [" ", "\t", " \t"].into_iter().map(move |text: &str| text.repeat(length / text.len()));
    let with_token = |blanks: String| headers(&[("authorization", format!("Bearer {blanks}{}", user.token))]);
    LENGTHS.into_iter().flat_map(blanks).map(with_token)
}

/// The user's token with another field that is long.
fn long_fields(user: &Actor, length: usize) -> impl Iterator<Item = HeaderMap> {
    let long = |text: &str| text.repeat(length / text.len());
    let bearer = ("authorization", format!("Bearer {}", user.token));
    let traceparent = ("traceparent", TRACEPARENT.to_owned());
    let mut cookies = headers(std::slice::from_ref(&bearer));
    for _ in 0..90 {
        cookies.append("cookie", "x".repeat(length / 90).parse().unwrap());
    }
    let long_fields = [
        ("accept-language", long("en-US,")),
        ("baggage", long("key=value,")),
        ("cookie", long("name=value; ")),
        ("grpc-timeout", long("9")),
        ("idempotency-key", long("k")),
        ("if-match", long("\"1\",")),
        ("if-none-match", long("\"1\",")),
        ("traceparent", format!("{TRACEPARENT}{}", long("-00"))),
        ("tracestate", long("vendor=value,")),
        ("user-agent", long("x")),
        ("x-correlation-id", long("x")),
        ("x-forwarded-for", long("10.0.0.7,")),
    ];
    let with_long_field = move |field: (&'static str, String)| {
        let first = if field.0 == "traceparent" { None } else { Some(traceparent.clone()) };
        headers(&first.into_iter().chain([bearer.clone(), field]).collect::<Vec<_>>())
    };
    long_fields.into_iter().map(with_long_field).chain([cookies])
}

fn headers(fields: &[(&'static str, String)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, String)| {
        (HeaderName::from_static(name), value.parse::<HeaderValue>().unwrap())
    };
    fields.iter().map(field).collect()
}

/// Every operation that the attacker uses, each with its body. They reach both services.
fn operations() -> [(Method, &'static str, Value); 3] {
    [
        (Method::GET, "/auth/me", Value::Null),
        (Method::GET, "/events", Value::Null),
        (Method::POST, "/events", event_body("Large headers")),
    ]
}

/// A user who sends requests until it is stopped. Every request must succeed.
struct Victim {
    is_stopped: Arc<AtomicBool>,
    requests: JoinHandle<usize>,
}

impl Victim {
    fn start(user: Actor) -> Self {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&is_stopped);
        let requests = tokio::spawn(async move {
            let mut rounds = 0;
            while !stopped.load(Ordering::Relaxed) {
                user.get("/auth/me").await.expect(200);
                user.get("/events").await.expect(200);
                user.create_event("Of a victim").await;
                rounds += 1;
            }
            rounds
        });
        Self { is_stopped, requests }
    }

    async fn stop(self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        assert!(self.requests.await.unwrap() > 0);
    }
}

/// Sends a request of the user with these headers only.
async fn send_http1(user: &Actor, headers: &HeaderMap, operation: (Method, &'static str, Value)) -> Response {
    let (method, path, body) = operation;
    let request = user.anonymous.request(method, path).headers(headers.clone());
    send(if body.is_null() { request } else { request.json(&body) }).await
}

async fn assert_neither_retries_nor_ejections(stack: &Stack) {
    for message in [r#""message":"Retry"#, r#""message":"Ejected"#] {
        assert_eq!(stack.gateway.log().count(message), 0, "{message}");
    }
}

#[tokio::test]
async fn large_headers_over_http1_fail_at_most_their_own_request() {
    // The trace context is sent to the services only if a collector is configured.
    let collector = Collector::start().await;
    let stack = Stack::start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())]).await;
    let attacker = stack.anonymous().sign_up_admin().await;
    let victim = Victim::start(stack.anonymous().sign_up_admin().await);
    for headers in large_headers(&attacker) {
        for operation in operations() {
            let response = send_http1(&attacker, &headers, operation).await;
            assert!(response.status < 500, "{}", response.text);
            if response.status >= 400 {
                response.expect_problem(response.status);
            }
        }
    }
    victim.stop().await;
    assert_neither_retries_nor_ejections(&stack).await;
}

#[tokio::test]
async fn large_headers_over_http2_fail_at_most_their_own_request() {
    let collector = Collector::start().await;
    let stack = Stack::start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())]).await;
    let attacker = stack.anonymous().sign_up_admin().await;
    let victim = Victim::start(stack.anonymous().sign_up_admin().await);
    for headers in large_headers(&attacker) {
        for (method, path, body) in operations() {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            // Without a response, the gateway has ended the connection, which belongs to the attacker alone.
            let status = http2::status(stack.gateway.address, method, path, &headers, body.into()).await;
            assert!(status.is_none_or(|status| status < 500), "{status:?}");
        }
    }
    victim.stop().await;
    assert_neither_retries_nor_ejections(&stack).await;
}

#[tokio::test]
async fn a_token_with_many_blanks_before_it_is_accepted_up_to_the_limit_for_headers() {
    let stack = Stack::start().await;
    let user = stack.anonymous().sign_up_admin().await;
    for headers in padded_tokens(&user) {
        for operation in operations() {
            let response = send_http1(&user, &headers, operation).await;
            // The gateway accepts header fields of 8 KiB.
            if headers["authorization"].len() < 7_500 {
                assert!(response.status < 300, "{}", response.text);
            } else {
                response.expect_problem(431);
            }
        }
    }
    assert_neither_retries_nor_ejections(&stack).await;
}
