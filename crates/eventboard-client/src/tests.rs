//! Tests of the whole stack. The replicas are real servers in this process.

mod draining;
mod raw_replica;
mod refusals;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::post};
use eventboard_chassis::config::Env;
use http::Request;
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::Notify,
    task::JoinHandle,
    time::Instant,
};
use tonic::{
    Code, Status,
    body::Body,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};
use tower::ServiceExt;

use super::*;

const GRPC_SERVICE: &str = "test.Service";
const METHOD: &str = "/test.Service/Method";
/// Like `METHOD`, but responds only after `Replica::release`.
const HELD_METHOD: &str = "/test.Service/Held";

/// A server with gRPC health. Its methods respond with its own address.
struct Replica {
    address: SocketAddr,
    health: HealthReporter,
    calls: Arc<AtomicU32>,
    /// While set, calls get no response.
    is_stalled: Arc<AtomicBool>,
    /// While set, calls get `UNAVAILABLE`.
    is_refusing: Arc<AtomicBool>,
    /// Releases one call of `HELD_METHOD`.
    release: Arc<Notify>,
    /// A separate runtime, so that the replica can die with all its connections, as a process does.
    runtime: Option<Runtime>,
}

impl Replica {
    async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    async fn start_at(address: SocketAddr) -> Self {
        Self::start_with(address, Server::builder()).await
    }

    async fn start_with(address: SocketAddr, server: Server) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.spawn(TcpListener::bind(address)).await.unwrap().unwrap();
        let address = listener.local_addr().unwrap();
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_service_status(GRPC_SERVICE, ServingStatus::Serving).await;
        let calls = Arc::new(AtomicU32::new(0));
        let (is_stalled, is_refusing) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (method_calls, stalled, refusing) =
            (Arc::clone(&calls), Arc::clone(&is_stalled), Arc::clone(&is_refusing));
        let method = post(async move || {
            method_calls.fetch_add(1, Ordering::Relaxed);
            while stalled.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let code = if refusing.load(Ordering::Relaxed) { Code::Unavailable } else { Code::NotFound };
            Status::new(code, address.to_string()).into_http::<axum::body::Body>()
        });
        let routes = tonic::service::Routes::new(health_service).into_axum_router();
        let (release, held_calls) = (Arc::new(Notify::new()), Arc::clone(&calls));
        let released = Arc::clone(&release);
        let held_method = post(async move || {
            held_calls.fetch_add(1, Ordering::Relaxed);
            released.notified().await;
            Status::new(Code::NotFound, address.to_string()).into_http::<axum::body::Body>()
        });
        let methods = Router::new().route(METHOD, method).route(HELD_METHOD, held_method);
        let server = server.serve_with_incoming(
            tonic::service::Routes::from(routes.merge(methods)),
            TcpIncoming::from(listener),
        );
        runtime.spawn(async move { server.await.unwrap() });
        Self { address, health, calls, is_stalled, is_refusing, release, runtime: Some(runtime) }
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    fn set_stalled(&self, is_stalled: bool) {
        self.is_stalled.store(is_stalled, Ordering::Relaxed);
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An address that accepts connections and never responds, like a stopped process.
async fn unresponsive_address() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener.local_addr().unwrap(), listener)
}

fn discover(addresses: &[SocketAddr]) -> Arc<Replicas> {
    let hosts = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut env: Env = [("HOSTS".to_owned(), hosts)].into_iter().collect();
    Replicas::discover("test", GRPC_SERVICE, &Target::from_env(&mut env, "HOSTS", "PORT", 1))
}

fn retry_config() -> RetryConfig {
    RetryConfig::from_env(&mut std::iter::empty().collect())
}

/// Makes one call. Returns the replica that responded, or the code of the failure.
async fn call(replicas: &Arc<Replicas>, timeout: Duration) -> Result<SocketAddr, Code> {
    call_method(METHOD, replicas, timeout).await
}

async fn call_method(method: &str, replicas: &Arc<Replicas>, timeout: Duration) -> Result<SocketAddr, Code> {
    let config = retry_config();
    let mut request = Request::post(method).body(Body::empty()).unwrap();
    let deadline = Instant::now() + timeout;
    request.extensions_mut().insert(CallPolicy { deadline, attempts: 3, retry_on: RetryOn::Unavailable });
    let response =
        ServiceChannel::new(replicas, &config).oneshot(request).await.map_err(|status| status.code())?;
    let status = Status::from_header_map(response.headers()).unwrap();
    status.message().parse().map_err(|_| status.code())
}

const TIMEOUT: Duration = Duration::from_secs(10);

/// Makes calls. Returns how many of them each replica responded to.
async fn count_responses(replicas: &Arc<Replicas>, calls: usize) -> HashMap<SocketAddr, usize> {
    let mut counts = HashMap::new();
    for _ in 0..calls {
        *counts.entry(call(replicas, TIMEOUT).await.unwrap()).or_default() += 1;
    }
    counts
}

async fn wait_until(condition: &str, mut is_met: impl FnMut() -> bool) {
    let wait = async {
        while !is_met() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let outcome = tokio::time::timeout(TIMEOUT, wait).await;
    outcome.unwrap_or_else(|_| panic!("not within {TIMEOUT:?}: {condition}"));
}

/// Waits until exactly `count` replicas are in rotation.
async fn wait_until_ready(replicas: &Arc<Replicas>, count: usize) {
    wait_until("the number of replicas in rotation", || replicas.rotation.ready_count() == count).await;
}

#[tokio::test]
async fn replicas_with_equal_load_are_used_in_turn() {
    let (one, two) = (Replica::start().await, Replica::start().await);
    let replicas = discover(&[one.address, two.address]);
    wait_until_ready(&replicas, 2).await;
    assert_eq!(count_responses(&replicas, 10).await, HashMap::from([(one.address, 5), (two.address, 5)]));
}

#[tokio::test]
async fn the_replica_with_fewer_calls_in_flight_is_chosen() {
    let (busy, idle) = (Replica::start().await, Replica::start().await);
    let replicas = discover(&[busy.address, idle.address]);
    wait_until_ready(&replicas, 2).await;
    busy.set_stalled(true);
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let replicas = Arc::clone(&replicas);
            tokio::spawn(async move { call(&replicas, TIMEOUT).await })
        })
        .collect();
    wait_until("a call is in flight to the busy replica", || busy.calls() == 1).await;
    assert_eq!(count_responses(&replicas, 5).await, HashMap::from([(idle.address, 5)]));
    busy.set_stalled(false);
    for call in waiting {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_dead_replica_fails_no_call_and_returns_to_rotation_after_its_restart() {
    let (stopped, running) = (Replica::start().await, Replica::start().await);
    let replicas = discover(&[stopped.address, running.address]);
    wait_until_ready(&replicas, 2).await;
    let address = stopped.address;
    drop(stopped);
    assert_eq!(count_responses(&replicas, 20).await.remove(&running.address), Some(20));
    let restarted = Replica::start_at(address).await;
    wait_until_ready(&replicas, 2).await;
    assert_eq!(
        count_responses(&replicas, 4).await,
        HashMap::from([(restarted.address, 2), (running.address, 2)])
    );
}

#[tokio::test]
async fn a_call_to_an_unresponsive_replica_is_retried_on_another() {
    let running = Replica::start().await;
    let (unresponsive, _listener) = unresponsive_address().await;
    let replicas = discover(&[unresponsive, running.address]);
    assert_eq!(count_responses(&replicas, 10).await, HashMap::from([(running.address, 10)]));
}

#[tokio::test]
async fn the_last_replica_gets_a_new_connection_when_the_old_one_stays_unresponsive() {
    let (address, listener) = unresponsive_address().await;
    let _replicas = discover(&[address]);
    let (_first, _) = listener.accept().await.unwrap();
    let second = tokio::time::timeout(3 * TIMEOUT, listener.accept()).await;
    second.expect("a second connection").unwrap();
}

/// Starts a held call on each replica and waits until the connections are closing because of their age.
async fn held_on_closing_connections(
    replicas: &Arc<Replicas>,
    servers: &[&Replica],
) -> Vec<JoinHandle<Result<SocketAddr, Code>>> {
    wait_until_ready(replicas, servers.len()).await;
    let hold = || {
        let replicas = Arc::clone(replicas);
        tokio::spawn(async move { call_method(HELD_METHOD, &replicas, TIMEOUT).await })
    };
    let held = servers.iter().map(|_| hold()).collect();
    wait_until("every replica holds a call", || servers.iter().all(|server| server.calls() == 1)).await;
    tokio::time::sleep(MAX_CONNECTION_AGE).await;
    held
}

const MAX_CONNECTION_AGE: Duration = Duration::from_millis(1500);

async fn start_with_max_connection_age() -> Replica {
    let server = Server::builder().max_connection_age(MAX_CONNECTION_AGE);
    Replica::start_with("127.0.0.1:0".parse().unwrap(), server).await
}

#[tokio::test]
async fn a_closing_connection_finishes_its_calls_while_a_new_connection_takes_new_calls() {
    let replica = start_with_max_connection_age().await;
    let replicas = discover(&[replica.address]);
    let held = held_on_closing_connections(&replicas, &[&replica]).await;
    assert_eq!(count_responses(&replicas, 20).await, HashMap::from([(replica.address, 20)]));
    replica.release.notify_one();
    for call in held {
        assert_eq!(call.await.unwrap(), Ok(replica.address));
    }
}

#[tokio::test]
async fn a_closing_connection_finishes_its_calls_while_other_replicas_are_ready() {
    let (one, two) = (start_with_max_connection_age().await, start_with_max_connection_age().await);
    let replicas = discover(&[one.address, two.address]);
    let held = held_on_closing_connections(&replicas, &[&one, &two]).await;
    assert_eq!(count_responses(&replicas, 20).await.values().sum::<usize>(), 20);
    // Long enough for a probe of each monitor.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    one.release.notify_one();
    two.release.notify_one();
    for call in held {
        assert!(call.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn a_slow_response_ejects_no_replica() {
    let (slow, other) = (Replica::start().await, Replica::start().await);
    let replicas = discover(&[slow.address, other.address]);
    wait_until_ready(&replicas, 2).await;
    slow.set_stalled(true);
    other.set_stalled(true);
    let outcome = call(&replicas, Duration::from_secs(2)).await;
    assert_eq!(outcome, Err(Code::DeadlineExceeded));
    assert_eq!(
        (slow.calls() + other.calls(), replicas.rotation.ready_count()),
        (1, 2),
        "one attempt, and no replica is ejected"
    );
}

#[tokio::test]
async fn a_replica_that_refuses_calls_immediately_gets_no_more_than_its_share() {
    let (refusing, serving) = (Replica::start().await, Replica::start().await);
    let replicas = discover(&[refusing.address, serving.address]);
    wait_until_ready(&replicas, 2).await;
    refusing.is_refusing.store(true, Ordering::Relaxed);
    assert_eq!(count_responses(&replicas, 60).await, HashMap::from([(serving.address, 60)]));
    assert!((1..20).contains(&refusing.calls()), "{}", refusing.calls());
    assert_eq!(replicas.rotation.ready_count(), 2, "an error status ejects no replica");
}

#[tokio::test]
async fn a_replica_that_is_not_serving_gets_calls_only_when_it_is_the_last() {
    let (draining, running) = (Replica::start().await, Replica::start().await);
    let replicas = discover(&[draining.address, running.address]);
    wait_until_ready(&replicas, 2).await;
    draining.health.set_service_status(GRPC_SERVICE, ServingStatus::NotServing).await;
    wait_until_ready(&replicas, 1).await;
    assert_eq!(count_responses(&replicas, 5).await, HashMap::from([(running.address, 5)]));
    drop(running);
    assert_eq!(count_responses(&replicas, 5).await, HashMap::from([(draining.address, 5)]));
    assert_eq!(replicas.rotation.check(), Err("health probe reports not serving"));
}

#[tokio::test]
async fn without_any_replica_a_call_fails_at_once_as_not_connected() {
    let (unused_address, listener) = unresponsive_address().await;
    drop(listener);
    let replicas = discover(&[unused_address]);
    wait_until("the address was tried", || replicas.rotation.check().is_err()).await;
    let mut request = Request::post(METHOD).body(Body::empty()).unwrap();
    let deadline = Instant::now() + TIMEOUT;
    request.extensions_mut().insert(CallPolicy { deadline, attempts: 1, retry_on: RetryOn::NotPerformed });
    let channel = ServiceChannel::new(&replicas, &retry_config());
    let status = channel.oneshot(request).await.expect_err("no replica is running");
    let expected = (Code::Unavailable, "no replica available: connection failed");
    assert_eq!((status.code(), status.message()), expected);
}
