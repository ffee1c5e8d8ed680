//! Tests of the traces that a collector receives.

use std::net::SocketAddr;

use eventboard_e2e::cluster::free_port;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::Method;
use serde_json::json;

use crate::support::{
    Actor, Collector, ReceivedSpan, Response, Stack,
    database::{Lock, wait_until_blocked},
    send, wait_until,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER_SPAN: &str = "b7ad6b7169203331";

async fn stack_with_traces(endpoint: &str, sampling_ratio: &str) -> (Stack, Actor) {
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_TRACES_SAMPLER_ARG", sampling_ratio)];
    let stack = Stack::start_with(&variables).await;
    let admin = stack.anonymous().sign_up_admin().await;
    (stack, admin)
}

/// Sends a request that is part of a caller's trace.
async fn get_traced(admin: &Actor, path: &str, trace_id: &str, correlation_id: &str) -> Response {
    let request = admin.request(Method::GET, path).header("x-correlation-id", correlation_id);
    send(request.header("traceparent", format!("00-{trace_id}-{CALLER_SPAN}-01"))).await
}

/// The only span with this name and kind.
fn only_span<'s>(spans: &'s [ReceivedSpan], name: &str, kind: SpanKind) -> &'s ReceivedSpan {
    let mut found = spans.iter().filter(|span| span.name == name && span.kind == kind);
    match (found.next(), found.next()) {
        (Some(span), None) => span,
        _ => panic!("not exactly one {kind:?} {name} in {spans:#?}"),
    }
}

/// The trace as an indented tree.
fn tree(spans: &[ReceivedSpan], parent: &str, depth: usize) -> String {
    let children = spans.iter().filter(|span| span.parent_id == parent);
    children.fold(String::new(), |text, span| {
        let line = format!(
            "{:indent$}{} ({}, {:?}, {} µs)\n",
            "",
            span.name,
            span.service,
            span.kind,
            span.micros,
            indent = depth * 2
        );
        text + &line + &tree(spans, &span.span_id, depth + 1)
    })
}

#[tokio::test]
async fn a_trace_connects_the_callers_span_with_the_statement() {
    let collector = Collector::start().await;
    let (_stack, admin) = stack_with_traces(&collector.endpoint(), "1").await;
    let event = admin.create_event("Traced").await;
    get_traced(&admin, &format!("/events/{event}"), TRACE, "traced").await.expect(200);

    let spans = collector.wait_for_trace(TRACE, 4).await;
    println!("{}", tree(&spans, CALLER_SPAN, 0));
    let method = "eventboard.events.v1.EventsService/FindOne";
    let request = only_span(&spans, "GET /events/{id}", SpanKind::Server);
    let call = only_span(&spans, method, SpanKind::Client);
    let served = only_span(&spans, method, SpanKind::Server);
    let statement = only_span(&spans, "SELECT Event", SpanKind::Client);
    assert_eq!(spans.len(), 4);
    assert_eq!((request.service.as_str(), request.parent_id.as_str()), ("api-gateway", CALLER_SPAN));
    assert_eq!((&*call.service, &call.parent_id), ("api-gateway", &request.span_id));
    assert_eq!((&*served.service, &served.parent_id), ("events-service", &call.span_id));
    assert_eq!((&*statement.service, &statement.parent_id), ("events-service", &served.span_id));
    assert!(spans.iter().all(|span| !span.failed), "{spans:#?}");

    let value = |span: &ReceivedSpan, attribute: &str| span.attributes[attribute].clone();
    assert_eq!(value(request, "http.route"), "/events/{id}");
    assert_eq!(value(request, "http.response.status_code"), "200");
    assert_eq!(value(call, "rpc.response.status_code"), "OK");
    assert_eq!(value(served, "rpc.method"), method);
    assert_eq!(value(statement, "db.system.name"), "postgresql");
}

#[tokio::test]
async fn the_trace_of_a_login_has_a_separate_span_for_the_password() {
    let collector = Collector::start().await;
    let (stack, admin) = stack_with_traces(&collector.endpoint(), "1").await;
    let credentials = json!({ "email": admin.user["email"], "password": "Password123!" });
    let login = stack.anonymous().request(Method::POST, "/auth/login");
    send(login.header("traceparent", format!("00-{TRACE}-{CALLER_SPAN}-01")).json(&credentials))
        .await
        .expect(200);

    let spans = collector.wait_for_trace(TRACE, 5).await;
    println!("{}", tree(&spans, CALLER_SPAN, 0));
    let served = only_span(&spans, "eventboard.auth.v1.AuthService/Login", SpanKind::Server);
    let password = only_span(&spans, "hash a password", SpanKind::Internal);
    assert_eq!((&*password.service, &password.parent_id), ("auth-service", &served.span_id));
    assert!(password.attributes.contains_key("eventboard.waited_ms"), "{password:#?}");
}

#[tokio::test]
async fn the_logs_of_all_services_contain_the_trace_id() {
    let collector = Collector::start().await;
    let (stack, admin) = stack_with_traces(&collector.endpoint(), "1").await;
    get_traced(&admin, "/events", TRACE, "logged-with-its-trace").await.expect(200);
    for process in [&stack.gateway, &stack.events] {
        let line = process.log().wait_for_message("logged-with-its-trace", "finished").await;
        assert_eq!(line["trace_id"], TRACE);
    }
    // If the caller sends no trace, the gateway starts a new trace.
    let request = admin.request(Method::GET, "/events").header("x-correlation-id", "without-a-trace");
    send(request).await.expect(200);
    let line = stack.events.log().wait_for_message("without-a-trace", "finished").await;
    let spans = collector.wait_for_trace(line["trace_id"].as_str().unwrap(), 4).await;
    assert_eq!(only_span(&spans, "GET /events", SpanKind::Server).parent_id, "");
    // The health checks during the start of the stack are not traced.
    assert!(collector.spans().iter().all(|span| !span.name.contains("health")));
}

#[tokio::test]
async fn the_callers_trace_id_is_logged_even_if_tracing_is_off() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    get_traced(&admin, "/events", TRACE, "traced-elsewhere").await.expect(200);
    for process in [&stack.gateway, &stack.events] {
        let line = process.log().wait_for_message("traced-elsewhere", "finished").await;
        assert_eq!(line["trace_id"], TRACE);
    }
}

#[tokio::test]
async fn the_sampling_decision_of_the_caller_overrides_the_ratio() {
    let collector = Collector::start().await;
    let (_stack, admin) = stack_with_traces(&collector.endpoint(), "0").await;
    for _ in 0..5 {
        admin.get("/events").await.expect(200);
    }
    get_traced(&admin, "/events", TRACE, "decided").await.expect(200);
    collector.wait_for_trace(TRACE, 4).await;
    assert!(collector.spans().iter().all(|span| span.trace_id == TRACE), "{:#?}", collector.spans());
}

#[tokio::test]
async fn a_disconnected_client_ends_the_spans_and_is_logged_by_every_service() {
    let collector = Collector::start().await;
    let (stack, admin) = stack_with_traces(&collector.endpoint(), "1").await;
    let path = format!("/events/{}", admin.create_event("Client disconnected").await);
    let lock = Lock::on_all_events(&stack.database).await;
    let client = tokio::spawn(async move { get_traced(&admin, &path, TRACE, "disconnected").await });
    wait_until_blocked(&stack.database, 1).await;
    client.abort();
    let spans = collector.wait_for_trace(TRACE, 4).await;
    lock.release().await;

    let request = only_span(&spans, "GET /events/{id}", SpanKind::Server);
    assert_eq!(request.attributes["error.type"], "cancelled");
    let served = only_span(&spans, "eventboard.events.v1.EventsService/FindOne", SpanKind::Server);
    assert_eq!(served.attributes["rpc.response.status_code"], "CANCELLED");
    assert!(!request.failed && !served.failed, "{spans:#?}");
    let line = stack.events.log().wait_for_message("disconnected", "finished").await;
    assert_eq!(line["grpc_code"], "Cancelled");
}

#[tokio::test]
async fn failed_spans_are_marked_as_failed() {
    let collector = Collector::start().await;
    let (mut stack, admin) = stack_with_traces(&collector.endpoint(), "1").await;
    admin.get("/events").await.expect(200);
    stack.events.kill();
    stack.wait_until_unhealthy().await;
    get_traced(&admin, "/events", TRACE, "failed").await.expect_problem(503);
    let spans = collector.wait_for_trace(TRACE, 4).await;
    let request = only_span(&spans, "GET /events", SpanKind::Server);
    assert!(request.failed);
    assert_eq!(request.attributes["error.type"], "503");
    // The three attempts failed as well, because no replica was available.
    let attempts: Vec<_> = spans.iter().filter(|span| span.kind == SpanKind::Client).collect();
    assert_eq!(attempts.len(), 3);
    for attempt in attempts {
        assert_eq!(attempt.parent_id, request.span_id);
        assert!(attempt.failed);
        assert_eq!(attempt.attributes["rpc.response.status_code"], "UNAVAILABLE");
    }
}

#[tokio::test]
async fn an_unavailable_collector_and_its_recovery_are_each_logged_once() {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let (stack, admin) = stack_with_traces(&format!("http://{address}"), "1").await;
    let log_count = |text: &str| stack.gateway.log().count(text);
    wait_until("the first batch is lost", async || log_count("Traces are lost") > 0).await;
    // Meanwhile all services lose more batches.
    wait_until("all services have lost a batch", async || {
        admin.get("/events").await.expect(200);
        [&stack.auth, &stack.events].iter().all(|process| process.log().count("Traces are lost") == 1)
    })
    .await;
    assert_eq!(log_count("Traces are lost"), 1, "{}", stack.gateway.log().text());

    let collector = Collector::listen(address).await;
    wait_until("the collector receives spans", async || {
        admin.get("/events").await.expect(200);
        !collector.spans().is_empty()
    })
    .await;
    wait_until("the recovery is logged", async || {
        admin.get("/events").await.expect(200);
        log_count("accepts traces again") == 1
    })
    .await;
}
