//! Tests of replicas that refuse a call. The refusal concerns this call only: other calls on the connection go on, and
//! the replica stays in rotation.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    grpc::{MAX_HEADER_LIST_BYTES, grpc_code},
};

use super::{
    raw_replica::{ENHANCE_YOUR_CALM, NO_ERROR, RawReplica},
    *,
};
use crate::{connection::Connection, error::CallError, rotation::ReplicaState};

/// One replica that refuses calls as the test decides.
struct Refusing {
    replica: RawReplica,
    replicas: Arc<Replicas>,
    /// Set when the replica leaves the rotation because of a failure.
    was_ejected: Arc<AtomicBool>,
}

impl Refusing {
    async fn start() -> Self {
        let replica = RawReplica::start().await;
        let replicas = discover(&[replica.address]);
        wait_until_ready(&replicas, 1).await;
        let was_ejected = observe_ejections(&replicas);
        Self { replica, replicas, was_ejected }
    }

    /// Starts a call that gets no response until the test sends one.
    async fn hold_call(&mut self, retry_on: RetryOn) -> (JoinHandle<Status>, raw_replica::RawCall) {
        let call = spawn_call(&self.replicas, request(METHOD, retry_on));
        (call, self.replica.next_call().await)
    }

    fn assert_not_ejected(&self) {
        assert!(!self.was_ejected.load(Ordering::Relaxed), "the replica was ejected");
        assert_eq!(self.replicas.rotation.ready_count(), 1);
    }
}

fn observe_ejections(replicas: &Replicas) -> Arc<AtomicBool> {
    let (was_ejected, mut changes) = (Arc::new(AtomicBool::new(false)), replicas.rotation.subscribe());
    let flag = Arc::clone(&was_ejected);
    tokio::spawn(async move {
        while changes.changed().await.is_ok() {
            let states = changes.borrow_and_update();
            let is_failed = |state: &ReplicaState| {
                matches!(state, ReplicaState::Suspect(..) | ReplicaState::Unavailable(_))
            };
            if states.iter().flat_map(BTreeMap::values).any(is_failed) {
                flag.store(true, Ordering::Relaxed);
            }
        }
    });
    was_ejected
}

fn request(method: &str, retry_on: RetryOn) -> Request<Body> {
    let mut request = Request::post(method).body(Body::empty()).unwrap();
    let deadline = Instant::now() + TIMEOUT;
    request.extensions_mut().insert(CallPolicy { deadline, attempts: 3, retry_on });
    request
}

/// A request with an additional header of this length.
fn request_with_padding(bytes: usize) -> Request<Body> {
    let mut request = request(METHOD, RetryOn::Unavailable);
    request.headers_mut().insert("x-padding", "x".repeat(bytes).parse().unwrap());
    request
}

/// Makes a call in the background. Returns its status.
fn spawn_call(replicas: &Arc<Replicas>, request: Request<Body>) -> JoinHandle<Status> {
    let channel = ServiceChannel::new(replicas, &retry_config());
    tokio::spawn(async move {
        match channel.oneshot(request).await {
            Ok(response) => Status::from_header_map(response.headers()).unwrap(),
            Err(status) => status,
        }
    })
}

#[tokio::test]
async fn a_431_is_the_callers_error_and_is_not_retried() {
    let mut refusing = Refusing::start().await;
    let (other, other_call) = refusing.hold_call(RetryOn::Unavailable).await;
    let (refused, refused_call) = refusing.hold_call(RetryOn::Unavailable).await;
    refused_call.respond_http("431").await;
    let status = refused.await.unwrap();
    assert_eq!(ServiceError::from(status).code(), ErrorCode::HeadersTooLarge);
    assert!(!refusing.replica.has_another_call(), "the call is not retried");
    other_call.respond().await;
    assert_eq!(other.await.unwrap().code(), Code::Ok);
    refusing.assert_not_ejected();
}

#[tokio::test]
async fn a_431_of_a_real_server_leaves_other_calls_on_the_connection_alone() {
    let server = Server::builder().http2_max_header_list_size(1024);
    let replica = Replica::start_with("127.0.0.1:0".parse().unwrap(), server).await;
    let replicas = discover(&[replica.address]);
    wait_until_ready(&replicas, 1).await;
    let was_ejected = observe_ejections(&replicas);
    let other = spawn_call(&replicas, request(HELD_METHOD, RetryOn::Unavailable));
    wait_until("the other call is in flight", || replica.calls() == 1).await;
    let status = spawn_call(&replicas, request_with_padding(2000)).await.unwrap();
    assert_eq!(ServiceError::from(status).code(), ErrorCode::HeadersTooLarge);
    replica.release.notify_one();
    assert_eq!(other.await.unwrap().code(), Code::NotFound);
    assert_eq!(replica.calls(), 1);
    assert!(!was_ejected.load(Ordering::Relaxed));
}

#[tokio::test]
async fn an_http_error_without_a_grpc_status_is_retried_only_if_it_means_unavailable() {
    let mut refusing = Refusing::start().await;
    let (call, attempt) = refusing.hold_call(RetryOn::Unavailable).await;
    attempt.respond_http("503").await;
    refusing.replica.next_call().await.respond().await;
    assert_eq!(call.await.unwrap().code(), Code::Ok);
    for (retry_on, http, code) in [
        (RetryOn::NotPerformed, "503", Code::Unavailable),
        (RetryOn::Unavailable, "500", Code::Unknown),
        (RetryOn::Unavailable, "404", Code::Unimplemented),
    ] {
        let (call, attempt) = refusing.hold_call(retry_on).await;
        attempt.respond_http(http).await;
        assert_eq!(call.await.unwrap().code(), code, "{http}");
        assert!(!refusing.replica.has_another_call(), "{http}");
    }
    refusing.assert_not_ejected();
}

#[tokio::test]
async fn headers_beyond_the_limit_are_the_callers_error_and_are_not_sent() {
    let refusing = Refusing::start().await;
    for bytes in [MAX_HEADER_LIST_BYTES as usize, 70_000] {
        let status = spawn_call(&refusing.replicas, request_with_padding(bytes)).await.unwrap();
        assert_eq!(ServiceError::from(status).code(), ErrorCode::HeadersTooLarge);
    }
    assert!(!refusing.replica.has_another_call());
    refusing.assert_not_ejected();
}

#[tokio::test]
async fn a_real_server_accepts_the_largest_header_list_that_is_sent() {
    let replica = Replica::start().await;
    let connection = Arc::new(Connection::open(replica.address).await.unwrap());
    let send = async |padding: usize| {
        let mut request = Request::post(METHOD).body(Bytes::new()).unwrap();
        request.headers_mut().insert("x-padding", "x".repeat(padding).parse().unwrap());
        let call = Connection::begin_call(&connection);
        let sender = call.ready_sender().await.unwrap();
        call.send(sender, request).await
    };
    let limit = MAX_HEADER_LIST_BYTES as usize;
    let Err(CallError::HeadersTooLarge { bytes }) = send(limit).await else { panic!("it is too large") };
    let padding = 2 * limit - bytes;
    assert!(matches!(send(padding).await, Err(CallError::HeadersTooLarge { bytes }) if bytes == limit));
    assert_eq!(replica.calls(), 0);
    let response = send(padding - 1).await.unwrap();
    assert_eq!((grpc_code(response.headers()), replica.calls()), (Some(Code::NotFound), 1));
}

#[tokio::test]
async fn a_refused_stream_is_retried_even_if_the_call_must_not_be_performed_twice() {
    let mut refusing = Refusing::start().await;
    let (other, other_call) = refusing.hold_call(RetryOn::NotPerformed).await;
    let (refused, refused_call) = refusing.hold_call(RetryOn::NotPerformed).await;
    refused_call.refuse().await;
    refusing.replica.next_call().await.respond().await;
    assert_eq!(refused.await.unwrap().code(), Code::Ok);
    other_call.respond().await;
    assert_eq!(other.await.unwrap().code(), Code::Ok);
    refusing.assert_not_ejected();
}

#[tokio::test]
async fn a_go_away_fails_only_the_calls_beyond_its_last_stream_and_they_are_retried() {
    for error_code in [NO_ERROR, ENHANCE_YOUR_CALM] {
        let mut refusing = Refusing::start().await;
        let (processed, processed_call) = refusing.hold_call(RetryOn::NotPerformed).await;
        let (refused, _) = refusing.hold_call(RetryOn::NotPerformed).await;
        processed_call.go_away_after_it(error_code).await;
        refusing.replica.next_call().await.respond().await;
        assert_eq!(refused.await.unwrap().code(), Code::Ok);
        processed_call.respond().await;
        assert_eq!(processed.await.unwrap().code(), Code::Ok);
        assert!(!refusing.replica.has_another_call(), "the processed call is not retried");
        refusing.assert_not_ejected();
    }
}

#[tokio::test]
async fn the_outcome_of_a_call_is_unknown_if_the_connection_closes_after_a_go_away() {
    let mut refusing = Refusing::start().await;
    let (processed, processed_call) = refusing.hold_call(RetryOn::NotPerformed).await;
    let (refused, _) = refusing.hold_call(RetryOn::NotPerformed).await;
    processed_call.go_away_after_it(ENHANCE_YOUR_CALM).await;
    processed_call.close_connection().await;
    assert_eq!(processed.await.unwrap().code(), Code::Unavailable);
    refusing.replica.next_call().await.respond().await;
    assert_eq!(refused.await.unwrap().code(), Code::Ok);
    refusing.assert_not_ejected();
}

#[tokio::test]
async fn a_probe_beyond_a_go_away_neither_ejects_the_replica_nor_fails_a_call() {
    let mut refusing = Refusing::start().await;
    let (processed, processed_call) = refusing.hold_call(RetryOn::NotPerformed).await;
    let probe = refusing.replica.next_held_probe().await;
    assert!(probe.stream > processed_call.stream);
    processed_call.go_away_after_it(NO_ERROR).await;
    wait_until("the client reconnects", || refusing.replica.connections() == 2).await;
    let (next, next_call) = refusing.hold_call(RetryOn::NotPerformed).await;
    next_call.respond().await;
    assert_eq!(next.await.unwrap().code(), Code::Ok);
    processed_call.respond().await;
    assert_eq!(processed.await.unwrap().code(), Code::Ok);
    refusing.assert_not_ejected();
}

#[tokio::test]
async fn a_suspect_replica_is_reconnected_at_once_when_its_connection_closes() {
    let mut refusing = Refusing::start().await;
    let probe = refusing.replica.next_held_probe().await;
    wait_until("the probe fails", || refusing.was_ejected.load(Ordering::Relaxed)).await;
    probe.close_connection().await;
    let address = BTreeSet::from([refusing.replica.address]);
    let rotation = &refusing.replicas.rotation;
    wait_until("the connection ends", || rotation.connected_while_none_ready(&address).is_empty()).await;
    let mut only_attempt = request(METHOD, RetryOn::NotPerformed);
    only_attempt.extensions_mut().get_mut::<CallPolicy>().unwrap().attempts = 1;
    let mut call = spawn_call(&refusing.replicas, only_attempt);
    tokio::select! {
        received = refusing.replica.next_call() => received.respond().await,
        failed = &mut call => panic!("{failed:?}"),
    }
    assert_eq!(call.await.unwrap().code(), Code::Ok);
}
