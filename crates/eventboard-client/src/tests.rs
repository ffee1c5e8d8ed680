//! The whole stack towards replicas that are real servers in this process.

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
/// As the other one, but answered only when the test says so.
const HELD: &str = "/test.Service/Held";

/// A server with gRPC health and one method, which says how the replica is called.
struct Replica {
    address: SocketAddr,
    health: HealthReporter,
    calls: Arc<AtomicU32>,
    /// Calls are answered only while this is not set.
    slow: Arc<AtomicBool>,
    /// Calls are refused while this is set.
    refuses: Arc<AtomicBool>,
    /// Lets a call of `HELD` go.
    release: Arc<Notify>,
    /// Its own, so that it can die with all its connections, as a process does.
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
        let (slow, refuses) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (counted, blocked, refused) = (Arc::clone(&calls), Arc::clone(&slow), Arc::clone(&refuses));
        let method = post(async move || {
            counted.fetch_add(1, Ordering::Relaxed);
            while blocked.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let code = if refused.load(Ordering::Relaxed) { Code::Unavailable } else { Code::NotFound };
            Status::new(code, address.to_string()).into_http::<axum::body::Body>()
        });
        let routes = tonic::service::Routes::new(health_service).into_axum_router();
        let (release, released) = (Arc::new(Notify::new()), calls.clone());
        let held = Arc::clone(&release);
        let hold = post(async move || {
            released.fetch_add(1, Ordering::Relaxed);
            held.notified().await;
            Status::new(Code::NotFound, address.to_string()).into_http::<axum::body::Body>()
        });
        let methods = Router::new().route(METHOD, method).route(HELD, hold);
        let server = server.serve_with_incoming(
            tonic::service::Routes::from(routes.merge(methods)),
            TcpIncoming::from(listener),
        );
        runtime.spawn(async move { server.await.unwrap() });
        Self { address, health, calls, slow, refuses, release, runtime: Some(runtime) }
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    fn be_slow(&self, slow: bool) {
        self.slow.store(slow, Ordering::Relaxed);
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An address that accepts connections and never says a word, as a stopped process does.
async fn hanging() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener.local_addr().unwrap(), listener)
}

fn find(addresses: &[SocketAddr]) -> Arc<Replicas> {
    let hosts = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut env: Env = [("HOSTS".to_owned(), hosts)].into_iter().collect();
    Replicas::find("test", GRPC_SERVICE, &Target::from_env(&mut env, "HOSTS", "PORT", 1))
}

fn retries() -> RetryConfig {
    RetryConfig::from_env(&mut std::iter::empty().collect())
}

/// One call; the replica that answered, or the code of the failure.
async fn call(replicas: &Arc<Replicas>, timeout: Duration) -> Result<SocketAddr, Code> {
    call_of(METHOD, replicas, timeout).await
}

async fn call_of(method: &str, replicas: &Arc<Replicas>, timeout: Duration) -> Result<SocketAddr, Code> {
    let config = retries();
    let mut request = Request::post(method).body(Body::empty()).unwrap();
    let deadline = Instant::now() + timeout;
    request.extensions_mut().insert(CallPolicy { deadline, attempts: 3, retry_on: RetryOn::Unavailable });
    let response =
        ServiceChannel::new(replicas, &config).oneshot(request).await.map_err(|status| status.code())?;
    let status = Status::from_header_map(response.headers()).unwrap();
    status.message().parse().map_err(|_| status.code())
}

const PATIENT: Duration = Duration::from_secs(10);

/// Calls, and how many of them each replica answered.
async fn spread(replicas: &Arc<Replicas>, calls: usize) -> HashMap<SocketAddr, usize> {
    let mut spread = HashMap::new();
    for _ in 0..calls {
        *spread.entry(call(replicas, PATIENT).await.unwrap()).or_default() += 1;
    }
    spread
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let holding = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENT, holding).await.unwrap_or_else(|_| panic!("{what} does not come true"));
}

/// Until as many replicas as that are in rotation.
async fn until_ready(replicas: &Arc<Replicas>, count: usize) {
    until("the number of replicas in rotation", || replicas.rotation.ready() == count).await;
}

#[tokio::test]
async fn equals_take_turns() {
    let (one, two) = (Replica::start().await, Replica::start().await);
    let replicas = find(&[one.address, two.address]);
    until_ready(&replicas, 2).await;
    assert_eq!(spread(&replicas, 10).await, HashMap::from([(one.address, 5), (two.address, 5)]));
}

#[tokio::test]
async fn the_replica_with_fewer_calls_in_flight_is_chosen() {
    let (busy, idle) = (Replica::start().await, Replica::start().await);
    let replicas = find(&[busy.address, idle.address]);
    until_ready(&replicas, 2).await;
    busy.be_slow(true);
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let replicas = Arc::clone(&replicas);
            tokio::spawn(async move { call(&replicas, PATIENT).await })
        })
        .collect();
    until("a call waits at the busy one", || busy.calls() == 1).await;
    assert_eq!(spread(&replicas, 5).await, HashMap::from([(idle.address, 5)]));
    busy.be_slow(false);
    for call in waiting {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_dead_replica_fails_no_call_and_comes_back() {
    let (dies, lives) = (Replica::start().await, Replica::start().await);
    let replicas = find(&[dies.address, lives.address]);
    until_ready(&replicas, 2).await;
    let address = dies.address;
    drop(dies);
    assert_eq!(spread(&replicas, 20).await.remove(&lives.address), Some(20));
    let back = Replica::start_at(address).await;
    until_ready(&replicas, 2).await;
    assert_eq!(spread(&replicas, 4).await, HashMap::from([(back.address, 2), (lives.address, 2)]));
}

#[tokio::test]
async fn a_call_to_a_replica_that_hangs_is_answered_by_another() {
    let lives = Replica::start().await;
    let (hangs, _listener) = hanging().await;
    let replicas = find(&[hangs, lives.address]);
    assert_eq!(spread(&replicas, 10).await, HashMap::from([(lives.address, 10)]));
}

#[tokio::test]
async fn the_last_replica_gets_another_connection_when_the_old_one_stays_silent() {
    let (address, listener) = hanging().await;
    let _replicas = find(&[address]);
    let (_silent, _) = listener.accept().await.unwrap();
    let another = tokio::time::timeout(3 * PATIENT, listener.accept()).await;
    another.expect("another connection").unwrap();
}

/// Gives each of the replicas a call that is held, and lets the connections' time be up.
async fn held_on_closing_connections(
    replicas: &Arc<Replicas>,
    servers: &[&Replica],
) -> Vec<JoinHandle<Result<SocketAddr, Code>>> {
    until_ready(replicas, servers.len()).await;
    let hold = || {
        let replicas = Arc::clone(replicas);
        tokio::spawn(async move { call_of(HELD, &replicas, PATIENT).await })
    };
    let held = servers.iter().map(|_| hold()).collect();
    until("every replica holds a call", || servers.iter().all(|server| server.calls() == 1)).await;
    tokio::time::sleep(AGE).await;
    held
}

const AGE: Duration = Duration::from_millis(1500);

async fn aging() -> Replica {
    Replica::start_with("127.0.0.1:0".parse().unwrap(), Server::builder().max_connection_age(AGE)).await
}

#[tokio::test]
async fn a_closing_connection_finishes_what_is_in_flight_while_another_takes_new_calls() {
    let replica = aging().await;
    let replicas = find(&[replica.address]);
    let held = held_on_closing_connections(&replicas, &[&replica]).await;
    assert_eq!(spread(&replicas, 20).await, HashMap::from([(replica.address, 20)]));
    replica.release.notify_one();
    for call in held {
        assert_eq!(call.await.unwrap(), Ok(replica.address));
    }
}

#[tokio::test]
async fn with_others_ready_too_a_closing_connection_finishes_what_is_in_flight() {
    let (one, two) = (aging().await, aging().await);
    let replicas = find(&[one.address, two.address]);
    let held = held_on_closing_connections(&replicas, &[&one, &two]).await;
    assert_eq!(spread(&replicas, 20).await.values().sum::<usize>(), 20);
    // Long enough for each keeper to have probed.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    one.release.notify_one();
    two.release.notify_one();
    for call in held {
        assert!(call.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn a_slow_answer_ejects_nobody() {
    let (slow, other) = (Replica::start().await, Replica::start().await);
    let replicas = find(&[slow.address, other.address]);
    until_ready(&replicas, 2).await;
    slow.be_slow(true);
    other.be_slow(true);
    let outcome = call(&replicas, Duration::from_secs(2)).await;
    assert_eq!(outcome, Err(Code::DeadlineExceeded));
    assert_eq!(
        (slow.calls() + other.calls(), replicas.rotation.ready()),
        (1, 2),
        "called once, and nobody is out"
    );
}

#[tokio::test]
async fn a_replica_that_refuses_at_once_does_not_get_more_than_its_share() {
    let (refuses, serves) = (Replica::start().await, Replica::start().await);
    let replicas = find(&[refuses.address, serves.address]);
    until_ready(&replicas, 2).await;
    refuses.refuses.store(true, Ordering::Relaxed);
    assert_eq!(spread(&replicas, 60).await, HashMap::from([(serves.address, 60)]));
    assert!((1..20).contains(&refuses.calls()), "{}", refuses.calls());
    assert_eq!(replicas.rotation.ready(), 2, "a status takes no replica out");
}

#[tokio::test]
async fn a_replica_that_does_not_want_work_gets_it_only_when_it_is_the_last() {
    let (drains, stays) = (Replica::start().await, Replica::start().await);
    let replicas = find(&[drains.address, stays.address]);
    until_ready(&replicas, 2).await;
    drains.health.set_service_status(GRPC_SERVICE, ServingStatus::NotServing).await;
    until_ready(&replicas, 1).await;
    assert_eq!(spread(&replicas, 5).await, HashMap::from([(stays.address, 5)]));
    drop(stays);
    assert_eq!(spread(&replicas, 5).await, HashMap::from([(drains.address, 5)]));
    assert_eq!(replicas.rotation.check(), Err("it says that it is not serving"));
}

#[tokio::test]
async fn with_nobody_there_a_call_fails_at_once_and_never_left() {
    let (nobody, listener) = hanging().await;
    drop(listener);
    let replicas = find(&[nobody]);
    until("the address was tried", || replicas.rotation.check().is_err()).await;
    let mut request = Request::post("/test.Service/Method").body(Body::empty()).unwrap();
    let deadline = Instant::now() + PATIENT;
    request.extensions_mut().insert(CallPolicy { deadline, attempts: 1, retry_on: RetryOn::NotConnected });
    let channel = ServiceChannel::new(&replicas, &retries());
    let status = channel.oneshot(request).await.expect_err("nobody is there");
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "no connection: it cannot be reached"));
}
