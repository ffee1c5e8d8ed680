//! The metrics of the services.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::json;

use crate::support::{Actor, Stack, database, event_body, metrics::Metrics, send, wait_until};

const DOCUMENTATION: &str = include_str!("../../../../docs/metrics.md");

/// The documented families with their labels, by service.
fn documented_families() -> BTreeMap<&'static str, BTreeMap<&'static str, BTreeSet<&'static str>>> {
    let mut documented: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    let mut processes = Vec::new();
    for line in DOCUMENTATION.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let Some(names) = cells[0].strip_prefix("**") {
            processes = match names.trim_end_matches("**") {
                "every process" => {
                    vec!["api-gateway", "auth-service", "events-service", "notification-service"]
                }
                names => names.split(", ").collect(),
            };
        }
        let labels = || in_backticks(without_parentheses(cells[2]).leak());
        for (process, family) in
            processes.iter().flat_map(|process| in_backticks(cells[0]).map(move |family| (*process, family)))
        {
            documented.entry(process).or_default().insert(family, labels().collect());
        }
    }
    documented
}

/// The texts between backticks.
fn in_backticks(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split('`').skip(1).step_by(2)
}

/// The text without parentheses, which contain the label values.
fn without_parentheses(text: &str) -> String {
    text.split('(')
        .enumerate()
        .map(|(n, part)| if n == 0 { part } else { part.split_once(')').unwrap().1 })
        .collect()
}

/// Sends every kind of request that the metrics record.
async fn send_all_kinds_of_requests(admin: &Actor) {
    let post_with_key = || admin.request(Method::POST, "/events").header("idempotency-key", "one-key");
    let created = send(post_with_key().json(&event_body("Counted"))).await.expect(201);
    send(post_with_key().json(&event_body("Counted"))).await.expect(201);
    send(post_with_key().json(&event_body("Another"))).await.expect_problem(422);
    admin.get(created.header("location").unwrap()).await.expect(200);
    admin.get("/events").await.expect(200);
    admin.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn the_served_families_and_labels_match_the_documentation() {
    let stack = Stack::start_with_metrics(&[]).await;
    send_all_kinds_of_requests(&stack.anonymous().sign_up_admin().await).await;
    let notification = stack.start_notification().await;
    let documented = documented_families();
    let processes = [
        ("api-gateway", &stack.gateway),
        ("auth-service", &stack.auth),
        ("events-service", &stack.events),
        ("notification-service", &notification),
    ];
    for (name, process) in processes {
        let metrics = Metrics::scrape(process).await;
        println!("{name}: {} families", metrics.families().len());
        assert_eq!(metrics.families(), documented[name], "{name}");
        assert_eq!(metrics.described(), metrics.families().into_keys().collect(), "{name}");
    }
}

#[tokio::test]
async fn a_request_whose_client_disconnects_is_logged_and_counted() {
    let stack = Stack::start_with_metrics(&[]).await;
    let admin = stack.anonymous().sign_up_admin().await;
    let path = format!("/events/{}", admin.create_event("Client disconnected").await);
    let lock = database::Lock::on_all_events(&stack.database).await;
    let request = admin.request(Method::GET, &path).header("x-correlation-id", "disconnected");
    let client = tokio::spawn(send(request));
    database::wait_until_blocked(&stack.database, 1).await;
    client.abort();
    let line = stack.gateway.log().wait_for_message("disconnected", "finished").await;
    assert_eq!((&line["status"], &line["route"]), (&json!(499), &json!("/events/{id}")));
    let gateway = Metrics::scrape(&stack.gateway).await;
    let labels = [("http_route", "/events/{id}"), ("http_response_status_code", "499")];
    assert_eq!(gateway.value("http_server_request_duration_seconds_count", &labels), Some(1.0));
    lock.release().await;
}

#[tokio::test]
async fn requests_and_calls_are_timed_by_route_and_status() {
    let stack = Stack::start_with_metrics(&[]).await;
    send_all_kinds_of_requests(&stack.anonymous().sign_up_admin().await).await;
    let (gateway, events) = (Metrics::scrape(&stack.gateway).await, Metrics::scrape(&stack.events).await);
    let requests = |method, route, status| {
        let labels =
            [("http_request_method", method), ("http_route", route), ("http_response_status_code", status)];
        gateway.value("http_server_request_duration_seconds_count", &labels)
    };
    assert_eq!(requests("POST", "/events", "201"), Some(2.0));
    assert_eq!(requests("POST", "/events", "422"), Some(1.0));
    assert_eq!(requests("GET", "/events/{id}", "200"), Some(1.0));
    let call = |method, code| [("rpc_method", method), ("rpc_response_status_code", code)];
    let create = call("eventboard.events.v1.EventsService/Create", "OK");
    assert_eq!(gateway.value("rpc_client_call_duration_seconds_count", &create), Some(2.0));
    assert_eq!(events.value("rpc_server_call_duration_seconds_count", &create), Some(2.0));
    let select = [("db_query_summary", "SELECT Event"), ("error_type", "")];
    assert_eq!(events.value("db_client_operation_duration_seconds_count", &select), Some(1.0));
    // The first bucket ends at 0.25 ms.
    let first = [("le", "0.00025"), ("db_query_summary", "SELECT Event")];
    assert!(events.value("db_client_operation_duration_seconds_bucket", &first).is_some());
}

#[tokio::test]
async fn the_outcomes_of_writes_with_a_key_are_counted() {
    let stack = Stack::start_with_metrics(&[]).await;
    send_all_kinds_of_requests(&stack.anonymous().sign_up_admin().await).await;
    let events = Metrics::scrape(&stack.events).await;
    let outcome = |outcome| events.value("eventboard_idempotency_outcomes_total", &[("outcome", outcome)]);
    let outcomes = ["new", "replayed", "cache_hit", "retried", "conflict"].map(outcome);
    assert_eq!(outcomes, [Some(1.0), Some(0.0), Some(1.0), Some(0.0), Some(1.0)]);
}

#[tokio::test]
async fn unknown_methods_and_paths_do_not_become_label_values() {
    let stack = Stack::start_with_metrics(&[]).await;
    let admin = stack.anonymous().sign_up_admin().await;
    let brew = Method::from_bytes(b"BREW").unwrap();
    for n in 0..20 {
        send(admin.request(brew.clone(), &format!("/made/up/{n}"))).await.expect_problem(404);
    }
    let gateway = Metrics::scrape(&stack.gateway).await;
    let family = "http_server_request_duration_seconds";
    assert!(gateway.values(family, "http_request_method").contains("_OTHER"));
    assert!(!gateway.values(family, "http_request_method").contains("BREW"));
    assert!(gateway.values(family, "http_route").contains("unmatched"));
    assert!(gateway.values(family, "http_route").iter().all(|route| !route.contains("made")));

    let mut client = tonic::client::Grpc::new(
        tonic::transport::Endpoint::from_shared(format!("http://{}", stack.events.address))
            .unwrap()
            .connect_lazy(),
    );
    for n in 0..5 {
        client.ready().await.unwrap();
        let path = format!("/eventboard.events.v1.EventsService/MadeUp{n}").parse().unwrap();
        let codec = tonic_prost::ProstCodec::<(), ()>::default();
        client.unary(tonic::Request::new(()), path, codec).await.unwrap_err();
    }
    let events = Metrics::scrape(&stack.events).await;
    let unknown = [("rpc_method", "_OTHER"), ("rpc_response_status_code", "UNIMPLEMENTED")];
    assert_eq!(events.value("rpc_server_call_duration_seconds_count", &unknown), Some(5.0));
}

#[tokio::test]
async fn a_rate_limited_request_is_counted() {
    let limits = [("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_IP_MAX", "1")];
    let stack = Stack::start_with_metrics(&limits).await;
    stack.anonymous().get("/nowhere").await.expect_problem(404);
    stack.anonymous().get("/nowhere").await.expect_problem(429);
    let gateway = Metrics::scrape(&stack.gateway).await;
    let limited = |limit| gateway.value("eventboard_rate_limited_requests_total", &[("limit", limit)]);
    assert_eq!((limited("address"), limited("user")), (Some(1.0), Some(0.0)));
}

#[tokio::test]
async fn a_request_beyond_the_concurrency_limit_is_counted_as_shed_and_failed() {
    let stack = Stack::start_with_metrics(&[("MAX_CONCURRENT_REQUESTS", "1")]).await;
    let admin = stack.anonymous().sign_up_admin().await;
    admin.get("/events").await.expect(200);
    let gateway = async |family: &str, labels: &[(&str, &str)]| {
        Metrics::scrape(&stack.gateway).await.value(family, labels).unwrap()
    };
    let lock = database::Lock::on_all_events(&stack.database).await;
    let blocked = tokio::spawn({
        let admin = admin.clone();
        async move { admin.get("/events").await }
    });
    wait_until("the request is in flight", async || gateway("http_server_active_requests", &[]).await == 1.0)
        .await;
    assert_eq!(gateway("eventboard_requests_failed_total", &[]).await, 0.0);
    admin.get("/events").await.expect_problem(503);
    assert_eq!(gateway("eventboard_shed_requests_total", &[("reason", "concurrency")]).await, 1.0);
    assert_eq!(gateway("eventboard_requests_failed_total", &[]).await, 1.0);
    lock.release().await;
    blocked.await.unwrap().expect(200);
}

#[tokio::test]
async fn a_cancelled_statement_and_its_call_are_counted() {
    let stack = Stack::start_with_metrics(&[("READ_DEADLINE", "300ms")]).await;
    let admin = stack.anonymous().sign_up_admin().await;
    let event = admin.create_event("Blocked").await;
    let lock = database::Lock::on_all_events(&stack.database).await;
    admin.get(&format!("/events/{event}")).await.expect_problem(408);
    wait_until("the statement is cancelled", async || {
        let cancelled = [("db_query_summary", "SELECT Event"), ("error_type", "cancelled")];
        let events = Metrics::scrape(&stack.events).await;
        events.value("db_client_operation_duration_seconds_count", &cancelled) == Some(1.0)
    })
    .await;
    let method = ("rpc_method", "eventboard.events.v1.EventsService/FindOne");
    let (gateway, events) = (Metrics::scrape(&stack.gateway).await, Metrics::scrape(&stack.events).await);
    assert_eq!(gateway.value("rpc_client_call_duration_seconds_count", &[method]), Some(1.0));
    assert_eq!(events.value("rpc_server_call_duration_seconds_count", &[method]), Some(1.0));
    let unanswered = [("upstream", "events-service"), ("outcome", "unanswered")];
    assert_eq!(gateway.value("eventboard_client_attempts_total", &unanswered), Some(1.0));
    lock.release().await;
}

#[tokio::test]
async fn an_unavailable_dependency_and_replica_are_counted() {
    let mut stack = Stack::start_with_metrics(&[]).await;
    let dependency_up = async |stack: &Stack| {
        Metrics::scrape(&stack.gateway)
            .await
            .value("eventboard_dependency_up", &[("dependency", "events-service")])
    };
    let ready_replicas = async |stack: &Stack| {
        let ready = [("upstream", "events-service"), ("state", "ready")];
        Metrics::scrape(&stack.gateway).await.value("eventboard_client_replicas", &ready)
    };
    assert_eq!((dependency_up(&stack).await, ready_replicas(&stack).await), (Some(1.0), Some(1.0)));
    stack.events.kill();
    let gauges = async |stack: &Stack| (dependency_up(stack).await, ready_replicas(stack).await);
    wait_until("the outage is counted", async || gauges(&stack).await == (Some(0.0), Some(0.0))).await;
    stack.anonymous().get("/health").await.expect(503);
    let failed = Metrics::scrape(&stack.gateway).await.value("eventboard_requests_failed_total", &[]);
    assert_eq!(failed, Some(0.0), "a failing health check is not a failed request");
    wait_until("the ejection is counted", async || {
        let of_events = [("upstream", "events-service")];
        Metrics::scrape(&stack.gateway).await.value("eventboard_client_ejections_total", &of_events)
            == Some(1.0)
    })
    .await;
    stack.restart_events().await;
    wait_until("the recovery is counted", async || gauges(&stack).await == (Some(1.0), Some(1.0))).await;
}
