//! Bodies that trickle: as many requests as the gateway serves at the same time, each of which sends a byte from time
//! to time.

use std::{future::Future, net::SocketAddr, time::Duration};

use axum::{
    body::Bytes,
    http::{Request, header::CONTENT_TYPE},
};
use h2::client::SendRequest;
use tokio::{io::AsyncWriteExt, time::sleep};

use super::measure_alone;
use crate::harness::{Answers, Attack, BINARIES, Cluster, Row, Size, Victim, attacker, http1, http2};

/// More than `MAX_CONCURRENT_REQUESTS`.
const BODIES: usize = 600;

/// The attackers use several addresses, so that they have more connections than one address may have.
const ADDRESSES: u8 = 4;

const PAUSE: Duration = Duration::from_millis(300);
const ATTACKED: Duration = Duration::from_secs(7);
const SIZE: Size = Size { gateways: 1, auth: 1, events: 1 };

/// The concurrent requests on one HTTP/2 connection.
const STREAMS: usize = 100;

/// The path and the token of a slow request.
#[derive(Clone)]
struct Target {
    gateway: SocketAddr,
    path: &'static str,
    token: String,
}

/// Sends slow HTTP/1.1 requests, one after the other.
async fn send_http1(number: usize, target: Target, answers: Answers) {
    loop {
        let status = slow_http1(number, &target).await;
        answers.count(status.as_deref().unwrap_or("no response"));
        sleep(PAUSE).await;
    }
}

async fn slow_http1(number: usize, target: &Target) -> Option<String> {
    let Target { gateway, path, token } = target;
    let mut stream = http1::connect(address(number), *gateway).await.ok()?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: 60000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    while tokio::time::timeout(PAUSE, stream.readable()).await.is_err() {
        stream.write_all(b" ").await.ok()?;
    }
    Some(http1::receive(&mut stream).await.ok()?.status().to_owned())
}

fn address(number: usize) -> std::net::Ipv4Addr {
    attacker(1 + u8::try_from(number % usize::from(ADDRESSES)).unwrap())
}

/// Sends slow HTTP/2 requests on one connection.
async fn send_http2(number: usize, target: Target, answers: Answers) {
    loop {
        if let Some(sender) = http2::connect(address(number), target.gateway, 65_535).await {
            let mut streams = Attack::new();
            for _ in 0..STREAMS {
                streams.spawn(send_stream(sender.clone(), target.clone(), answers.clone()));
            }
            while streams.join_next().await.is_some() {}
        }
        sleep(PAUSE).await;
    }
}

/// Sends slow requests until the connection ends.
async fn send_stream(sender: SendRequest<Bytes>, target: Target, answers: Answers) {
    while let Ok(ready) = sender.clone().ready().await {
        let status = slow_http2(ready, &target).await;
        answers.count(status.as_deref().unwrap_or("no response"));
        sleep(PAUSE).await;
    }
}

async fn slow_http2(mut sender: SendRequest<Bytes>, target: &Target) -> Option<String> {
    let request = Request::post(format!("http://{}{}", target.gateway, target.path))
        .header("authorization", format!("Bearer {}", target.token))
        .header(CONTENT_TYPE, "application/json")
        .body(())
        .unwrap();
    let (response, mut body) = sender.send_request(request, false).ok()?;
    let trickle = async {
        while body.send_data(Bytes::from_static(b" "), false).is_ok() {
            sleep(PAUSE).await;
        }
        std::future::pending::<()>().await;
    };
    let status = tokio::select! {
        response = response => response.ok()?.status(),
        () = trickle => return None,
    };
    Some(status.as_u16().to_string())
}

async fn test_slow_bodies<F: Future<Output = ()> + Send + 'static>(
    scenario: &str,
    attackers: usize,
    send: impl Fn(usize, Target, Answers) -> F,
) {
    let cluster = Cluster::start(BINARIES, SIZE, &[]).await;
    let admin = cluster.gateways[0].client().sign_up_admin().await;
    let (victim, answers) = (Victim::member(&cluster, 20).await, Answers::default());
    measure_alone(scenario, &victim, &cluster).await;
    let mut attack = Attack::new();
    for number in 0..attackers {
        let path = if number % 2 == 0 { "/events" } else { "/auth/login" };
        let (gateway, token) = (cluster.gateways[0].address(), admin.token.clone());
        attack.spawn(send(number, Target { gateway, path, token }, answers.clone()));
    }
    let attacked = victim.run(ATTACKED).await;
    drop(attack);

    Row::of_victim(scenario, "under attack", &attacked, &cluster)
        .note("answers to the attackers:", &answers)
        .publish();
    attacked.assert_no_failures();
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_over_http1_take_no_place_from_others() {
    test_slow_bodies("600 slow bodies, HTTP/1.1", BODIES, send_http1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_over_http2_take_no_place_from_others() {
    test_slow_bodies("600 slow bodies, HTTP/2", BODIES / STREAMS, send_http2).await;
}
