//! Executes the probes against the real health endpoints.

use std::{future::IntoFuture, net::Ipv4Addr, time::Duration};

use eventboard_chassis::{
    config::{Env, ListenConfig},
    health::{Check, Health},
    shutdown::{SHUTDOWN_TIMEOUT, Shutdown},
};
use eventboard_e2e::wait_until;
use serde_json::Value;
use tokio::net::TcpListener;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{Manifests, services, settings::environment, strings};

const PROBES: [&str; 3] = ["startupProbe", "livenessProbe", "readinessProbe"];

/// How long a probe must fail before the cluster reacts.
fn time_to_failure(probe: &Value) -> Duration {
    Duration::from_secs(
        probe["periodSeconds"].as_u64().unwrap() * probe["failureThreshold"].as_u64().unwrap(),
    )
}

#[test]
fn backends_have_grpc_probes_and_only_readiness_depends_on_the_database() {
    let manifests = Manifests::read();
    for service in services() {
        let Some(grpc) = service.grpc else { continue };
        let container = manifests.get("Deployment", service.name).container();
        for name in PROBES {
            let probe = &container[name]["grpc"];
            assert_eq!(probe["port"], service.port, "{name} of {}", service.name);
            let probed = probe["service"].as_str().unwrap_or_default();
            assert_eq!(
                probed,
                if name == "readinessProbe" { grpc } else { "" },
                "{name} of {}",
                service.name
            );
        }
    }
}

#[tokio::test]
async fn a_backend_without_its_database_is_not_ready_but_is_not_restarted() {
    let manifests = Manifests::read();
    for service in services() {
        let Some(grpc) = service.grpc else { continue };
        let (reporter, server) = tonic_health::server::health_reporter();
        let unavailable = Check::spawn("database", async || Err("unavailable"));
        let health = Health::of_backend(service.name, Shutdown::new(), vec![unavailable]);
        tokio::spawn(health.report_over_grpc(reporter, grpc));

        let container = manifests.get("Deployment", service.name).container();
        let status_of = async |probe: &str| {
            let service = container[probe]["grpc"]["service"].as_str().unwrap_or_default().to_owned();
            let response = HealthClient::new(server.clone()).check(HealthCheckRequest { service }).await;
            response.map(|response| response.into_inner().status())
        };
        wait_until("readiness fails", async || {
            matches!(status_of("readinessProbe").await, Ok(ServingStatus::NotServing))
        })
        .await;
        assert_eq!(status_of("livenessProbe").await.unwrap(), ServingStatus::Serving, "{}", service.name);
        assert_eq!(status_of("startupProbe").await.unwrap(), ServingStatus::Serving, "{}", service.name);
    }
}

#[tokio::test]
async fn a_draining_gateway_is_not_ready_but_is_not_restarted() {
    let manifests = Manifests::read();
    let container = manifests.get("Deployment", api_gateway::NAME).container();
    let shutdown = Shutdown::new();
    let unavailable = Check::spawn("events-service", async || Err("unavailable"));
    let health = Health::of_gateway(api_gateway::NAME, shutdown.clone(), vec![unavailable]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, health.routes::<()>()).into_future());

    let probe_statuses = async || {
        let mut statuses = Vec::new();
        for name in PROBES {
            assert_eq!(container[name]["httpGet"]["port"], "http", "{name}");
            let path = container[name]["httpGet"]["path"].as_str().unwrap();
            statuses.push(reqwest::get(format!("http://{address}{path}")).await.unwrap().status().as_u16());
        }
        statuses
    };
    // The gateway stays ready while a service is unavailable.
    assert_eq!(probe_statuses().await, [200, 200, 200]);
    shutdown.begin(Duration::ZERO).await;
    assert_eq!(probe_statuses().await, [200, 200, 503]);
}

#[test]
fn the_database_is_probed_over_tcp_with_long_timeouts() {
    let manifests = Manifests::read();
    let postgres = manifests.get("StatefulSet", "postgres");
    let variables = environment(&manifests, postgres, &[]);
    for name in PROBES {
        let command = strings(&postgres.container()[name]["exec"]["command"]);
        // While a new volume is initialized, the server listens only on its Unix socket.
        let (user, database) = (&variables["POSTGRES_USER"], &variables["POSTGRES_DB"]);
        let expected = ["pg_isready", "-h", "127.0.0.1", "-U", user, "-d", database];
        assert_eq!(command, expected, "{name}");
    }
    // The start may take long, because after a crash PostgreSQL may have to replay much of the write-ahead log.
    assert!(time_to_failure(&postgres.container()["startupProbe"]) >= Duration::from_secs(600));
    assert!(time_to_failure(&postgres.container()["livenessProbe"]) >= Duration::from_secs(60));
}

#[test]
fn a_terminating_pod_has_enough_time_to_drain() {
    let manifests = Manifests::read();
    for service in services() {
        let deployment = manifests.get("Deployment", service.name);
        let variables = environment(&manifests, deployment, &[]);
        let listen = ListenConfig::from_env(&mut Env::from_iter(variables), "PORT", 0);
        assert!(!listen.drain_grace.is_zero(), "{}: routers need time to notice the drain", service.name);
        let required = listen.drain_grace + SHUTDOWN_TIMEOUT;
        let granted =
            Duration::from_secs(deployment.pod()["terminationGracePeriodSeconds"].as_u64().unwrap());
        assert!(granted > required, "{}: {granted:?} for {required:?}", service.name);
        // The liveness probe must not fail during a drain, in which gRPC health reports NOT_SERVING.
        assert!(time_to_failure(&deployment.container()["livenessProbe"]) > required, "{}", service.name);
        assert!(
            time_to_failure(&deployment.container()["readinessProbe"]) <= listen.drain_grace,
            "{}",
            service.name
        );
    }
}
