//! The victim of an attack: a client that behaves well. It sends requests at a constant rate, from its own address.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use eventboard_e2e::{Actor, event_body, url};
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use tokio::{task::JoinSet, time::interval};

use super::{Cluster, labels::count_by_label};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A request that takes longer has failed. The time is longer than the deadlines of the requests, so that the system
/// can respond with an error.
const TIMEOUT: Duration = Duration::from_secs(6);

/// A client that sends its requests in turn.
pub(crate) struct Victim {
    requests: Vec<RequestBuilder>,
    pace: Duration,
}

/// What a victim experienced.
#[derive(Clone)]
pub(crate) struct Figures {
    samples: Vec<Sample>,
    began: Instant,
    ended: Instant,
}

#[derive(Clone)]
struct Sample {
    ended: Instant,
    took: Duration,
    /// The status, or `timeout` or `transport` if there was no response.
    failure: Option<String>,
}

impl Victim {
    /// A member of an organization of its own, who reads and creates events.
    pub(crate) async fn member(cluster: &Cluster, per_second: u32) -> Self {
        let gateway = cluster.gateways[0].address();
        let Actor { token, .. } = &cluster.gateways[0].client().sign_up_admin().await;
        let post = |title| client().post(url(gateway, "/events")).bearer_auth(token).json(&event_body(title));
        let event = eventboard_e2e::send(post("The first event of the victim")).await.expect(201).id();
        let get = |path: &str| client().get(url(gateway, path)).bearer_auth(token);
        let requests = vec![
            get(&format!("/events/{event}")),
            get("/events?sortBy=createdAt&sortOrder=desc"),
            get("/auth/me"),
            post("Another event of the victim"),
        ];
        Self { requests, pace: Duration::from_secs(1) / per_second }
    }

    /// A user who logs in.
    pub(crate) async fn login(cluster: &Cluster, per_second: u32) -> Self {
        let admin = cluster.gateways[0].client().sign_up_admin().await;
        let body = json!({ "email": admin.user["email"], "password": "Password123!" });
        let request = client().post(url(cluster.gateways[0].address(), "/auth/login")).json(&body);
        Self { requests: vec![request], pace: Duration::from_secs(1) / per_second }
    }

    /// An anonymous client that sends a GET request.
    pub(crate) fn getting(address: SocketAddr, path: &str, per_second: u32) -> Self {
        Self { requests: vec![client().get(url(address, path))], pace: Duration::from_secs(1) / per_second }
    }

    /// Sends requests for this time. A request is sent when its time has come, even if there are no responses to
    /// earlier ones, and its duration counts from that time.
    pub(crate) async fn run(&self, duration: Duration) -> Figures {
        let (began, mut ticks, mut samples) = (Instant::now(), interval(self.pace), JoinSet::new());
        for request in self.requests.iter().cycle() {
            let due = ticks.tick().await.into_std();
            if began.elapsed() >= duration {
                break;
            }
            samples.spawn(measure(due, request.try_clone().unwrap()));
        }
        let ended = Instant::now();
        Figures { samples: samples.join_all().await, began, ended }
    }
}

/// A client that uses a new connection for every request, because an attack can lock out new connections only.
fn client() -> Client {
    let client = Client::builder().local_address(Some(ADDRESS.into())).pool_max_idle_per_host(0);
    client.timeout(TIMEOUT).no_proxy().build().unwrap()
}

async fn measure(due: Instant, request: RequestBuilder) -> Sample {
    let exchange = async {
        let response = request.send().await?;
        let status = response.status();
        response.bytes().await.map(|_| status)
    };
    let failure = match exchange.await {
        Ok(status) if status.is_success() => None,
        Ok(status) => Some(status.as_u16().to_string()),
        Err(error) if error.is_timeout() => Some("timeout".to_owned()),
        Err(_) => Some("transport".to_owned()),
    };
    Sample { ended: Instant::now(), took: due.elapsed(), failure }
}

impl Figures {
    /// The figures of several runs together.
    pub(crate) fn merge(runs: &[Self]) -> Self {
        let (first, last) = (runs.first().unwrap(), runs.last().unwrap());
        let samples = runs.iter().flat_map(|run| run.samples.iter().cloned());
        Self { samples: samples.collect(), began: first.began, ended: last.ended }
    }

    /// The number of requests.
    pub(crate) fn requests(&self) -> usize {
        self.samples.len()
    }

    /// What the failed requests ended with.
    pub(crate) fn failures(&self) -> impl Iterator<Item = &str> {
        self.samples.iter().filter_map(|sample| sample.failure.as_deref())
    }

    /// The time within which this share of all requests ended, failed ones included.
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        let mut times: Vec<_> = self.samples.iter().map(|sample| sample.took).collect();
        times.sort_unstable();
        let rank = (times.len() as f64 * share).ceil() as usize;
        times[rank.clamp(1, times.len()) - 1]
    }

    /// The longest time without any success.
    pub(crate) fn longest_gap(&self) -> Duration {
        let successes = self.samples.iter().filter(|sample| sample.failure.is_none());
        let mut moments: Vec<_> = successes.map(|sample| sample.ended).collect();
        moments.extend([self.began, self.ended]);
        moments.sort_unstable();
        moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
    }

    /// Asserts that every request was served.
    pub(crate) fn assert_no_failures(&self) {
        let (failed, requests) = (self.failures().count(), self.requests());
        assert_eq!(failed, 0, "of {requests} requests: {}", count_by_label(self.failures()));
    }
}
