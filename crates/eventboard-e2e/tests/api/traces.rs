//! Traces, as a collector sees them.

use std::net::SocketAddr;

use eventboard_e2e::cluster::free_port;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::Method;
use serde_json::json;

use crate::support::{
    Actor, Answer, Collector, SeenSpan, Stack,
    database::{Lock, until_waiting},
    send, until,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

async fn stack_with(endpoint: &str, share: &str) -> (Stack, Actor) {
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_TRACES_SAMPLER_ARG", share)];
    let stack = Stack::start_with(&variables).await;
    let admin = stack.anonymous().found_organization().await;
    (stack, admin)
}

/// A request of somebody who traces already.
async fn traced(admin: &Actor, path: &str, trace_id: &str, correlation_id: &str) -> Answer {
    let request = admin.request(Method::GET, path).header("x-correlation-id", correlation_id);
    send(request.header("traceparent", format!("00-{trace_id}-{CALLER}-01"))).await
}

/// The span with this name and kind, which is the only one.
fn one<'s>(spans: &'s [SeenSpan], name: &str, kind: SpanKind) -> &'s SeenSpan {
    let mut found = spans.iter().filter(|span| span.name == name && span.kind == kind);
    match (found.next(), found.next()) {
        (Some(span), None) => span,
        _ => panic!("not exactly one {kind:?} {name} in {spans:#?}"),
    }
}

/// The trace as people draw it.
fn tree(spans: &[SeenSpan], parent: &str, depth: usize) -> String {
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
async fn one_trace_leads_from_the_callers_span_to_the_statement() {
    let collector = Collector::start().await;
    let (_stack, admin) = stack_with(&collector.endpoint(), "1").await;
    let event = admin.created("Traced").await;
    traced(&admin, &format!("/events/{event}"), TRACE, "traced").await.expect(200);

    let spans = collector.trace(TRACE, 4).await;
    println!("{}", tree(&spans, CALLER, 0));
    let method = "eventboard.events.v1.EventsService/FindOne";
    let request = one(&spans, "GET /events/{id}", SpanKind::Server);
    let call = one(&spans, method, SpanKind::Client);
    let served = one(&spans, method, SpanKind::Server);
    let statement = one(&spans, "SELECT Event", SpanKind::Client);
    assert_eq!(spans.len(), 4);
    assert_eq!((request.service.as_str(), request.parent_id.as_str()), ("api-gateway", CALLER));
    assert_eq!((&*call.service, &call.parent_id), ("api-gateway", &request.span_id));
    assert_eq!((&*served.service, &served.parent_id), ("events-service", &call.span_id));
    assert_eq!((&*statement.service, &statement.parent_id), ("events-service", &served.span_id));
    assert!(spans.iter().all(|span| !span.failed), "{spans:#?}");

    let says = |span: &SeenSpan, attribute: &str| span.attributes[attribute].clone();
    assert_eq!(says(request, "http.route"), "/events/{id}");
    assert_eq!(says(request, "http.response.status_code"), "200");
    assert_eq!(says(call, "rpc.response.status_code"), "OK");
    assert_eq!(says(served, "rpc.method"), method);
    assert_eq!(says(statement, "db.system.name"), "postgresql");
}

#[tokio::test]
async fn the_trace_of_a_login_tells_the_password_from_the_statement() {
    let collector = Collector::start().await;
    let (stack, admin) = stack_with(&collector.endpoint(), "1").await;
    let credentials = json!({ "email": admin.user["email"], "password": "Password123!" });
    let login = stack.anonymous().request(Method::POST, "/auth/login");
    send(login.header("traceparent", format!("00-{TRACE}-{CALLER}-01")).json(&credentials)).await.expect(200);

    let spans = collector.trace(TRACE, 5).await;
    println!("{}", tree(&spans, CALLER, 0));
    let served = one(&spans, "eventboard.auth.v1.AuthService/Login", SpanKind::Server);
    let password = one(&spans, "hash a password", SpanKind::Internal);
    assert_eq!((&*password.service, &password.parent_id), ("auth-service", &served.span_id));
    assert!(password.attributes.contains_key("eventboard.waited_ms"), "{password:#?}");
}

#[tokio::test]
async fn the_log_names_the_trace_beside_the_correlation_id_in_every_service() {
    let collector = Collector::start().await;
    let (stack, admin) = stack_with(&collector.endpoint(), "1").await;
    traced(&admin, "/events", TRACE, "logged-with-its-trace").await.expect(200);
    for process in [&stack.gateway, &stack.events] {
        let line = process.log().wait_for_word("logged-with-its-trace", "finished").await;
        assert_eq!(line["trace_id"], TRACE);
    }
    // Without a caller that traces, the gateway begins a trace of its own.
    let request = admin.request(Method::GET, "/events").header("x-correlation-id", "nobody-traced-before");
    send(request).await.expect(200);
    let line = stack.events.log().wait_for_word("nobody-traced-before", "finished").await;
    let spans = collector.trace(line["trace_id"].as_str().unwrap(), 4).await;
    assert_eq!(one(&spans, "GET /events", SpanKind::Server).parent_id, "");
    // The stack was asked for its health until it was well, which is nobody's trace.
    assert!(collector.spans().iter().all(|span| !span.name.contains("health")));
}

#[tokio::test]
async fn where_traces_are_off_the_callers_trace_is_logged_all_the_same() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().found_organization().await;
    traced(&admin, "/events", TRACE, "traced-elsewhere").await.expect(200);
    for process in [&stack.gateway, &stack.events] {
        let line = process.log().wait_for_word("traced-elsewhere", "finished").await;
        assert_eq!(line["trace_id"], TRACE);
    }
}

#[tokio::test]
async fn only_a_share_is_traced_unless_the_caller_has_decided() {
    let collector = Collector::start().await;
    let (_stack, admin) = stack_with(&collector.endpoint(), "0").await;
    for _ in 0..5 {
        admin.get("/events").await.expect(200);
    }
    traced(&admin, "/events", TRACE, "decided").await.expect(200);
    collector.trace(TRACE, 4).await;
    assert!(collector.spans().iter().all(|span| span.trace_id == TRACE), "{:#?}", collector.spans());
}

#[tokio::test]
async fn a_request_whose_client_hangs_up_ends_its_spans_and_is_logged_by_every_service() {
    let collector = Collector::start().await;
    let (stack, admin) = stack_with(&collector.endpoint(), "1").await;
    let path = format!("/events/{}", admin.created("In vain").await);
    let lock = Lock::on_all_events(&stack.database).await;
    let client = tokio::spawn(async move { traced(&admin, &path, TRACE, "hung-up").await });
    until_waiting(&stack.database, 1).await;
    client.abort();
    let spans = collector.trace(TRACE, 4).await;
    lock.release().await;

    let request = one(&spans, "GET /events/{id}", SpanKind::Server);
    assert_eq!(request.attributes["error.type"], "cancelled");
    let served = one(&spans, "eventboard.events.v1.EventsService/FindOne", SpanKind::Server);
    assert_eq!(served.attributes["rpc.response.status_code"], "CANCELLED");
    assert!(!request.failed && !served.failed, "{spans:#?}");
    let line = stack.events.log().wait_for_word("hung-up", "finished").await;
    assert_eq!(line["grpc_code"], "Cancelled");
}

#[tokio::test]
async fn what_fails_is_marked_where_it_failed() {
    let collector = Collector::start().await;
    let (mut stack, admin) = stack_with(&collector.endpoint(), "1").await;
    admin.get("/events").await.expect(200);
    stack.events.kill();
    stack.until_unhealthy().await;
    traced(&admin, "/events", TRACE, "failed").await.problem(503);
    let spans = collector.trace(TRACE, 4).await;
    let request = one(&spans, "GET /events", SpanKind::Server);
    assert!(request.failed);
    assert_eq!(request.attributes["error.type"], "503");
    // And the three attempts that found nobody.
    let attempts: Vec<_> = spans.iter().filter(|span| span.kind == SpanKind::Client).collect();
    assert_eq!(attempts.len(), 3);
    for attempt in attempts {
        assert_eq!(attempt.parent_id, request.span_id);
        assert!(attempt.failed);
        assert_eq!(attempt.attributes["rpc.response.status_code"], "UNAVAILABLE");
    }
}

#[tokio::test]
async fn a_collector_that_is_away_is_told_once_and_so_is_its_return() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let (stack, admin) = stack_with(&format!("http://{nobody}"), "1").await;
    let told = |word: &str| stack.gateway.log().count(word);
    until("the first batch is lost", async || told("Traces are lost") > 0).await;
    // More batches are lost meanwhile, in this process as in the others.
    until("all have lost some", async || {
        admin.get("/events").await.expect(200);
        [&stack.auth, &stack.events].iter().all(|process| process.log().count("Traces are lost") == 1)
    })
    .await;
    assert_eq!(told("Traces are lost"), 1, "{}", stack.gateway.log().text());

    let collector = Collector::listen(nobody).await;
    until("the collector gets spans", async || {
        admin.get("/events").await.expect(200);
        !collector.spans().is_empty()
    })
    .await;
    until("its return is told", async || {
        admin.get("/events").await.expect(200);
        told("takes traces again") == 1
    })
    .await;
}
