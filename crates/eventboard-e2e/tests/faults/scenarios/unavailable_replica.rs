//! A replica that reports that it is healthy but fails every call with `UNAVAILABLE`.

use std::{net::SocketAddr, time::Duration};

use axum::routing::post;
use tokio::{net::TcpListener, time::sleep};
use tonic::{
    Status,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::ServingStatus;

use crate::harness::{BINARIES, Cluster, Row, Size};

const SERVICE: &str = "eventboard.events.v1.EventsService";

/// Starts such a replica. It serves until the test ends.
async fn start_unavailable_replica() -> SocketAddr {
    let (reporter, health) = tonic_health::server::health_reporter();
    for service in ["", SERVICE] {
        reporter.set_service_status(service, ServingStatus::Serving).await;
    }
    let reject = post(async || Status::unavailable("not now").into_http::<axum::body::Body>());
    let router = Routes::new(health).into_axum_router().route(&format!("/{SERVICE}/{{*method}}"), reject);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::spawn(Server::builder().serve_with_incoming(Routes::from(router).prepare(), incoming));
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_returns_unavailable_fails_no_request_and_is_not_ejected() {
    let mut cluster = Cluster::start(BINARIES, Size { gateways: 0, auth: 1, events: 2 }, &[]).await;
    let [first, second] = [&cluster.events[0], &cluster.events[1]].map(|replica| replica.address());
    let hosts = format!("{},{first},{second}", start_unavailable_replica().await);
    let gateway = cluster.start_gateway(&hosts, &[]).await;
    cluster.gateways.push(gateway);
    cluster.wait_until_healthy().await;
    let load = cluster.start_load().await;
    sleep(Duration::from_secs(8)).await;
    let outcome = load.stop().await;

    Row::new("one of three returns UNAVAILABLE", &outcome.tally, &cluster).publish();
    outcome.verify(&mut cluster.database.connect().await).await;
    outcome.tally.assert_failure_share_at_most(0.0);
    assert!(cluster.retries() > 0, "the replica received no call");
    assert_eq!(cluster.ejections(), 0, "a status does not eject a replica");
}
