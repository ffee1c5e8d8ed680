//! Tests that nginx and the gateway have the same limits.

use axum::http::Method;
use tokio::io::AsyncWriteExt;

use crate::{
    Stack,
    connection::{client, connect, connect_tls},
    http1, http2,
};

/// Asserts that nginx and the gateway respond with this status.
async fn assert_both(stack: &Stack, status: u16, request: impl AsRef<[u8]>) {
    let request = request.as_ref();
    let through_nginx = http1::exchange_tls(&stack.nginx, request).await;
    let direct = http1::exchange(&mut connect(client(1), stack.gateway.address).await, request).await;
    let beginning = request[..40.min(request.len())].escape_ascii();
    assert_eq!((through_nginx.status, direct.status), (status, status), "{beginning}");
    // The gateway's HTTP parser responds without a body to what it cannot read. nginx must not pass that on.
    if status >= 400 {
        through_nginx.expect_problem(status);
    }
}

#[tokio::test]
async fn a_uri_may_have_every_character_that_the_gateway_accepts() {
    let stack = Stack::start().await;
    let characters = (0x21_u8..0x7f).map(|byte| (byte as char).to_string());
    let beyond_ascii = ["\u{e9}", "\u{df}", "\u{20ac}", "\u{d7ff}", "\u{e000}", "\u{1f600}", "\u{10ffff}"];
    for character in characters.chain(beyond_ascii.map(str::to_owned)) {
        for (uri, rejected) in [
            (format!("/a{character}b"), "<>`"),
            (format!("/a?b{character}c"), "\"<>"),
            (format!("/a?search=gr\u{f6}\u{df}e{character}#<\"`>"), "\"<>"),
        ] {
            // nginx decodes the path, and rejects what it cannot decode.
            if uri.starts_with("/a%") {
                continue;
            }
            let status = if rejected.contains(&character) { 400 } else { 404 };
            assert_both(&stack, status, format!("GET {uri} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        }
    }
}

#[tokio::test]
async fn a_uri_must_be_utf_8() {
    let stack = Stack::start().await;
    for bytes in
        [&b"\xff"[..], b"\xe2\x82", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3(", b"\x80"]
    {
        for before in ["/a", "/a?b", "/a#"] {
            let request =
                [b"GET ", before.as_bytes(), bytes, b" HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat();
            assert_both(&stack, 400, request).await;
        }
    }
}

#[tokio::test]
async fn the_gateway_counts_the_requests_of_each_client() {
    let stack = Stack::start_with(&[
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_IP_MAX", "1"),
        ("TRUSTED_PROXIES", "127.0.0.1/32"),
    ])
    .await;
    for (number, status) in [(2, 401), (2, 429), (3, 401), (3, 429)] {
        let mut stream = connect_tls(client(number), &stack.nginx, http1::PROTOCOL).await;
        let request = "GET /events HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n";
        http1::exchange(&mut stream, request).await.expect_problem(status);
    }
    assert!(stack.nginx.access_log().contains(r#""client":"127.0.0.3""#));
}

#[tokio::test]
async fn a_body_may_have_64_kib() {
    let stack = Stack::start().await;
    let post = |fields: &str, body: &str| {
        format!("POST /auth/login HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n{body}")
    };
    for (length, status) in [(64 * 1024, 415), (64 * 1024 + 1, 413)] {
        let body = " ".repeat(length);
        assert_both(&stack, status, post(&format!("Content-Length: {length}"), &body)).await;
        let chunk = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
        assert_both(&stack, status, post("Transfer-Encoding: chunked", &chunk)).await;
    }
}

#[tokio::test]
async fn a_body_may_arrive_with_the_first_bytes_of_an_http2_connection() {
    let stack = Stack::start().await;
    for _ in 0..10 {
        let sender = http2::connect(client(1), &stack.nginx, &h2::client::Builder::new()).await;
        let mut ready = sender.ready().await.unwrap();
        let request = http2::request(Method::POST, "/auth/login").body(()).unwrap();
        let (response, mut body) = ready.send_request(request, false).unwrap();
        body.send_data("{}".into(), true).unwrap();
        http2::read_response(response).await.expect_problem(415);
    }
}

#[tokio::test]
async fn a_uri_may_have_8000_bytes() {
    let stack = Stack::start().await;
    for (length, status) in [(8000, 404), (8001, 414), (8150, 414), (8200, 414), (20_000, 414), (60_000, 414)]
    {
        let uri = format!("/{}", "x".repeat(length - 1));
        assert_both(&stack, status, format!("GET {uri} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
    }
}

/// The exact limit cannot be compared, because nginx adds fields to the request for the gateway.
#[tokio::test]
async fn header_fields_may_have_8_kib() {
    let stack = Stack::start().await;
    for (fields, length, status) in [
        (1, 7_800, 404),
        (7, 1_000, 404),
        (60, 60, 404),
        (1, 8_300, 431),
        (8, 1_020, 431),
        (90, 60, 431),
        (2, 8_000, 431),
        (1, 300_000, 431),
    ] {
        let fields = format!("Cookie: {}\r\n", "x".repeat(length)).repeat(fields);
        assert_both(&stack, status, format!("GET /nowhere HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"))
            .await;
    }
}

#[tokio::test]
async fn a_request_with_the_longest_uri_and_the_largest_header_fields_reaches_the_gateway() {
    let stack = Stack::start().await;
    let uri = format!("/{}", "x".repeat(7999));
    for fields in [1, 2, 5] {
        let field = format!("Cookie: {}\r\n", "x".repeat(7_700 / fields - 38)).repeat(fields);
        let request = format!("DELETE {uri} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n");
        assert_both(&stack, 404, request).await;
    }
}

/// The deadline is the longest possible one. If nginx timed out first, it would close the connection without a response.
#[tokio::test]
async fn a_body_that_never_ends_is_a_408_of_the_gateway() {
    let stack = Stack::start_with(&[("LOGIN_DEADLINE", "10s")]).await;
    let mut stream = connect_tls(client(1), &stack.nginx, http1::PROTOCOL).await;
    let head = "POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    http1::read_response(&mut stream).await.expect_problem(408);
}
