//! The health of every service, over HTTP and gRPC.

use eventboard_proto::{
    auth, events,
    health::{
        HealthCheckRequest, HealthListRequest, health_check_response::ServingStatus,
        health_client::HealthClient,
    },
};
use futures::StreamExt;
use reqwest::Method;
use serde_json::Value;
use tonic::{server::NamedService, transport::Channel};
use tonic_reflection::pb::v1alpha::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::support::{Anonymous, Process, Stack, send, shapes::keys, url, wait_until};

type Events = events::events_service_client::EventsServiceClient<Channel>;

const AUTH: &str = "eventboard.auth.v1.AuthService";
const EVENTS: &str = "eventboard.events.v1.EventsService";

async fn channel(process: &Process) -> Channel {
    Channel::from_shared(url(process.address, "")).unwrap().connect().await.unwrap()
}

async fn grpc_health(channel: &Channel, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner().status()
}

fn assert_document(document: &Value, service: &str, dependencies: &[&str]) {
    assert_eq!(keys(document), ["checks", "service", "status", "uptime", "version"]);
    assert_eq!((&document["service"], &document["status"]), (&service.into(), &"ok".into()));
    assert!(document["uptime"].is_u64() && document["version"].is_string());
    assert_eq!(keys(&document["checks"]), dependencies);
    assert!(dependencies.iter().all(|name| document["checks"][name]["status"] == "up"), "{document}");
}

#[tokio::test]
async fn every_service_reports_its_health_and_its_dependencies() {
    let stack = Stack::start().await;
    for (process, service, dependencies) in [
        (&stack.gateway, "api-gateway", &["auth-service", "events-service"][..]),
        (&stack.auth, "auth-service", &["database"]),
        (&stack.events, "events-service", &["database"]),
    ] {
        let client = Anonymous::new(process);
        let response = client.get("/health").await.expect(200);
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_document(&response.body, service, dependencies);
        for path in ["/health/live", "/health/ready"] {
            assert_eq!(client.get(path).await.expect(200).body["status"], "ok", "{path} of {service}");
        }
    }
}

#[tokio::test]
async fn the_backends_support_grpc_health_and_reflection() {
    let stack = Stack::start().await;
    for (process, service) in [(&stack.auth, AUTH), (&stack.events, EVENTS)] {
        let channel = channel(process).await;
        for name in ["", service] {
            assert_eq!(grpc_health(&channel, name).await, ServingStatus::Serving, "{service}");
        }
        assert_eq!(
            reflected_services(&channel).await,
            [
                service,
                "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection",
            ]
        );
        let list = HealthClient::new(channel).list(HealthListRequest {}).await.unwrap().into_inner().statuses;
        assert_eq!(list.len(), 2);
        assert!(["", service].iter().all(|name| list[*name].status() == ServingStatus::Serving), "{list:?}");
    }
    assert_eq!(<events::events_service_server::EventsServiceServer<()> as NamedService>::NAME, EVENTS);
    assert_eq!(<auth::auth_service_server::AuthServiceServer<()> as NamedService>::NAME, AUTH);
}

async fn reflected_services(channel: &Channel) -> Vec<String> {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let requests = futures::stream::iter([request]);
    let replies =
        ServerReflectionClient::new(channel.clone()).server_reflection_info(requests).await.unwrap();
    let reply = replies.into_inner().next().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = reply.message_response else {
        panic!("{reply:?}")
    };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_draining_service_is_not_ready_but_still_serves() {
    let mut stack = Stack::start_with(&[("DRAIN_GRACE", "6s")]).await;
    let admin = stack.anonymous().sign_up_admin().await;
    let events = channel(&stack.events).await;

    for process in [&stack.gateway, &stack.auth, &stack.events] {
        process.start_draining().await;
        Anonymous::new(process).get("/health/ready").await.expect(503);
        Anonymous::new(process).get("/health/live").await.expect(200);
    }
    assert_eq!(stack.anonymous().get("/health").await.expect(503).body["status"], "error");
    wait_until("gRPC health fails", async || grpc_health(&events, "").await == ServingStatus::NotServing)
        .await;
    assert_eq!(grpc_health(&events, EVENTS).await, ServingStatus::NotServing);
    admin.get("/auth/me").await.expect(200);
    admin.create_event("Created during the drain").await;
    for process in [&mut stack.gateway, &mut stack.auth, &mut stack.events] {
        assert_eq!(process.wait_for_exit().await, Some(0));
    }
}

#[tokio::test]
async fn a_new_gateway_is_not_ready_before_it_has_reached_each_service_once() {
    let mut stack = Stack::start().await;
    stack.events.kill();
    let gateway = stack.start_another_gateway().await;
    let client = Anonymous::new(&gateway);
    let waiting = client.get("/health/ready").await.expect(503);
    assert_eq!(waiting.body["checks"]["events-service"]["status"], "down");
    client.get("/health/live").await.expect(200);

    stack.restart_events().await;
    wait_until("the gateway reaches the service", async || client.get("/health").await.status == 200).await;
    client.get("/health/ready").await.expect(200);

    stack.events.kill();
    wait_until("the gateway notices", async || client.get("/health").await.status == 503).await;
    client.get("/health/ready").await.expect(200);
}

#[tokio::test]
async fn only_failed_health_checks_are_logged() {
    let stack = Stack::start_with(&[("DRAIN_GRACE", "6s")]).await;
    let check = async |id: &str| {
        let request = stack.anonymous().request(Method::GET, "/health/ready");
        send(request.header("x-correlation-id", id)).await
    };
    check("succeeded").await.expect(200);
    stack.gateway.start_draining().await;
    check("failed").await.expect(503);
    let logged = stack.gateway.log().wait_for_message("failed", "Request finished").await;
    assert_eq!((&logged["route"], &logged["level"]), (&"/health/ready".into(), &"INFO".into()));
    assert_eq!(stack.gateway.log().count("succeeded"), 0);
    // The gateway has probed the services over gRPC.
    for backend in [&stack.auth, &stack.events] {
        Anonymous::new(backend).get("/health/ready").await.expect(200);
        assert_eq!(backend.log().count("finished"), 0);
    }
}

#[tokio::test]
async fn events_service_verifies_tokens_itself() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let id = admin.create_event("Requested directly").await;
    let client = Events::new(channel(&stack.events).await);
    let find = async |token: Option<&str>| {
        let mut request = tonic::Request::new(events::FindOneRequest { id: id.clone() });
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        client.clone().find_one(request).await.map_err(|status| status.code())
    };
    assert_eq!(find(Some(&admin.token)).await.unwrap().into_inner().id, id);
    assert_eq!(find(None).await.unwrap_err(), tonic::Code::Unauthenticated);
    for (defect, token) in crate::support::token::invalid_tokens(&admin) {
        assert_eq!(find(Some(&token)).await.unwrap_err(), tonic::Code::Unauthenticated, "{defect}");
    }
}
