//! A replica freezes in the middle of a write, with its locks in the database.

use std::time::{Duration, Instant};

use eventboard_e2e::{
    Actor, Answer,
    database::Lock,
    draft,
    load::{Ledger, Load, Outcome},
    until_some,
};
use serde_json::Value;
use tokio::{task::JoinHandle, time::sleep};

use crate::harness::{BINARIES, Cluster, Replica, Row, Size, has_port};

const TITLE: &str = "Frozen in the middle";

fn spawn_keyed(actor: &Actor, path: &str, body: &Value) -> JoinHandle<Answer> {
    let (actor, path, body) = (actor.clone(), path.to_owned(), body.clone());
    tokio::spawn(async move { actor.keyed(&path, "k", &body).await })
}

/// Freezes the replica whose write waits for this lock, and lets the write have it: from then on the replica holds
/// what it locked, in a transaction that it does not go on with. Also the moment at which it froze.
async fn freeze_with(cluster: &Cluster, mut lock: Lock) -> (&Replica, Instant) {
    let port = lock.waiting_port().await;
    // The list of connections leaves some out when they change while it is read.
    let frozen = until_some("it is known which replica waits", async || {
        cluster.events.iter().find(|replica| has_port(replica.id(), port))
    })
    .await;
    let froze = Instant::now();
    frozen.freeze();
    lock.release().await;
    (frozen, froze)
}

/// Freezes, waits for the answer, and ends the load with a row of figures.
async fn is_answered_by_another(
    scenario: &'static str,
    cluster: &Cluster,
    load: Load,
    lock: Lock,
    pending: JoinHandle<Answer>,
) -> (Answer, Outcome) {
    let (frozen, froze) = freeze_with(cluster, lock).await;
    let answer = pending.await.unwrap();
    let took = froze.elapsed();
    sleep(Duration::from_secs(1)).await;
    frozen.thaw();
    sleep(Duration::from_secs(3)).await;
    let outcome = load.stop().await;
    Row::new(scenario, &outcome.tally, cluster)
        .note("the write was answered", answer.status)
        .note("after", format!("{} ms", took.as_millis()))
        .publish();
    outcome.tally.assert_failed_at_most(0.002);
    (answer, outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submit_whose_replica_freezes_is_done_by_another_one_once() {
    let cluster = Cluster::start(BINARIES, Size::THREE_EVENTS, &[]).await;
    let admin = cluster.gateways[0].client().found_organization().await;
    let load = cluster.load().await;
    let id = admin.created(TITLE).await;
    let submit = format!("/events/{id}/submit");
    let lock = Lock::on_event(&cluster.database, &id).await;
    let pending = spawn_keyed(&admin, &submit, &Value::Null);

    let (answer, mut outcome) =
        is_answered_by_another("frozen within a submit", &cluster, load, lock, pending).await;

    assert!(!answer.expect(200).is_replay(), "the client has sent it once");
    assert!(admin.keyed(&submit, "k", &Value::Null).await.expect(200).is_replay());
    let mut ledger = Ledger::of(admin);
    ledger.created.insert(id.clone(), TITLE.to_owned());
    ledger.submitted.insert(id);
    outcome.ledgers.push(ledger);
    outcome.verify(&mut cluster.database.connect().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_whose_replica_freezes_is_done_by_another_one_once() {
    let cluster = Cluster::start(BINARIES, Size::THREE_EVENTS, &[]).await;
    let admin = cluster.gateways[0].client().found_organization().await;
    let load = cluster.load().await;
    let lock = Lock::on_key_of_create(&cluster.database, admin.id(), "k").await;
    let pending = spawn_keyed(&admin, "/events", &draft(TITLE));

    let (answer, mut outcome) =
        is_answered_by_another("frozen within a create", &cluster, load, lock, pending).await;

    let answer = answer.expect(201);
    assert!(!answer.is_replay(), "the client has sent it once");
    let again = admin.keyed("/events", "k", &draft(TITLE)).await.expect(201);
    assert_eq!((again.is_replay(), &again.text), (true, &answer.text));
    let mut ledger = Ledger::of(admin);
    ledger.created.insert(answer.id(), TITLE.to_owned());
    outcome.ledgers.push(ledger);
    outcome.verify(&mut cluster.database.connect().await).await;
}
