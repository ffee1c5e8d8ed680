//! One organization at full load, and another that sends five requests per second.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use eventboard_e2e::{Actor, database::execute, event_body};
use serde_json::json;

use crate::harness::{
    Answers, Attack, BINARIES, Cluster, Figures, Row, Size, Victim, attacker, flood, get_request,
    post_request,
};

const SIZE: Size = Size { gateways: 1, auth: 1, events: 1 };
const PER_SECOND: u32 = 5;

/// Whether the services are fast enough that their cores are not the limit.
const IS_OPTIMIZED: bool = !cfg!(debug_assertions);

/// An optimized build is measured with one hundred requests.
const ALONE: Duration = Duration::from_secs(if IS_OPTIMIZED { 20 } else { 4 });

/// A load alone is measured with too few requests for a percentile, so the percentile of all of them counts: three
/// slow requests under any load exceed it.
const PER_LOAD: Duration = Duration::from_secs(if IS_OPTIMIZED { 7 } else { 4 });

/// More than the system serves at the same time.
const CONNECTIONS: usize = 64;
const CONNECTIONS_EACH: usize = 32;

/// So many that none of them is throttled: of the logins of one user from one address, ten can be in progress.
const MEMBERS: usize = 8;

/// The quiet organization's p99 under load, as a multiple of its p99 alone. The aim is 3. On two cores that PostgreSQL and
/// the clients use too, 3 to 6 were measured; without the shares of each organization, it is more than 20.
const ALLOWED_RATIO: u32 = 10;

/// A p99 below this is the scheduling of a machine that the system shares with its clients.
const NOISE: Duration = Duration::from_millis(10);

const EVENTS: &str = r#"
    insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate",
        "createdAt", "updatedAt")
    select gen_random_uuid(), "organizationId", id, 'Event ' || n, 'A workshop in the city, number ' || n, now(),
        now() + interval '1 hour', now(), now()
    from "User", generate_series(1, 5000) n where id = $1
"#;

/// What the busy organization does.
#[derive(Debug, Clone, Copy)]
enum Load {
    List,
    Search,
    Create,
    Login,
    WrongToken,
}

const LOADS: [Load; 5] = [Load::List, Load::Search, Load::Create, Load::Login, Load::WrongToken];

impl Load {
    fn request(self, member: &Actor) -> Arc<str> {
        let token = &member.token;
        let request = match self {
            Self::List => get_request("/events?limit=100", token),
            Self::Search => get_request("/events?search=workshop", token),
            Self::Create => post_request("/events", token, &event_body("One of many").to_string()),
            Self::Login => {
                let body = json!({ "email": member.user["email"], "password": "Password123!" });
                post_request("/auth/login", "", &body.to_string())
            }
            Self::WrongToken => get_request("/events", &token[..token.len() - 1]),
        };
        request.into()
    }

    /// An address for each load, because an organization has several, and one may not hold all the connections.
    fn attack(
        self,
        attack: &mut Attack,
        connections: usize,
        cluster: &Cluster,
        members: &[Actor],
        answers: &Answers,
    ) {
        let (from, to) = (attacker(1 + self as u8), cluster.gateways[0].address());
        for member in members.iter().cycle().take(connections) {
            attack.spawn(flood(from, to, self.request(member), answers.clone()));
        }
    }
}

/// Measures the victim under these loads at the same time.
async fn measure(
    cluster: &Cluster,
    members: &[Actor],
    victim: &Victim,
    loads: &[Load],
    scenario: &str,
) -> Figures {
    let (mut attack, answers, began) = (Attack::new(), Answers::default(), Instant::now());
    let connections = if loads.len() == 1 { CONNECTIONS } else { CONNECTIONS_EACH };
    for load in loads {
        load.attack(&mut attack, connections, cluster, members, &answers);
    }
    let figures = victim.run(PER_LOAD).await;
    drop(attack);
    Row::of_victim(scenario, "under load", &figures, cluster)
        .note(
            "answers per second to the busy one",
            answers.other_than(&[]) as u64 / began.elapsed().as_secs(),
        )
        .note("of which", &answers)
        .publish();
    figures
}

#[tokio::test(flavor = "multi_thread")]
async fn the_load_of_one_organization_does_not_slow_down_another() {
    let cluster = Cluster::start(BINARIES, SIZE, &[]).await;
    let admin = cluster.gateways[0].client().sign_up_admin().await;
    execute(&cluster.database, EVENTS, admin.id()).await;
    let mut members = vec![admin];
    while members.len() < MEMBERS {
        members.push(members[0].add_colleague(&cluster, "ADMIN").await);
    }
    let victim = Victim::member(&cluster, PER_SECOND).await;
    // Opens connections and fills caches.
    victim.run(Duration::from_secs(1)).await;
    let alone = victim.run(ALONE).await;
    Row::of_victim("busy organization", "alone", &alone, &cluster).publish();
    let mut loaded = Vec::new();
    for load in LOADS {
        let scenario = format!("busy organization: {load:?}");
        loaded.push(measure(&cluster, &members, &victim, &[load], &scenario).await);
    }
    loaded.push(measure(&cluster, &members, &victim, &LOADS, "busy organization: all loads").await);

    let loaded = Figures::merge(&loaded);
    let (before, during) = (alone.percentile(0.99), loaded.percentile(0.99));
    let ratio = during.as_secs_f64() / before.max(NOISE).as_secs_f64();
    Row::of_victim("busy organization: every load", "under load", &loaded, &cluster)
        .note("ratio of p99", format!("{ratio:.1}"))
        .publish();
    loaded.assert_no_failures();
    // Unoptimized services share the cores with their clients, and each request of anybody takes a whole one for long.
    assert!(
        !IS_OPTIMIZED || during <= before.max(NOISE) * ALLOWED_RATIO,
        "p99 {during:?} instead of {before:?}"
    );
}
