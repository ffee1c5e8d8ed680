//! Tests of the errors of nginx itself. They look as if the gateway had sent them.

use axum::http::Method;
use eventboard_e2e::{Response, cluster::free_port};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    ALLOWED_ORIGINS, Stack,
    connection::{client, connect, connect_tls},
    http1, http2,
    nginx::Nginx,
};

const ORIGIN: &str = "http://localhost:5173";
const CORRELATION_ID: &str = "order-66";

/// The header fields that nginx and the gateway must have in common.
const COMMON_HEADERS: [&str; 4] =
    ["content-type", "retry-after", "access-control-allow-origin", "access-control-expose-headers"];

/// A request with these fields and the usual ones.
fn request(first_line: &str, fields: &str) -> String {
    format!(
        "{first_line} HTTP/1.1\r\nHost: localhost\r\nOrigin: {ORIGIN}\r\nX-Correlation-ID: {CORRELATION_ID}\r\n\
         {fields}\r\n"
    )
}

fn get(path: &str) -> String {
    request(&format!("GET {path}"), "")
}

/// A request that nginx or the gateway rejects, because of the length of the URI or of a field.
fn long(uri_bytes: usize, field_bytes: usize) -> String {
    let (query, field) = ("q".repeat(uri_bytes), "x".repeat(field_bytes));
    request(&format!("GET /events?{query}"), &format!("Cookie: {field}\r\n"))
}

fn post(fields: &str) -> String {
    request("POST /auth/login", fields)
}

/// A problem whose correlation ID nginx created.
fn assert_new_correlation_id(response: &Response) {
    let id = response.header("x-correlation-id").unwrap();
    assert_eq!(Uuid::parse_str(id).map(|id| id.get_version_num()), Ok(4), "{id}");
}

#[tokio::test]
async fn every_error_of_nginx_is_a_problem_with_the_correlation_id_of_the_request() {
    let stack = Stack::start().await;
    let without_host = |text: String| text.replace("Host: localhost\r\n", "");
    for (status, instance, text) in [
        (400, "/events", without_host(get("/events?x=1"))),
        (400, "/events", request("GET /events", "two words: x\r\n")),
        (400, "/events", get("/events?<")),
        (400, "/a...", get("/a>b?x=1")),
        (405, "/gr...", request("TRACE /gr\u{f6}\u{df}e?x=1", "")),
        // nginx cannot encode these characters.
        (405, "/a...", request("TRACE /a\"b", "")),
        (405, "/a...", request("TRACE /a\\b", "")),
        (400, "/auth/login", post("Content-Length: x\r\n")),
        (400, "/auth/login", post("Transfer-Encoding: chunked\r\n\r\nx\r\n")),
        (404, "/.problem", get("/.problem?x=1")),
        (405, "/events", request("TRACE /events?x=1", "")),
        (405, "/events", request("TRACE http://localhost/events?x=1", "")),
        (413, "/auth/login", post("Content-Length: 65537\r\n")),
        (
            413,
            "/auth/login",
            post(&format!("Transfer-Encoding: chunked\r\n\r\n10001\r\n{}", " ".repeat(65_537))),
        ),
        (431, "/events", long(1, 9_000)),
        (431, "/events", long(1, 100_000)),
        (431, "/events", request("GET /events", &"a: b\r\n".repeat(101))),
        (501, "/auth/login", post("Transfer-Encoding: gzip\r\n")),
    ] {
        let response = http1::exchange_tls(&stack.nginx, &text).await;
        let problem = response.expect_problem(status);
        assert_eq!(
            (&problem["instance"], &problem["correlationId"]),
            (&instance.into(), &CORRELATION_ID.into())
        );
        assert_eq!(response.header("access-control-allow-origin"), Some(ORIGIN), "{text}");
        assert_eq!(response.header("vary"), Some("origin"));
        assert!(response.header("strict-transport-security").is_some());
    }
}

#[tokio::test]
async fn a_request_that_nginx_cannot_read_to_its_end_is_a_problem_with_a_new_correlation_id() {
    let stack = Stack::start().await;
    for (status, instance, text) in [
        (400, "", "GARBAGE\r\n\r\n".to_owned()),
        (400, "", get("*")),
        (400, "/...", get("/%zz")),
        (400, "/a", get("/a b")),
        (414, "/events", long(20_000, 1)),
        (414, "/events", long(100_000, 1)),
        (505, "/events", get("/events").replace("HTTP/1.1", "HTTP/3.0")),
    ] {
        let response = http1::exchange_tls(&stack.nginx, &text).await;
        assert_eq!(response.expect_problem(status)["instance"], instance);
        assert_new_correlation_id(&response);
    }
}

/// The problem that the gateway sends itself, without nginx.
async fn problem_of_gateway(stack: &Stack, text: &str) -> Response {
    http1::exchange(&mut connect(client(1), stack.gateway.address).await, text).await
}

fn assert_same_error(nginx: &Response, gateway: &Response, members: &[&str]) {
    nginx.expect_problem(gateway.status);
    gateway.expect_problem(nginx.status);
    for member in members {
        assert_eq!(nginx.body[member], gateway.body[member], "{member} of {}", nginx.status);
    }
    for name in COMMON_HEADERS {
        assert_eq!(nginx.header(name), gateway.header(name), "{name} of {}", nginx.status);
    }
}

#[tokio::test]
async fn an_error_of_nginx_equals_that_of_the_gateway() {
    let stack = Stack::start().await;
    for (of_nginx, of_gateway) in [
        (get("/.problem"), get("/.problem")),
        (request("TRACE /events", ""), request("PUT /events", "")),
        (post("Content-Length: 65537\r\n"), post("Content-Length: 65537\r\n")),
        (long(1, 9_000), long(1, 9_000)),
    ] {
        let nginx = http1::exchange_tls(&stack.nginx, of_nginx).await;
        let gateway = problem_of_gateway(&stack, &of_gateway).await;
        assert_same_error(&nginx, &gateway, &["type", "title", "detail", "instance", "correlationId"]);
    }
    // nginx cannot read the header fields of this request.
    let without_fields = |text: String| text.replace("Origin", "X-Origin");
    let nginx = http1::exchange_tls(&stack.nginx, long(20_000, 1)).await;
    let gateway = problem_of_gateway(&stack, &without_fields(long(20_000, 1))).await;
    assert_same_error(&nginx, &gateway, &["type", "title", "detail", "instance"]);
}

#[tokio::test]
async fn a_long_path_is_cut_in_an_error_of_nginx_as_in_one_of_the_gateway() {
    let stack = Stack::start().await;
    for path in [
        format!("/{}", "x".repeat(99)),
        format!("/{}", "x".repeat(100)),
        format!("/{}?{}", "x".repeat(99), "x".repeat(99)),
        format!("/{}", "%2B".repeat(33)),
        format!("/{}", "x".repeat(1000)),
    ] {
        let nginx = http1::exchange_tls(&stack.nginx, request(&format!("TRACE {path}"), "")).await;
        let gateway = problem_of_gateway(&stack, &get(&path)).await;
        assert_eq!(nginx.expect_problem(405)["instance"], gateway.expect_problem(404)["instance"], "{path}");
    }
}

#[tokio::test]
async fn the_gateway_gets_the_correlation_id_of_nginx() {
    let stack = Stack::start().await;
    let without_id = |text: String| text.replace("X-Correlation-ID", "X-Other");
    let response = http1::exchange_tls(&stack.nginx, without_id(get("/nowhere"))).await;
    response.expect_problem(404);
    assert_new_correlation_id(&response);
    let id = response.header("x-correlation-id").unwrap();
    stack.gateway.log().wait_for_message(id, "Request finished").await;
    assert!(stack.nginx.access_log().contains(id));
}

#[tokio::test]
async fn a_request_id_is_the_correlation_id_of_a_client_that_sends_only_that() {
    let stack = Stack::start().await;
    // An error of nginx, and one of the gateway.
    for line in ["TRACE /events", "GET /nowhere"] {
        let only_request_id = |id: &str| {
            request(line, "").replace("X-Correlation-ID: order-66", &format!("X-Request-ID: {id}"))
        };
        let response = http1::exchange_tls(&stack.nginx, only_request_id("a1-b2")).await;
        for name in ["x-correlation-id", "x-request-id"] {
            assert_eq!(response.header(name), Some("a1-b2"), "{line}");
        }
        let response = http1::exchange_tls(&stack.nginx, only_request_id("two words")).await;
        assert_new_correlation_id(&response);
        assert_eq!(response.header("x-request-id"), response.header("x-correlation-id"), "{line}");

        let both = request(line, "X-Request-ID: a1-b2\r\n");
        let response = http1::exchange_tls(&stack.nginx, both).await;
        for name in ["x-correlation-id", "x-request-id"] {
            assert_eq!(response.header(name), Some(CORRELATION_ID), "{line}");
        }
        let response = http1::exchange_tls(&stack.nginx, request(line, "")).await;
        assert_eq!(response.header("x-request-id"), None, "{line}");
    }
}

#[tokio::test]
async fn clients_are_told_how_long_a_connection_stays_open_as_by_the_gateway() {
    let stack = Stack::start().await;
    let nginx = http1::exchange_tls(&stack.nginx, get("/health/live")).await;
    let gateway = problem_of_gateway(&stack, &get("/health/live")).await;
    assert_eq!(nginx.header("keep-alive"), Some("timeout=75"));
    assert_eq!(gateway.header("keep-alive"), nginx.header("keep-alive"));
}

#[tokio::test]
async fn of_two_correlation_ids_the_first_one_counts() {
    let stack = Stack::start().await;
    for line in ["TRACE /events", "GET /nowhere"] {
        let two = request(line, "X-Correlation-ID: second\r\n");
        let response = http1::exchange_tls(&stack.nginx, &two).await;
        assert_eq!(response.header("x-correlation-id"), Some(CORRELATION_ID), "{line}");
    }
}

#[tokio::test]
async fn without_a_gateway_nginx_responds_like_a_gateway_without_services() {
    let nobody = ([127, 0, 0, 1], free_port()).into();
    let (stack, nginx) = (Stack::start().await, Nginx::start(nobody, ALLOWED_ORIGINS).await);
    let body = r#"{"email":"a@b.cd","password":"Password123!"}"#;
    let login = format!(
        "{}{body}",
        post(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()))
    );
    let response = http1::exchange_tls(&nginx, &login).await;
    assert_eq!(response.header("retry-after"), Some("1"));
    let gateway = problem_of_gateway(&stack, &login).await;
    assert_same_error(&response, &gateway, &["type", "title", "instance", "correlationId"]);
}

#[tokio::test]
async fn a_correlation_id_is_kept_only_if_it_is_well_formed() {
    let stack = Stack::start().await;
    let send = async |id: &str| {
        let text = request("TRACE /events", "").replace(CORRELATION_ID, id);
        let response = http1::exchange_tls(&stack.nginx, text).await;
        response.expect_problem(405);
        response
    };
    for id in ["x", "a.b:c/d+e=f@g-h_i", &"x".repeat(128)] {
        assert_eq!(send(id).await.header("x-correlation-id"), Some(id));
    }
    for id in ["", "two words", "semi;colon", "<script>", "a\"b", "a\\b", &"x".repeat(129)] {
        assert_new_correlation_id(&send(id).await);
    }
}

#[tokio::test]
async fn nginx_and_the_gateway_allow_the_same_origins() {
    let stack = Stack::start().await;
    for (origin, is_allowed) in [
        ("https://app.example.org", true),
        ("http://localhost", true),
        ("http://localhost:5173", true),
        ("http://localhost:65535", true),
        ("http://localhost:123456", false),
        ("https://App.example.org", false),
        ("https://appxexample.org", false),
        ("https://app.example.org:8443", false),
        ("https://app.example.org.evil.example", false),
        ("http://localhost:", false),
        ("http://localhost:80.evil.example", false),
        ("https://localhost", false),
        ("null", false),
    ] {
        let with_origin = |text: String| text.replace(ORIGIN, origin);
        let nginx = http1::exchange_tls(&stack.nginx, with_origin(request("TRACE /events", ""))).await;
        let gateway = problem_of_gateway(&stack, &with_origin(request("PUT /events", ""))).await;
        assert_same_error(&nginx, &gateway, &[]);
        let expected = is_allowed.then_some(origin);
        assert_eq!(nginx.header("access-control-allow-origin"), expected, "{origin}");
    }
}

#[tokio::test]
async fn http_is_redirected_and_http_on_the_port_for_https_is_a_problem() {
    let stack = Stack::start().await;
    let send = async |to, text: &str| http1::exchange(&mut connect(client(1), to).await, text).await;
    let redirect = send(stack.nginx.http, &get("/events?x=1")).await;
    assert_eq!((redirect.status, redirect.header("location")), (308, Some("https://localhost/events?x=1")));
    for (to, text) in [(stack.nginx.http, "GARBAGE\r\n\r\n"), (stack.nginx.https, &get("/events"))] {
        let response = send(to, text).await;
        response.expect_problem(400);
        assert_eq!(response.header("strict-transport-security"), None);
    }
}

#[tokio::test]
async fn errors_over_http2_are_problems() {
    let stack = Stack::start().await;
    let sender = http2::connect(client(1), &stack.nginx, &h2::client::Builder::new()).await;
    for (status, method, path) in [(404, Method::GET, "/.problem?x=1"), (405, Method::TRACE, "/events?x=1")] {
        let request = http2::request(method, path).header("x-correlation-id", CORRELATION_ID);
        let response =
            http2::read_response(http2::start(&sender, request.header("origin", ORIGIN)).await).await;
        let problem = response.expect_problem(status);
        assert_eq!(problem["instance"], path.trim_end_matches("?x=1"));
        assert_eq!(problem["correlationId"], CORRELATION_ID);
        assert_eq!(response.header("access-control-allow-origin"), Some(ORIGIN));
    }
}

#[tokio::test]
async fn responses_of_the_gateway_are_not_changed() {
    let stack = Stack::start().await;
    // Fields of a connection, those that nginx adds, and the time that each request takes.
    let of_connection = [
        "connection",
        "keep-alive",
        "date",
        "server",
        "strict-transport-security",
        "transfer-encoding",
        "server-timing",
    ];
    for text in [
        get("/health/live"),
        get("/nowhere?x=1"),
        request("PUT /events", ""),
        request("OPTIONS /events", "Access-Control-Request-Method: POST\r\n"),
        post("Content-Length: 0\r\n"),
        request("GET /api/openapi.json", "Accept-Encoding: identity\r\n"),
        request("GET /api/openapi.json", "Accept-Encoding: gzip\r\n"),
        request("GET /api/swagger-ui.css", "Accept-Encoding: br\r\n"),
        request("HEAD /api/swagger-ui.css", "Accept-Encoding: zstd\r\n"),
        request("GET /api/openapi.json", "If-None-Match: *\r\n"),
        request("GET /api/openapi.json", "If-Match: \"0\"\r\n"),
        request("GET /nowhere", "Accept-Encoding: gzip, identity;q=0\r\n"),
    ] {
        let mut stream = connect_tls(client(1), &stack.nginx, http1::PROTOCOL).await;
        let mut responses =
            [http1::exchange(&mut stream, &text).await, problem_of_gateway(&stack, &text).await];
        for response in &mut responses {
            of_connection.iter().for_each(|name| drop(response.headers.remove(*name)));
            response.body["uptime"] = Value::Null;
        }
        let [through_nginx, direct] = responses;
        assert_eq!(through_nginx.status, direct.status);
        assert_eq!((through_nginx.headers, through_nginx.body), (direct.headers, direct.body), "{text}");
    }
}

#[tokio::test]
async fn a_compressed_response_keeps_its_strong_tag_which_revalidates_it() {
    let stack = Stack::start().await;
    for coding in ["gzip", "br", "zstd"] {
        let get = |fields: &str| {
            request("GET /api/swagger-ui-bundle.js", &format!("Accept-Encoding: {coding}\r\n{fields}"))
        };
        let compressed = http1::exchange_tls(&stack.nginx, get("")).await.expect(200);
        assert_eq!(compressed.header("content-encoding"), Some(coding));
        assert!(compressed.header("vary").unwrap().ends_with("accept-encoding"));
        let tag = compressed.etag();
        assert!(tag.starts_with('"') && tag.ends_with(&format!("-{coding}\"")), "{tag}");
        let unchanged = http1::exchange_tls(&stack.nginx, get(&format!("If-None-Match: {tag}\r\n"))).await;
        assert_eq!((unchanged.status, unchanged.etag()), (304, tag.clone()));
        http1::exchange_tls(&stack.nginx, get(&format!("If-Match: {tag}\r\n"))).await.expect(200);
    }
}

#[tokio::test]
async fn a_request_of_http_1_0_needs_no_host() {
    let stack = Stack::start().await;
    for text in ["GET /nowhere HTTP/1.0\r\n\r\n", "GET /nowhere HTTP/1.0\r\nHost: a\r\n\r\n"] {
        assert_eq!(http1::exchange_tls(&stack.nginx, text).await.expect_problem(404)["instance"], "/nowhere");
    }
}

#[tokio::test]
async fn nginx_and_the_gateway_reject_the_same_hosts() {
    let stack = Stack::start().await;
    for host in ["Host: a\r\nHost: a", "Host: a\r\nHost: b", "Host: ", "Host: a b", "Host: a/b", "Host: me@a"]
    {
        let text = get("/nowhere").replace("Host: localhost", host);
        http1::exchange_tls(&stack.nginx, &text).await.expect_problem(400);
        problem_of_gateway(&stack, &text).await.expect_problem(400);
    }
}
