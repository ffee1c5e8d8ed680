//! The attacks: what one client can do to all the others. One file for each kind of attack.
//!
//! Each scenario measures a victim alone and under attack. The attackers use only what any client of the API, or any
//! process in the network of the services, can use.

mod amplification;
mod busy_organization;
mod incomplete_requests;
mod parallel_logins;
mod poisoned_headers;
mod slow_bodies;
mod unread_responses;

use std::time::Duration;

use crate::harness::{Cluster, Row, Victim};

/// How long the victim is measured before the attack.
const ALONE: Duration = Duration::from_secs(2);

/// Measures the victim before the attack.
async fn measure_alone(scenario: &str, victim: &Victim, cluster: &Cluster) {
    let alone = victim.run(ALONE).await;
    Row::of_victim(scenario, "alone", &alone, cluster).publish();
}
