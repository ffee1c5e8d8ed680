//! Invalid requests whose response could be many times as large as the request.

use std::{
    collections::{BTreeMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use eventboard_e2e::{Actor, wait_until};
use uuid::Uuid;

use super::measure_alone;
use crate::harness::{
    Attack, BINARIES, Cluster, Row, Size, Victim, attacker, get_request, http1, post_request,
    request_with_body,
};

const SIZE: Size = Size { gateways: 1, auth: 1, events: 1 };
const ATTACKED: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 4;

/// The size of a request's body or path, in bytes. Both may be 64 KiB.
const REQUEST_SIZE: usize = 60_000;

/// How many bytes a response may be larger than its request: fifty faults with their messages, and the headers.
const CONSTANT: usize = 16 * 1024;

/// The sizes of a request and of the largest response to it, in bytes, by the kind of request.
#[derive(Clone, Default)]
struct Sizes(Arc<Mutex<BTreeMap<&'static str, (usize, usize)>>>);

impl Sizes {
    fn record(&self, kind: &'static str, request: usize, response: usize) {
        let mut sizes = self.0.lock().unwrap();
        let (_, largest) = sizes.entry(kind).or_insert((request, response));
        *largest = response.max(*largest);
    }

    /// The kinds with a response that is too large.
    fn amplified(&self) -> Vec<String> {
        let sizes = self.0.lock().unwrap();
        let amplified = sizes.iter().filter(|(_, (request, response))| *response > request + CONSTANT);
        let describe = |(kind, (request, response)): (&&str, &(usize, usize))| {
            format!("{kind}: {request} bytes, answer {response}")
        };
        amplified.map(describe).collect()
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The largest ratio of a response to its request.
    fn largest_ratio(&self) -> f64 {
        let sizes = self.0.lock().unwrap();
        let ratios = sizes.values().map(|(request, response)| *response as f64 / *request as f64);
        ratios.fold(0.0, f64::max)
    }
}

/// Concatenates numbered items until the text is as long as a request may be.
fn fill(item: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0.. {
        let next = item(number);
        if text.len() + next.len() > REQUEST_SIZE {
            break;
        }
        text += &next;
    }
    text
}

/// A short name for each number.
fn name(number: usize) -> String {
    format!("{number:x}")
}

/// An object with these members, each with a comma at its end.
fn object(members: &str) -> String {
    format!("{{{}}}", members.trim_end_matches(','))
}

/// Bodies with many faults, or with long ones.
fn bodies() -> Vec<(&'static str, String)> {
    vec![
        ("unknown fields", object(&fill(|n| format!(r#""{}":0,"#, name(n))))),
        ("repeated fields", object(&fill(|_| r#""title":0,"#.to_owned()))),
        ("one long field", object(&format!(r#""{}":0"#, "x".repeat(REQUEST_SIZE)))),
        ("one long field that is escaped", object(&format!(r#""{}":0"#, "\\u0001".repeat(REQUEST_SIZE / 6)))),
        ("a long value", object(&format!(r#""startDate":"{}""#, "x".repeat(REQUEST_SIZE)))),
        ("not JSON", "x".repeat(REQUEST_SIZE)),
        ("an array", format!("[{}0]", "0,".repeat(REQUEST_SIZE / 2))),
    ]
}

/// Paths with many faults, or with long ones.
fn paths(event: Uuid) -> Vec<(&'static str, String)> {
    vec![
        ("unknown parameters", format!("/events?{}", fill(|n| format!("{}&", name(n))))),
        ("empty parameters", format!("/events?{}", "&=".repeat(REQUEST_SIZE / 2))),
        ("repeated parameters", format!("/events?{}", "page=x&".repeat(REQUEST_SIZE / 7))),
        ("unknown parameters of an event", format!("/events/{event}?{}", fill(|n| format!("{}&", name(n))))),
        ("unknown parameters of an account", format!("/auth/me?{}", fill(|n| format!("{}&", name(n))))),
        ("a long parameter", format!("/events?{}=1", "x".repeat(REQUEST_SIZE))),
        ("a long parameter that is escaped", format!("/events?{}=1", "%01".repeat(REQUEST_SIZE / 3))),
        ("a long value of a parameter", format!("/events?status={}", "%01".repeat(REQUEST_SIZE / 3))),
        ("a long cursor", format!("/events?cursor={}", "x".repeat(REQUEST_SIZE))),
        ("a long path", format!("/{}", "x".repeat(REQUEST_SIZE))),
        ("a long path that is escaped", format!("/{}", "%22".repeat(REQUEST_SIZE / 3))),
        ("a long id", format!("/events/{}", "'".repeat(REQUEST_SIZE))),
    ]
}

/// All requests, each with its kind.
fn requests(event: Uuid, token: &str) -> Vec<(&'static str, String)> {
    let paths = paths(event).into_iter().map(|(kind, path)| (kind, get_request(&path, token)));
    let of_body = |(kind, body): (&'static str, String)| {
        [
            (kind, post_request("/events", token, &body)),
            (kind, post_request("/auth/signup", "", &body)),
            (kind, post_request("/auth/login", "", &body)),
            (kind, request_with_body("PATCH", &format!("/events/{event}"), token, &body)),
            (kind, post_request(&format!("/events/{event}/reject"), token, &body)),
        ]
    };
    let etags = r#""1","#.repeat(REQUEST_SIZE / 4);
    let with_header = |name: &str, value: &str| {
        get_request(&format!("/events/{event}"), token).replacen(
            "host",
            &format!("{name}: {value}\r\nhost"),
            1,
        )
    };
    let headers = [
        ("many ETags", with_header("if-none-match", &etags)),
        ("a long correlation ID", with_header("x-correlation-id", &"x".repeat(REQUEST_SIZE))),
        ("a long origin", with_header("origin", &format!("http://localhost:{}", "1".repeat(REQUEST_SIZE)))),
        (
            "a long content type",
            post_request("/events", token, "{}").replacen("application/json", &"x".repeat(REQUEST_SIZE), 1),
        ),
    ];
    paths.chain(bodies().into_iter().flat_map(of_body)).chain(headers).collect()
}

/// Sends all requests, again and again, and records the sizes of the responses.
async fn send_all(gateway: SocketAddr, first: usize, requests: Arc<[(&'static str, String)]>, sizes: Sizes) {
    for (kind, request) in requests.iter().cycle().skip(first) {
        let exchange = async {
            let mut stream = http1::connect(attacker(1), gateway).await?;
            http1::exchange(&mut stream, request).await
        };
        // The gateway may close a connection before it has read everything. The response can be lost then.
        sizes.record(kind, request.len(), exchange.await.map_or(0, |reply| reply.length));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_response_to_an_invalid_request_is_hardly_larger_than_the_request() {
    let cluster = Cluster::start(BINARIES, SIZE, &[]).await;
    let admin: Actor = cluster.gateways[0].client().sign_up_admin().await;
    let event = admin.create_event("Amplified").await.parse().unwrap();
    let (victim, sizes) = (Victim::member(&cluster, 20).await, Sizes::default());
    measure_alone("amplification", &victim, &cluster).await;
    let (requests, mut attack): (Arc<[_]>, _) = (requests(event, &admin.token).into(), Attack::new());
    for connection in 0..CONNECTIONS {
        let (first, requests) = (requests.len() * connection / CONNECTIONS, Arc::clone(&requests));
        attack.spawn(send_all(cluster.gateways[0].address(), first, requests, sizes.clone()));
    }
    let attacked = victim.run(ATTACKED).await;
    let kinds: HashSet<_> = requests.iter().map(|(kind, _)| kind).collect();
    wait_until("all requests were sent", async || sizes.count() == kinds.len()).await;
    drop(attack);

    let amplified = sizes.amplified();
    Row::of_victim("amplification", "under attack", &attacked, &cluster)
        .note("kinds of requests", sizes.count())
        .note("amplified", amplified.len())
        .note("largest ratio of response to request", format!("{:.1}", sizes.largest_ratio()))
        .publish();
    attacked.assert_no_failures();
    assert!(amplified.is_empty(), "{amplified:#?}");
}
