//! One address guesses passwords and signs up accounts. Both hash passwords, which is expensive.

use std::time::Duration;

use serde_json::json;

use super::measure_alone;
use crate::harness::{Answers, Attack, BINARIES, Cluster, Row, Size, Victim, attacker, flood, post_request};

const SIZE: Size = Size { gateways: 1, auth: 1, events: 1 };
const ATTACKED: Duration = Duration::from_secs(6);

/// More than may wait for password hashing.
const CONNECTIONS: u8 = 200;

/// The default of `RATE_LIMIT_IP_MAX`.
const PER_ADDRESS: usize = 100;

/// A login with a wrong password.
fn guess(number: u8, token: &str) -> String {
    let body = json!({ "email": format!("somebody{number}@example.org"), "password": "Password124!" });
    post_request("/auth/login", token, &body.to_string())
}

fn sign_up(number: u8, token: &str) -> String {
    let body = json!({
        "email": format!("account{number}@example.org"),
        "password": "Password123!",
        "firstName": "Account",
        "lastName": "of an attacker",
        "organizationName": format!("Organization {number}"),
    });
    post_request("/auth/signup", token, &body.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_logins_of_one_address_leave_room_for_those_of_others() {
    let scenario = "200 parallel logins of one address";
    let cluster = Cluster::start(BINARIES, SIZE, &[]).await;
    let gateway = &cluster.gateways[0];
    let attackers_token = gateway.client().sign_up_admin().await.token;
    let (victim, answers) = (Victim::login(&cluster, 4).await, Answers::default());
    measure_alone(scenario, &victim, &cluster).await;
    let mut attack = Attack::new();
    for number in 0..CONNECTIONS {
        let token = if number % 2 == 0 { "" } else { &attackers_token };
        let request = guess(number, token).into();
        attack.spawn(flood(attacker(1), gateway.address(), request, answers.clone()));
    }
    let attacked = victim.run(ATTACKED).await;
    drop(attack);

    Row::of_victim(scenario, "under attack", &attacked, &cluster)
        .note("answers to the attackers:", &answers)
        .publish();
    attacked.assert_no_failures();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valid_token_buys_no_further_logins_and_signups() {
    let scenario = "logins and signups with a token";
    let cluster = Cluster::start(BINARIES, SIZE, &[("RATE_LIMIT_ENABLED", "true")]).await;
    let gateway = &cluster.gateways[0];
    let token = gateway.client().sign_up_admin().await.token;
    let victim = Victim::login(&cluster, 4).await;
    measure_alone(scenario, &victim, &cluster).await;
    let (guesses, signups, mut attack) = (Answers::default(), Answers::default(), Attack::new());
    for number in 0..CONNECTIONS {
        let request = guess(number, &token).into();
        attack.spawn(flood(attacker(1), gateway.address(), request, guesses.clone()));
        let request = sign_up(number, &token).into();
        attack.spawn(flood(attacker(2), gateway.address(), request, signups.clone()));
    }
    let attacked = victim.run(ATTACKED).await;
    drop(attack);

    Row::of_victim(scenario, "under attack", &attacked, &cluster)
        .note("answers to logins:", &guesses)
        .note("to signups:", &signups)
        .publish();
    attacked.assert_no_failures();
    for answers in [guesses, signups] {
        let admitted = answers.other_than(&["429", "no connection"]);
        assert!(admitted <= PER_ADDRESS, "{admitted} requests of one address were admitted");
    }
}
