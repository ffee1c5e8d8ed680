//! Responses that nobody reads: the client requests large pages and does not take them.

use std::{future::Future, net::SocketAddr, time::Duration};

use axum::{
    body::Bytes,
    http::{Request, header::CONTENT_TYPE},
};
use eventboard_e2e::{Actor, database::execute, process::peak_resident_kib};
use h2::client::{ResponseFuture, SendRequest};
use tokio::{io::AsyncWriteExt, net::TcpSocket, time::interval};

use super::measure_alone;
use crate::harness::{
    Answers, Attack, BINARIES, Cluster, Replica, Row, Size, Victim, attacker, http1, http2,
};

const SIZE: Size = Size { gateways: 1, auth: 1, events: 1 };
const ATTACKED: Duration = Duration::from_secs(7);

/// How much the memory of the attacked process may grow.
const GROWTH_KIB: u64 = 100 * 1024;

/// A page of this path is about 2 MB.
const LARGE_PAGE: &str = "/events?limit=100";

/// The pause between two requests. So few pages leave CPU time for the victim, and are more than the memory may grow.
const PACE: Duration = Duration::from_millis(60);

/// The pause between two requests to the gateway. An unoptimized gateway needs much CPU time for a page, and the few
/// pages that leave time for the victim do not fill the memory. So only an optimized build can exceed the limit.
const PACE_AT_GATEWAY: Duration = if cfg!(debug_assertions) { Duration::from_millis(500) } else { PACE };

/// The requests on one HTTP/1.1 connection.
const PIPELINED: usize = 10;

/// Creates events with as much text as possible: 5000 characters of four bytes each.
async fn create_large_events(cluster: &Cluster, actor: &Actor) {
    let statement = r#"
        insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate",
            "createdAt", "updatedAt")
        select gen_random_uuid(), "organizationId", id, 'Large ' || n, repeat('😀', 5000), now(),
            now() + interval '1 hour', now(), now()
        from "User", generate_series(1, 100) n where id = $1
    "#;
    execute(&cluster.database, statement, actor.id()).await;
}

/// Makes the head and the body of a request for a large page, to the gateway or to events-service.
type MakeRequest = fn(SocketAddr, &str) -> (Request<()>, &'static [u8]);

fn page_of_gateway(gateway: SocketAddr, token: &str) -> (Request<()>, &'static [u8]) {
    (http2::get(gateway, LARGE_PAGE, token), &[])
}

fn page_of_events_service(service: SocketAddr, token: &str) -> (Request<()>, &'static [u8]) {
    let request = Request::post(format!("http://{service}/eventboard.events.v1.EventsService/FindAll"))
        .header("authorization", format!("Bearer {token}"))
        .header(CONTENT_TYPE, "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    // An uncompressed message of four bytes: limit (field 1) is 100, page (field 2) is 1.
    (request, &[0, 0, 0, 0, 4, 0x08, 100, 0x10, 1])
}

/// Requests many pages on one HTTP/2 connection that accepts no byte of any body.
async fn request_http2(
    to: SocketAddr,
    token: String,
    make_request: MakeRequest,
    pace: Duration,
    answers: Answers,
) {
    let mut ticks = interval(pace);
    loop {
        ticks.tick().await;
        let Some(mut sender) = http2::connect(attacker(1), to, 0).await else { continue };
        let mut unread = Attack::new();
        while let Ok(ready) = sender.ready().await {
            ticks.tick().await;
            let (request, body) = make_request(to, &token);
            sender = ready;
            match request_page(&mut sender, request, body) {
                Ok(response) => _ = unread.spawn(hold_unread(response, answers.clone())),
                Err(_) => break,
            }
        }
        answers.count("connection ended");
    }
}

fn request_page(
    sender: &mut SendRequest<Bytes>,
    request: Request<()>,
    body: &'static [u8],
) -> Result<ResponseFuture, h2::Error> {
    let (response, mut stream) = sender.send_request(request, body.is_empty())?;
    if !body.is_empty() {
        stream.send_data(Bytes::from_static(body), true)?;
    }
    Ok(response)
}

/// Holds a response without its body being read, until the server resets it.
async fn hold_unread(response: ResponseFuture, answers: Answers) {
    let Ok(response) = response.await else { return answers.count("reset") };
    answers.count(response.status().as_u16());
    let mut body = response.into_body();
    while let Some(Ok(_)) = body.data().await {}
    answers.count("reset");
}

/// Requests pages on many HTTP/1.1 connections, several on each, and reads nothing.
async fn request_http1(to: SocketAddr, token: String, answers: Answers) {
    let request = format!("GET {LARGE_PAGE} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    let (requests, mut ticks, mut connections) =
        (request.repeat(PIPELINED), interval(PACE_AT_GATEWAY), Vec::new());
    loop {
        ticks.tick().await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let Ok(mut stream) = http1::connect_socket(socket, attacker(1), to).await else { continue };
        if stream.write_all(requests.as_bytes()).await.is_ok() {
            answers.count("connection");
            connections.push(stream);
        }
    }
}

async fn test_unread<F: Future<Output = ()> + Send + 'static>(
    scenario: &str,
    target: impl Fn(&Cluster) -> &Replica,
    request: impl Fn(SocketAddr, String, Answers) -> F,
) {
    let cluster = Cluster::start(BINARIES, SIZE, &[]).await;
    let admin = cluster.gateways[0].client().sign_up_admin().await;
    create_large_events(&cluster, &admin).await;
    admin.get(LARGE_PAGE).await.expect(200);
    let (victim, answers) = (Victim::member(&cluster, 20).await, Answers::default());
    measure_alone(scenario, &victim, &cluster).await;
    let target = target(&cluster);
    let before = peak_resident_kib(target.pid());
    let mut attack = Attack::new();
    attack.spawn(request(target.address(), admin.token, answers.clone()));
    let attacked = victim.run(ATTACKED).await;
    drop(attack);
    let growth = peak_resident_kib(target.pid()) - before;

    Row::of_victim(scenario, "under attack", &attacked, &cluster)
        .note("KiB before", before)
        .note("grew by", growth)
        .note("answers to the attacker:", &answers)
        .publish();
    attacked.assert_no_failures();
    assert!(growth < GROWTH_KIB, "the memory grew by {growth} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_responses_over_http2_hold_little_memory_of_the_gateway() {
    test_unread(
        "unread pages, HTTP/2",
        |cluster| &cluster.gateways[0],
        |to, token, answers| request_http2(to, token, page_of_gateway, PACE_AT_GATEWAY, answers),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_responses_over_http1_hold_little_memory_of_the_gateway() {
    test_unread("unread pages, HTTP/1.1", |cluster| &cluster.gateways[0], request_http1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_responses_hold_little_memory_of_a_service() {
    test_unread(
        "unread pages of events-service",
        |cluster| &cluster.events[0],
        |to, token, answers| request_http2(to, token, page_of_events_service, PACE, answers),
    )
    .await;
}
