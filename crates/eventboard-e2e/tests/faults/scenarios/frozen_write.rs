//! A replica freezes during a write while it holds locks in the database.

use std::time::{Duration, Instant};

use eventboard_e2e::{
    Actor, Response,
    database::Lock,
    event_body,
    load::{Ledger, Load, Outcome},
    wait_for_some,
};
use serde_json::Value;
use tokio::{task::JoinHandle, time::sleep};

use crate::harness::{BINARIES, Cluster, Replica, Row, Size, has_local_port};

const TITLE: &str = "Frozen in the middle";

fn spawn_post_with_key(actor: &Actor, path: &str, body: &Value) -> JoinHandle<Response> {
    let (actor, path, body) = (actor.clone(), path.to_owned(), body.clone());
    tokio::spawn(async move { actor.post_with_key(&path, "k", &body).await })
}

/// Freezes the replica whose write is blocked by this lock, and then releases the lock. The frozen replica gets the
/// lock and holds it in a transaction that does not continue. Also returns the time of the freeze.
async fn freeze_blocked_replica(cluster: &Cluster, mut lock: Lock) -> (&Replica, Instant) {
    let port = lock.blocked_client_port().await;
    // The lookup is repeated, because the list of connections may be incomplete if it changes while it is read.
    let frozen = wait_for_some("the blocked replica is found", async || {
        cluster.events.iter().find(|replica| has_local_port(replica.pid(), port))
    })
    .await;
    let frozen_at = Instant::now();
    frozen.freeze();
    lock.release().await;
    (frozen, frozen_at)
}

/// Freezes the blocked replica, waits for the response from another replica, and publishes the results.
async fn freeze_and_await_response(
    scenario: &'static str,
    cluster: &Cluster,
    load: Load,
    lock: Lock,
    pending: JoinHandle<Response>,
) -> (Response, Outcome) {
    let (frozen, frozen_at) = freeze_blocked_replica(cluster, lock).await;
    let response = pending.await.unwrap();
    let took = frozen_at.elapsed();
    sleep(Duration::from_secs(1)).await;
    frozen.thaw();
    sleep(Duration::from_secs(3)).await;
    let outcome = load.stop().await;
    Row::new(scenario, &outcome.tally, cluster)
        .note("the write returned", response.status)
        .note("after", format!("{} ms", took.as_millis()))
        .publish();
    outcome.tally.assert_failure_share_at_most(0.002);
    (response, outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submit_on_a_frozen_replica_is_performed_once_by_another_replica() {
    let cluster = Cluster::start(BINARIES, Size::THREE_EVENTS, &[]).await;
    let admin = cluster.gateways[0].client().sign_up_admin().await;
    let load = cluster.start_load().await;
    let id = admin.create_event(TITLE).await;
    let submit = format!("/events/{id}/submit");
    let lock = Lock::on_event(&cluster.database, &id).await;
    let pending = spawn_post_with_key(&admin, &submit, &Value::Null);

    let (response, mut outcome) =
        freeze_and_await_response("frozen within a submit", &cluster, load, lock, pending).await;

    assert!(!response.expect(200).is_replay(), "the client sent the request only once");
    assert!(admin.post_with_key(&submit, "k", &Value::Null).await.expect(200).is_replay());
    let mut ledger = Ledger::new(admin);
    ledger.created.insert(id.clone(), TITLE.to_owned());
    ledger.submitted.insert(id);
    outcome.ledgers.push(ledger);
    outcome.verify(&mut cluster.database.connect().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_on_a_frozen_replica_is_performed_once_by_another_replica() {
    let cluster = Cluster::start(BINARIES, Size::THREE_EVENTS, &[]).await;
    let admin = cluster.gateways[0].client().sign_up_admin().await;
    let load = cluster.start_load().await;
    let lock = Lock::on_create_key(&cluster.database, admin.id(), "k").await;
    let pending = spawn_post_with_key(&admin, "/events", &event_body(TITLE));

    let (response, mut outcome) =
        freeze_and_await_response("frozen within a create", &cluster, load, lock, pending).await;

    let response = response.expect(201);
    assert!(!response.is_replay(), "the client sent the request only once");
    let repeated = admin.post_with_key("/events", "k", &event_body(TITLE)).await.expect(201);
    assert_eq!((repeated.is_replay(), &repeated.text), (true, &response.text));
    let mut ledger = Ledger::new(admin);
    ledger.created.insert(response.id(), TITLE.to_owned());
    outcome.ledgers.push(ledger);
    outcome.verify(&mut cluster.database.connect().await).await;
}
