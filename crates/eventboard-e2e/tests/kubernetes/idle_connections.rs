//! Sends requests on connections that the ingress controller has kept idle.

use std::{collections::BTreeMap, time::Duration};

use eventboard_e2e::{Actor, Anonymous, event_body};
use futures::future::join_all;
use tokio::time::sleep;

use crate::{
    cluster::{Cluster, HOST},
    report::Report,
};

/// The times after which usual components close idle connections, in seconds.
const IDLE_TIMES: [u64; 9] = [5, 10, 30, 59, 60, 61, 74, 75, 76];

/// The number of connections that the ingress controller has to keep.
const CONNECTIONS: u64 = 60;

/// The requests are sent around each time, because the moment at which a connection is closed is not exact.
const WINDOW: Duration = Duration::from_millis(60);

pub(crate) async fn rows(report: &mut Report, cluster: &Cluster) {
    report.long_row("no POST is lost on a connection that was idle for 5 to 76 s", idle_times(cluster)).await;
}

async fn idle_times(cluster: &Cluster) -> String {
    let actor = Anonymous::behind_proxy(cluster.ingress, HOST).sign_up_admin().await;
    let mut failures = BTreeMap::new();
    for seconds in IDLE_TIMES {
        let failed = send_after(&actor, Duration::from_secs(seconds)).await;
        cluster.add_measured(&format!(
            "| POSTs on connections idle for {seconds} s | {CONNECTIONS} | {failed} | | | {seconds} |"
        ));
        if failed > 0 {
            failures.insert(seconds, failed);
        }
    }
    assert!(failures.is_empty(), "failed POSTs by idle seconds: {failures:?}");
    format!("{} POSTs", CONNECTIONS * IDLE_TIMES.len() as u64)
}

/// Opens connections with requests at the same time, waits, and sends as many POSTs. Returns how many fail.
async fn send_after(actor: &Actor, idle: Duration) -> usize {
    let open = (0..CONNECTIONS).map(|_| actor.get("/events"));
    assert!(join_all(open).await.iter().all(|response| response.status == 200));
    let posts = (0..CONNECTIONS).map(async |number| {
        let offset = WINDOW * u32::try_from(number).unwrap() / u32::try_from(CONNECTIONS).unwrap();
        sleep(idle - WINDOW / 2 + offset).await;
        actor.post("/events", &event_body("On an idle connection")).await.status
    });
    join_all(posts).await.into_iter().filter(|status| *status != 201).count()
}
