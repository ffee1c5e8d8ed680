//! Connections that say nothing, or half a thing. They come from one address for each port.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::future::join3;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::ALONE;
use crate::harness::{Attack, BINARIES, Cluster, Figures, Row, Size, Victim, attacker, http1};
use eventboard_e2e::{process::allow_many_sockets, wait_until};

/// The connections to the gateway, if the machine permits as many open files. That is more than it accepts.
const TO_THE_GATEWAY: usize = 12_000;
const TO_A_SERVICE: usize = 2_500;
const TO_METRICS: usize = 2_500;
const ALL: usize = TO_THE_GATEWAY + TO_A_SERVICE + TO_METRICS;

/// The open files of the test itself.
const OTHER_FILES: usize = 1_000;

/// The connections that one address may hold.
const PER_ADDRESS: usize = 256;

/// Longer than the ten seconds that each phase of a connection may take.
const ATTACKED: Duration = Duration::from_secs(12);

/// A connection that takes longer has not been made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The number of clients that open connections at the same time.
const OPENERS: usize = 50;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// What a connection says before it falls silent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Nothing,
    HalfAPreface,
    PrefaceWithoutSettings,
    HalfAHead,
    /// One more byte of the head every second.
    TricklingHead,
    /// The client may be idle for longer than the phases of a connection may take.
    IdleHttp2,
}

const KINDS: [Kind; 8] = [
    Kind::Nothing,
    Kind::HalfAPreface,
    Kind::Nothing,
    Kind::PrefaceWithoutSettings,
    Kind::Nothing,
    Kind::HalfAHead,
    Kind::TricklingHead,
    Kind::IdleHttp2,
];

impl Kind {
    fn first_bytes(self) -> Vec<u8> {
        match self {
            Self::Nothing => Vec::new(),
            Self::HalfAPreface => PREFACE[..16].to_vec(),
            Self::PrefaceWithoutSettings => PREFACE.to_vec(),
            Self::HalfAHead | Self::TricklingHead => b"GET /health HTTP/1.1\r\nHost: x\r\nX-Half".to_vec(),
            Self::IdleHttp2 => [PREFACE, EMPTY_SETTINGS].concat(),
        }
    }

    /// Whether the connection has no complete request and is not idle either.
    fn is_incomplete(self) -> bool {
        self != Self::IdleHttp2
    }
}

/// The attack on one port.
struct Silence {
    attack: Attack,
    incomplete: Arc<()>,
    idle: Arc<()>,
}

impl Silence {
    fn start(from: Ipv4Addr, to: SocketAddr, count: usize) -> Self {
        let mut silence = Self { attack: Attack::new(), incomplete: Arc::default(), idle: Arc::default() };
        for opener in 0..OPENERS {
            let (incomplete, idle) = (Arc::downgrade(&silence.incomplete), Arc::downgrade(&silence.idle));
            silence.attack.spawn(async move {
                let mut connections = Attack::new();
                for number in (opener..count).step_by(OPENERS) {
                    let kind = KINDS[number / OPENERS % KINDS.len()];
                    let counter = if kind.is_incomplete() { &incomplete } else { &idle };
                    let connection = timeout(CONNECT_TIMEOUT, http1::connect(from, to)).await;
                    let (Ok(Ok(stream)), Some(counter)) = (connection, counter.upgrade()) else { continue };
                    connections.spawn(async move {
                        hold(stream, kind).await;
                        drop(counter);
                    });
                }
                while connections.join_next().await.is_some() {}
            });
        }
        silence
    }

    /// The number of open connections without a complete request.
    fn incomplete(&self) -> usize {
        Arc::strong_count(&self.incomplete) - 1
    }

    /// The number of all open connections.
    fn open(&self) -> usize {
        self.incomplete() + Arc::strong_count(&self.idle) - 1
    }
}

/// Holds the connection until the server closes it.
async fn hold(mut stream: TcpStream, kind: Kind) {
    if stream.write_all(&kind.first_bytes()).await.is_err() {
        return;
    }
    let (mut reader, mut writer) = stream.split();
    let trickle = async {
        while kind == Kind::TricklingHead && writer.write_all(b"x").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut buffer = [0; 64];
    let closed = async { while matches!(reader.read(&mut buffer).await, Ok(1..)) {} };
    tokio::select! {
        () = closed => {}
        () = trickle => {}
    }
}

struct Target {
    name: &'static str,
    address: SocketAddr,
    connections: usize,
    victim: Victim,
}

impl Target {
    fn scenario(&self) -> String {
        format!("silent connections to {}", self.name)
    }
}

async fn targets(cluster: &Cluster, connections: usize) -> [Target; 3] {
    let (gateway, events) = (&cluster.gateways[0], &cluster.events[0]);
    let target = |name, address, share, victim| Target {
        name,
        address,
        connections: connections * share / ALL,
        victim,
    };
    let service = Victim::getting(events.address(), "/health", 10);
    let metrics = Victim::getting(events.metrics_address(), "/metrics", 5);
    [
        target("the gateway", gateway.address(), TO_THE_GATEWAY, Victim::member(cluster, 20).await),
        target("events-service", events.address(), TO_A_SERVICE, service),
        target("a metrics port", events.metrics_address(), TO_METRICS, metrics),
    ]
}

async fn run(targets: &[Target; 3], duration: Duration) -> [Figures; 3] {
    let [first, second, third] = targets.each_ref().map(|target| target.victim.run(duration));
    join3(first, second, third).await.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_and_incomplete_connections_end_and_lock_nobody_out() {
    let connections = (allow_many_sockets() - OTHER_FILES).min(ALL);
    // The default, which the clusters of the other scenarios raise.
    let limit = [("MAX_CONNECTIONS_PER_ADDRESS", "256")];
    let cluster = Cluster::start(BINARIES, Size { gateways: 1, auth: 1, events: 1 }, &limit).await;
    let targets = targets(&cluster, connections).await;
    let alone = run(&targets, ALONE).await;
    for (target, alone) in targets.iter().zip(&alone) {
        Row::of_victim(&target.scenario(), "alone", alone, &cluster).publish();
    }
    let silences: Vec<_> = (1..)
        .zip(&targets)
        .map(|(number, target)| Silence::start(attacker(number), target.address, target.connections))
        .collect();
    let attacked = run(&targets, ATTACKED).await;

    for ((target, silence), attacked) in targets.iter().zip(&silences).zip(&attacked) {
        Row::of_victim(&target.scenario(), "under attack", attacked, &cluster)
            .note("connections", target.connections)
            .note("open in the end", silence.open())
            .note("incomplete in the end", silence.incomplete())
            .publish();
    }
    attacked.iter().for_each(Figures::assert_no_failures);
    for silence in &silences {
        assert!(silence.open() <= PER_ADDRESS, "one address holds {} connections", silence.open());
        wait_until("incomplete connections end", async || silence.incomplete() == 0).await;
    }
}
