//! Headers that are too large for a service. All clients share the gateway's connections to the services, so a service
//! that closes its connection because of one request fails the requests of all.

use std::{net::SocketAddr, time::Duration};

use eventboard_e2e::Actor;
use tokio::{task::JoinSet, time::interval};

use super::measure_alone;
use crate::harness::{Answers, Attack, BINARIES, Cluster, Row, Size, Victim, attacker, http1, http2};

const SIZE: Size = Size { gateways: 1, auth: 2, events: 2 };

const ATTACKED: Duration = Duration::from_secs(7);

/// The attacker sends five requests per second.
const PACE: Duration = Duration::from_millis(200);

/// Just above 16 KiB (with the rest of the headers), 32 KiB and 64 KiB.
const LENGTHS: [usize; 3] = [15_700, 33_000, 66_000];

/// Headers that clients send. Some are also sent to the services.
const HEADERS: [&str; 9] = [
    "traceparent",
    "tracestate",
    "baggage",
    "x-correlation-id",
    "x-request-id",
    "idempotency-key",
    "if-none-match",
    "cookie",
    "user-agent",
];

/// A request of the attacker.
#[derive(Clone)]
enum Poison {
    Http1(String),
    /// The value of the header `authorization`. The server limits the headers of an HTTP/2 request to 16 KiB, a little
    /// less than what the gateway makes of this.
    Http2(String),
}

fn padded_token(token: &str, padding: &str, length: usize) -> String {
    format!("Bearer{}{token}", padding.repeat(length))
}

fn get(authorization: &str, other_headers: &str) -> Poison {
    Poison::Http1(format!(
        "GET /events?limit=1 HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\n{other_headers}\r\n"
    ))
}

/// The token of a valid request, padded to more than the services accept.
fn padded_token_only(token: &str) -> Vec<Poison> {
    vec![get(&padded_token(token, " ", 66_000), "")]
}

fn padded_tokens(token: &str) -> Vec<Poison> {
    let mut poisons: Vec<_> = LENGTHS.map(|length| get(&padded_token(token, " ", length), "")).into();
    poisons.push(get(&padded_token(token, "\t", 20_000), ""));
    poisons.push(Poison::Http2(padded_token(token, " ", 15_400)));
    poisons
}

/// Everything else that is long.
fn other_poisons(token: &str) -> Vec<Poison> {
    let mut poisons = padded_tokens(token);
    poisons.extend(long_headers(token));
    poisons
}

fn long_headers(token: &str) -> Vec<Poison> {
    let bearer = format!("Bearer {token}");
    // The beginning is valid in `traceparent` and `tracestate`.
    let long = |name: &str, length: usize| {
        let beginning = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        get(&bearer, &format!("{name}: {beginning}-a={}\r\n", "x".repeat(length)))
    };
    let mut poisons: Vec<_> =
        HEADERS.iter().flat_map(|name| [20_000, 66_000].map(|length| long(name, length))).collect();
    let entry = |n| format!("vendor{n}={},", "x".repeat(200));
    let tracestate: String = (0..300).map(entry).collect();
    let traceparent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    poisons.push(get(&bearer, &format!("{traceparent}\r\ntracestate: {tracestate}a=b\r\n")));
    for (count, length) in [(90, 180), (90, 700), (1_000, 60)] {
        let header = |n| format!("x-header-{n}: {}\r\n", "x".repeat(length));
        poisons.push(get(&bearer, &(0..count).map(header).collect::<String>()));
    }
    let repeated = format!("authorization: {bearer}\r\n").repeat(60);
    poisons.push(get(&bearer, &repeated));
    poisons
}

async fn send(gateway: SocketAddr, poison: Poison, answers: Answers) {
    let status = match poison {
        Poison::Http1(request) => send_http1(gateway, &request).await,
        Poison::Http2(authorization) => send_http2(gateway, &authorization).await,
    };
    answers.count(status.as_deref().unwrap_or("no response"));
}

async fn send_http1(gateway: SocketAddr, request: &str) -> Option<String> {
    let mut stream = http1::connect(attacker(1), gateway).await.ok()?;
    Some(http1::exchange(&mut stream, request).await.ok()?.status().to_owned())
}

async fn send_http2(gateway: SocketAddr, authorization: &str) -> Option<String> {
    let sender = http2::connect(attacker(1), gateway, 65_535).await?;
    let mut request = http2::get(gateway, "/events?limit=1", "");
    request.headers_mut().insert("authorization", authorization.parse().unwrap());
    let (response, _) = sender.ready().await.ok()?.send_request(request, true).ok()?;
    Some(response.await.ok()?.status().as_u16().to_string())
}

async fn send_all(gateway: SocketAddr, poisons: Vec<Poison>, answers: Answers) {
    let (mut ticks, mut sent) = (interval(PACE), JoinSet::new());
    for poison in poisons.iter().cycle() {
        ticks.tick().await;
        sent.spawn(send(gateway, poison.clone(), answers.clone()));
    }
}

async fn test_poisons(scenario: &str, poisons: impl Fn(&str) -> Vec<Poison>) {
    let cluster = Cluster::start(BINARIES, SIZE, &[]).await;
    let Actor { token, .. } = cluster.gateways[0].client().sign_up_admin().await;
    let (victim, answers) = (Victim::member(&cluster, 20).await, Answers::default());
    measure_alone(scenario, &victim, &cluster).await;
    let mut attack = Attack::new();
    attack.spawn(send_all(cluster.gateways[0].address(), poisons(&token), answers.clone()));
    let attacked = victim.run(ATTACKED).await;
    drop(attack);

    Row::of_victim(scenario, "under attack", &attacked, &cluster)
        .note("answers to the attacker:", &answers)
        .publish();
    attacked.assert_no_failures();
    answers.assert_no_server_errors();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_padded_with_spaces_fails_no_request_of_others() {
    test_poisons("token with 66,000 spaces", padded_token_only).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_and_many_headers_fail_no_request_of_others() {
    test_poisons("other long headers", other_poisons).await;
}
