//! What the cluster asks, answered by the code that is asked.

use std::{future::IntoFuture, net::Ipv4Addr, time::Duration};

use eventboard_chassis::{
    config::{Env, ListenConfig},
    health::{Check, Health},
    shutdown::{FINISH_WITHIN, Shutdown},
};
use eventboard_e2e::until;
use serde_json::Value;
use tokio::net::TcpListener;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{Manifests, services, settings::environment, words};

const PROBES: [&str; 3] = ["startupProbe", "livenessProbe", "readinessProbe"];

/// How long a probe must fail before something is done.
fn patience(probe: &Value) -> Duration {
    Duration::from_secs(
        probe["periodSeconds"].as_u64().unwrap() * probe["failureThreshold"].as_u64().unwrap(),
    )
}

#[test]
fn backends_are_asked_over_grpc_and_only_readiness_asks_for_the_database() {
    let manifests = Manifests::read();
    for service in services() {
        let Some(grpc) = service.grpc else { continue };
        let container = manifests.get("Deployment", service.name).container();
        for name in PROBES {
            let probe = &container[name]["grpc"];
            assert_eq!(probe["port"], service.port, "{name} of {}", service.name);
            let asked = probe["service"].as_str().unwrap_or_default();
            assert_eq!(asked, if name == "readinessProbe" { grpc } else { "" }, "{name} of {}", service.name);
        }
    }
}

#[tokio::test]
async fn a_backend_without_its_database_is_not_ready_and_is_not_restarted() {
    let manifests = Manifests::read();
    for service in services() {
        let Some(grpc) = service.grpc else { continue };
        let (reporter, server) = tonic_health::server::health_reporter();
        let away = Check::spawn("database", async || Err("away"));
        let health = Health::of_backend(service.name, Shutdown::new(), vec![away]);
        tokio::spawn(health.report_over_grpc(reporter, grpc));

        let container = manifests.get("Deployment", service.name).container();
        let answer = async |probe: &str| {
            let service = container[probe]["grpc"]["service"].as_str().unwrap_or_default().to_owned();
            let answer = HealthClient::new(server.clone()).check(HealthCheckRequest { service }).await;
            answer.map(|answer| answer.into_inner().status())
        };
        until("readiness fails", async || {
            matches!(answer("readinessProbe").await, Ok(ServingStatus::NotServing))
        })
        .await;
        assert_eq!(answer("livenessProbe").await.unwrap(), ServingStatus::Serving, "{}", service.name);
        assert_eq!(answer("startupProbe").await.unwrap(), ServingStatus::Serving, "{}", service.name);
    }
}

#[tokio::test]
async fn a_gateway_that_drains_is_not_ready_and_is_not_restarted() {
    let manifests = Manifests::read();
    let container = manifests.get("Deployment", api_gateway::NAME).container();
    let shutdown = Shutdown::new();
    let away = Check::spawn("events-service", async || Err("away"));
    let health = Health::of_gateway(api_gateway::NAME, shutdown.clone(), vec![away]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, health.routes::<()>()).into_future());

    let answers = async || {
        let mut statuses = Vec::new();
        for name in PROBES {
            assert_eq!(container[name]["httpGet"]["port"], "http", "{name}");
            let path = container[name]["httpGet"]["path"].as_str().unwrap();
            statuses.push(reqwest::get(format!("http://{address}{path}")).await.unwrap().status().as_u16());
        }
        statuses
    };
    // With a service away, it still answers.
    assert_eq!(answers().await, [200, 200, 200]);
    shutdown.begin(Duration::ZERO).await;
    assert_eq!(answers().await, [200, 200, 503]);
}

#[test]
fn the_database_is_asked_over_tcp_and_given_time() {
    let manifests = Manifests::read();
    let postgres = manifests.get("StatefulSet", "postgres");
    let made = environment(&manifests, postgres, &[]);
    for name in PROBES {
        let command = words(&postgres.container()[name]["exec"]["command"]);
        // While a new volume is set up, the server listens on its socket only.
        let asked =
            ["pg_isready", "-h", "127.0.0.1", "-U", &made["POSTGRES_USER"], "-d", &made["POSTGRES_DB"]];
        assert_eq!(command, asked, "{name}");
    }
    // A start after a crash repeats much of the log.
    assert!(patience(&postgres.container()["startupProbe"]) >= Duration::from_secs(600));
    assert!(patience(&postgres.container()["livenessProbe"]) >= Duration::from_secs(60));
}

#[test]
fn a_pod_that_is_told_to_leave_has_the_time_that_it_takes() {
    let manifests = Manifests::read();
    for service in services() {
        let deployment = manifests.get("Deployment", service.name);
        let told = environment(&manifests, deployment, &[]);
        let listen = ListenConfig::from_env(&mut Env::from_iter(told), "PORT", 0);
        assert!(!listen.drain_grace.is_zero(), "{}: whoever routes to it notices too late", service.name);
        let leaving = listen.drain_grace + FINISH_WITHIN;
        let given = Duration::from_secs(deployment.pod()["terminationGracePeriodSeconds"].as_u64().unwrap());
        assert!(given > leaving, "{}: {given:?} for {leaving:?}", service.name);
        // In a drain, gRPC health says that the process does not serve.
        assert!(patience(&deployment.container()["livenessProbe"]) > leaving, "{}", service.name);
        assert!(
            patience(&deployment.container()["readinessProbe"]) <= listen.drain_grace,
            "{}",
            service.name
        );
    }
}
