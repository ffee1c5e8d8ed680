//! The host of a request, on every port.

use std::net::SocketAddr;

use crate::support::{Process, Stack, metrics, raw};

/// Sends a request with these lines in its head, and returns the response.
async fn exchange(address: SocketAddr, request_line: &str, fields: &str) -> String {
    let request = format!("{request_line}\r\n{fields}connection: close\r\n\r\n");
    raw::exchange(address, request.as_bytes()).await
}

#[tokio::test]
async fn http_1_requires_one_valid_host_on_every_port() {
    let stack = Stack::start_with_metrics(&[]).await;
    let health = |process: &Process| (process.address, "/health/live");
    let mut ports = vec![health(&stack.gateway), health(&stack.auth), health(&stack.events)];
    for process in [&stack.gateway, &stack.events] {
        ports.push((metrics::address(process).await, "/metrics"));
    }
    for (address, path) in ports {
        for (status, version, fields) in [
            (200, "1.1", "Host: localhost\r\n"),
            (200, "1.1", "host: [::1]:3000\r\n"),
            (200, "1.0", ""),
            (200, "1.0", "Host: localhost\r\n"),
            (400, "1.1", ""),
            (400, "1.1", "Host: a\r\nHost: a\r\n"),
            (400, "1.0", "Host: a\r\nHost: b\r\n"),
            (400, "1.1", "Host:\r\n"),
            (400, "1.1", "Host: a b\r\n"),
            (400, "1.1", "Host: a, b\r\n"),
            (400, "1.1", "Host: a/b\r\n"),
            (400, "1.1", "Host: me@a\r\n"),
            (400, "1.1", "Host: a:80:80\r\n"),
            (400, "1.1", "Host: a:b\r\n"),
            (400, "1.1", "Host: [::1\r\n"),
        ] {
            let response = exchange(address, &format!("GET {path} HTTP/{version}"), fields).await;
            let received = response.split(' ').nth(1);
            assert_eq!(
                received,
                Some(status.to_string().as_str()),
                "{path} {version} {fields:?}: {response}"
            );
        }
    }
}

#[tokio::test]
async fn an_absolute_request_line_has_precedence_over_the_host_but_does_not_replace_it() {
    let stack = Stack::start().await;
    let address = stack.gateway.address;
    for (status, fields) in
        [(200, "Host: other\r\n"), (400, ""), (400, "Host: a b\r\n"), (400, "Host: a\r\nHost: a\r\n")]
    {
        let response = exchange(address, "GET http://localhost/health/live HTTP/1.1", fields).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{fields:?}: {response}");
    }
}

#[tokio::test]
async fn an_invalid_host_is_a_problem_before_any_other_error() {
    let stack = Stack::start().await;
    for line in ["GET /nowhere", "GET /events", "OPTIONS /events", "POST /auth/login", "PUT /events"] {
        let line = format!("{line} HTTP/1.1");
        let response = exchange(stack.gateway.address, &line, "X-Correlation-ID: order-66\r\n").await;
        let response = response.to_lowercase();
        assert!(response.starts_with("http/1.1 400 "), "{line}: {response}");
        assert!(response.contains("content-type: application/problem+json"), "{response}");
        assert!(response.contains("urn:eventboard:problem:invalid-host"), "{response}");
        assert!(response.contains(r#""correlationid":"order-66""#), "{response}");
    }
}
