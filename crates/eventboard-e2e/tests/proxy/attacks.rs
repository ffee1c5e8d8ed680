//! One client attacks nginx. Its memory stays bounded, and the requests of another client succeed.

use std::{fs, net::SocketAddr};

use axum::http::Method;
use eventboard_e2e::{Response, process::allow_many_sockets, wait_until};
use futures::{StreamExt, future::join_all, stream};
use h2::client::Builder;
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

use crate::{
    Stack,
    connection::{Stream, client, connect, connect_tls, try_connect_tls},
    http1, http2,
};

/// How many requests of one client nginx passes on at the same time.
const REQUESTS_PER_CLIENT: usize = 100;

/// How many requests nginx accepts at the same time on a connection of HTTP/2.
const STREAMS: usize = 32;

/// More connections than nginx can serve.
const MANY_CONNECTIONS: usize = 1200;

/// How much memory nginx needs at most, in KiB, as its configuration says: for a connection, for any request, and for a
/// request that it passes on.
const PER_CONNECTION: u64 = 56;
const PER_REQUEST: u64 = 72;
const PER_PASSED_REQUEST: u64 = 136;

/// Asserts that another client is served.
async fn assert_others_are_served(stack: &Stack) {
    for _ in 0..20 {
        let mut stream = connect_tls(client(2), &stack.nginx, http1::PROTOCOL).await;
        let request = "GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
        http1::exchange(&mut stream, request).await.expect(200);
    }
}

/// Sends most of a body, and returns the response.
async fn upload_without_end(mut stream: impl Stream) -> Response {
    let fields = "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 65000";
    let request = format!("POST /auth/login HTTP/1.1\r\n{fields}\r\n\r\n{}", " ".repeat(60_000));
    http1::exchange(&mut stream, request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_uploads_of_one_client_take_little_memory_and_no_files() {
    let stack = Stack::start_with(&[("LOGIN_DEADLINE", "10s")]).await;
    assert_others_are_served(&stack).await;
    let before = stack.nginx.worker_peak_kib();
    let mut uploads = JoinSet::new();
    for _ in 0..2 * REQUESTS_PER_CLIENT {
        uploads.spawn(upload_without_end(connect_tls(client(1), &stack.nginx, http1::PROTOCOL).await));
    }
    assert_others_are_served(&stack).await;
    assert_eq!(stack.nginx.temporary_files(), Vec::<String>::new());
    let responses = uploads.join_all().await;
    let limit = REQUESTS_PER_CLIENT as u64 * (2 * PER_CONNECTION + PER_REQUEST + PER_PASSED_REQUEST);
    let used = stack.nginx.worker_peak_kib() - before;
    assert!(used < limit, "{used} KiB of {limit} KiB");

    let (rejected, passed): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.status == 429);
    assert!(!rejected.is_empty() && passed.len() >= REQUESTS_PER_CLIENT, "{} were passed on", passed.len());
    for response in rejected {
        let problem = response.expect_problem(429);
        assert_eq!(problem["type"], "urn:eventboard:problem:rate-limited");
        assert_eq!(problem["title"], "Too many requests");
    }
    for response in passed {
        response.expect_problem(408);
    }
}

/// Sends requests that nginx rejects, as many as it accepts on each connection. The client never allows nginx to send the
/// bodies of the responses.
async fn assert_unread_responses_take_little_memory(
    connections: usize,
    status: &str,
    request: impl Fn() -> axum::http::request::Builder,
) {
    let stack = Stack::start().await;
    assert_others_are_served(&stack).await;
    let before = stack.nginx.worker_peak_kib();
    let mut builder = Builder::new();
    builder.initial_window_size(0);
    let mut heads = Vec::new();
    for _ in 0..connections {
        let sender = http2::connect(client(1), &stack.nginx, &builder).await;
        for _ in 0..STREAMS {
            heads.push(http2::start(&sender, request()).await);
        }
    }
    assert_others_are_served(&stack).await;
    // nginx closes the streams when it stops waiting for the client.
    join_all(heads).await;
    wait_until("nginx has responded to all requests", async || {
        stack.nginx.access_log().matches(&format!(r#""status":"{status}""#)).count() == connections * STREAMS
    })
    .await;
    let limit = connections as u64 * (PER_CONNECTION + STREAMS as u64 * PER_REQUEST);
    let used = stack.nginx.worker_peak_kib() - before;
    assert!(used < limit, "{used} KiB of {limit} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_that_a_client_does_not_read_take_little_memory() {
    let (path, value) = (format!("/{}", "p".repeat(7_900)), "x".repeat(8_000));
    let request = || http2::request(Method::TRACE, &path).header("x-long", &value);
    assert_unread_responses_take_little_memory(100, "405", request).await;
}

/// In HTTP/2, a repeated header field is one byte long, but nginx needs much more memory for it.
#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_header_fields_take_little_memory() {
    let request = || (0..10_000).fold(http2::request(Method::GET, "/"), |request, _| request.header("a", ""));
    assert_unread_responses_take_little_memory(5, "431", request).await;
}

/// Opens many connections. Keeps those that nginx does not close.
async fn open_many<S>(open: impl AsyncFn() -> Option<S>) -> Vec<S> {
    // The queue of connections that nginx has not accepted yet is longer than this.
    const AT_THE_SAME_TIME: usize = 100;
    let connections = stream::iter(0..MANY_CONNECTIONS).map(|_| open()).buffer_unordered(AT_THE_SAME_TIME);
    connections.filter_map(async |connection| connection).collect().await
}

/// Sends the beginning of something, and never the rest.
async fn begin(stream: Option<impl Stream>, bytes: &'static [u8]) -> Option<impl Stream> {
    let mut stream = stream?;
    stream.write_all(bytes).await.ok()?;
    stream.flush().await.ok()?;
    Some(stream)
}

async fn connect_as_attacker(to: SocketAddr) -> Option<TcpStream> {
    Some(connect(client(1), to).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_requests_of_one_client_do_not_lock_out_others() {
    allow_many_sockets();
    let stack = Stack::start().await;
    let nginx = &stack.nginx;
    let half_a_head = b"GET /events HTTP/1.1\r\nHost: loc";
    let _to_http = open_many(async || begin(connect_as_attacker(nginx.http).await, half_a_head).await).await;
    assert_others_are_served(&stack).await;
    let _to_https = open_many(async || {
        begin(try_connect_tls(client(3), nginx, http1::PROTOCOL).await.ok(), half_a_head).await
    })
    .await;
    assert_others_are_served(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_tls_handshakes_of_one_client_do_not_lock_out_others() {
    allow_many_sockets();
    let stack = Stack::start().await;
    // The beginning of a ClientHello.
    let half_a_handshake = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let _attack =
        open_many(async || begin(connect_as_attacker(stack.nginx.https).await, half_a_handshake).await).await;
    assert_others_are_served(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_have_256_connections() {
    let stack = Stack::start().await;
    let mut connections = JoinSet::new();
    for number in 1..=300 {
        // Two clients, of which one stays below the limit.
        let from = client(if number <= 256 { 1 } else { 2 });
        let mut stream = connect_tls(from, &stack.nginx, http1::PROTOCOL).await;
        connections.spawn(async move {
            let request = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
            http1::exchange(&mut stream, request).await.expect(200);
            stream
        });
    }
    let _open = connections.join_all().await;
    assert!(try_connect_tls(client(1), &stack.nginx, http1::PROTOCOL).await.is_err());
    assert_others_are_served(&stack).await;
}

/// The gateway does not read the body of a request without a token.
#[tokio::test]
async fn a_response_that_the_gateway_sends_before_it_reads_the_body_is_not_lost() {
    let stack = Stack::start().await;
    let request = format!(
        "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65000\r\n\r\n{}",
        " ".repeat(65_000)
    );
    for _ in 0..50 {
        http1::exchange_tls(&stack.nginx, &request).await.expect_problem(401);
    }
}

#[tokio::test]
async fn the_limit_of_requests_counts_every_stream_of_http2() {
    let stack = Stack::start_with(&[("LOGIN_DEADLINE", "10s")]).await;
    let mut responses = JoinSet::new();
    for _ in 0..=REQUESTS_PER_CLIENT / STREAMS {
        let sender = http2::connect(client(1), &stack.nginx, &Builder::new()).await;
        for _ in 0..STREAMS {
            let request =
                http2::request(Method::POST, "/auth/login").header("content-type", "application/json");
            let mut sender = sender.clone().ready().await.unwrap();
            let (response, body) = sender.send_request(request.body(()).unwrap(), false).unwrap();
            responses.spawn(async move {
                let _body = body;
                http2::read_response(response).await
            });
        }
    }
    let requests = responses.len();
    let responses = responses.join_all().await;
    let rejected: Vec<_> = responses.iter().filter(|response| response.status == 429).collect();
    assert_eq!(rejected.len(), requests - REQUESTS_PER_CLIENT);
    rejected[0].expect_problem(429);
}

/// 429 says that the client itself sends too much.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_never_gets_429_because_of_others() {
    const CLIENTS: u8 = 9;
    allow_many_sockets();
    let stack = Stack::start().await;
    // The kernel accepts the connections of nginx, but there are no responses.
    stack.gateway.signal("STOP");
    let mut responses = JoinSet::new();
    for number in 1..=CLIENTS {
        for _ in 0..REQUESTS_PER_CLIENT / 25 {
            let sender = http2::connect(client(number), &stack.nginx, &Builder::new()).await;
            for _ in 0..25 {
                let request = http2::request(Method::GET, "/health/live");
                responses.spawn(http2::read_response(http2::start(&sender, request).await));
            }
        }
    }
    wait_until("nginx has passed on the requests", async || {
        connections_to(stack.gateway.address) == REQUESTS_PER_CLIENT * usize::from(CLIENTS)
    })
    .await;
    let sender = http2::connect(client(CLIENTS + 1), &stack.nginx, &Builder::new()).await;
    let request = http2::request(Method::GET, "/health/live");
    responses.spawn(http2::read_response(http2::start(&sender, request).await));
    stack.gateway.signal("CONT");
    for response in responses.join_all().await {
        assert!([200, 503].contains(&response.status), "{}", response.text);
    }
}

/// The number of connections to this address on 127.0.0.1.
fn connections_to(address: SocketAddr) -> usize {
    // The remote address and the state "established" (https://docs.kernel.org/networking/proc_net_tcp.html).
    let connection = format!("0100007F:{:04X} 01 ", address.port());
    fs::read_to_string("/proc/net/tcp").unwrap().matches(&connection).count()
}
