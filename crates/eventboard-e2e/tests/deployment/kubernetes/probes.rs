//! Executes the probes against the real health endpoints.

use std::{
    future::IntoFuture,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use eventboard_chassis::{
    config::{Env, ListenConfig},
    health::{Check, Health},
    server::{AddressLimit, grpc_health, serve_health},
    shutdown::{SHUTDOWN_TIMEOUT, Shutdown},
};
use eventboard_e2e::wait_until;
use eventboard_proto::health::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};

use super::{Manifests, Service, services, settings::environment, strings};

const PROBES: [&str; 3] = ["startupProbe", "livenessProbe", "readinessProbe"];

/// How long a probe must fail before the cluster reacts.
fn time_to_failure(probe: &Value) -> Duration {
    seconds(&probe["periodSeconds"]) * u32::try_from(probe["failureThreshold"].as_u64().unwrap()).unwrap()
}

fn seconds(value: &Value) -> Duration {
    Duration::from_secs(value.as_u64().unwrap())
}

/// How long the pods of a service drain.
pub(crate) fn listen_config(manifests: &Manifests, service: &Service) -> ListenConfig {
    let variables = environment(manifests, manifests.get("Deployment", service.name), &[]);
    ListenConfig::from_env(&mut Env::from_iter(variables), "PORT", 0)
}

#[test]
fn a_pod_that_hangs_is_replaced_within_25_seconds_but_a_busy_one_is_not() {
    let manifests = Manifests::read();
    for service in services() {
        let probe = &manifests.get("Deployment", service.name).container()["livenessProbe"];
        let (period, timeout) = (seconds(&probe["periodSeconds"]), seconds(&probe["timeoutSeconds"]));
        let longest = time_to_failure(probe) + timeout + seconds(&probe["terminationGracePeriodSeconds"]);
        assert!(longest < Duration::from_secs(25), "{}: {longest:?}", service.name);
        let shortest = time_to_failure(probe) - period + timeout;
        assert!(shortest > Duration::from_secs(10), "{}: {shortest:?}", service.name);
    }
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
        let unavailable = Check::spawn("database", async || Err("unavailable"));
        let health = Health::of_backend(service.name, Shutdown::new(), vec![unavailable]);
        let server = grpc_health(health, grpc);

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

/// The statuses of the probes of a service without gRPC, in the order of `PROBES`.
async fn http_statuses(container: &Value, address: SocketAddr) -> Vec<u16> {
    let mut statuses = Vec::new();
    for name in PROBES {
        assert_eq!(container[name]["httpGet"]["port"], "http", "{name}");
        let path = container[name]["httpGet"]["path"].as_str().unwrap();
        statuses.push(reqwest::get(format!("http://{address}{path}")).await.unwrap().status().as_u16());
    }
    statuses
}

#[tokio::test]
async fn notification_service_without_its_database_is_not_ready_but_is_not_restarted() {
    let manifests = Manifests::read();
    let container = manifests.get("Deployment", notification_service::NAME).container();
    let shutdown = Shutdown::new();
    let (state, changes) = watch::channel(Ok(()));
    let current = changes.clone();
    let database = Check::on_changes("database", changes, move || *current.borrow());
    let health = Health::of_backend(notification_service::NAME, shutdown.clone(), vec![database]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { serve_health(listener, &health, AddressLimit::new(100), shutdown).await });

    wait_until("it is ready", async || http_statuses(container, address).await == [200, 200, 200]).await;
    state.send(Err("unavailable")).unwrap();
    wait_until("readiness fails", async || http_statuses(container, address).await == [200, 200, 503]).await;
}

#[tokio::test]
async fn a_draining_gateway_is_not_ready_but_is_not_restarted() {
    let manifests = Manifests::read();
    let container = manifests.get("Deployment", api_gateway::NAME).container();
    let shutdown = Shutdown::new();
    let (state, changes) = watch::channel(Ok(()));
    let current = changes.clone();
    let check = Check::on_changes("events-service", changes, move || *current.borrow());
    let health = Health::of_gateway(api_gateway::NAME, shutdown.clone(), vec![check]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, health.routes::<()>()).into_future());

    let probe_statuses = async || http_statuses(container, address).await;
    wait_until("the gateway is ready", async || probe_statuses().await == [200, 200, 200]).await;
    // The gateway stays ready while a service is unavailable.
    state.send(Err("unavailable")).unwrap();
    wait_until("the service is unavailable", async || {
        reqwest::get(format!("http://{address}/health")).await.unwrap().status() == 503
    })
    .await;
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
        let listen = listen_config(&manifests, &service);
        assert!(!listen.drain_grace.is_zero(), "{}: routers need time to notice the drain", service.name);
        let required = listen.drain_timeout + SHUTDOWN_TIMEOUT;
        let granted = seconds(&deployment.pod()["terminationGracePeriodSeconds"]);
        assert!(granted > required, "{}: {granted:?} for {required:?}", service.name);
        assert!(
            time_to_failure(&deployment.container()["readinessProbe"]) <= listen.drain_grace,
            "{}",
            service.name
        );
    }
}
