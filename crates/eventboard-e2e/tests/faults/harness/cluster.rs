//! Replicas of everything.

use std::net::SocketAddr;

use eventboard_e2e::{load::Load, process::Variables, until};
use eventboard_testing::{TestDatabase, own_cluster};
use futures::future::join_all;

use super::{AUTH, EVENTS, GATEWAY, Replica, free_port};

/// How many of each.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) gateways: usize,
    pub(crate) auth: usize,
    pub(crate) events: usize,
}

impl Size {
    /// The least that survives the loss of any events-service.
    pub(crate) const THREE_EVENTS: Self = Self { gateways: 1, auth: 1, events: 3 };
}

/// The whole system. Fields end in this order: PostgreSQL after all that use it.
pub(crate) struct Cluster {
    pub(crate) gateways: Vec<Replica>,
    pub(crate) auth: Vec<Replica>,
    pub(crate) events: Vec<Replica>,
    pub(crate) database: TestDatabase,
    pub(crate) postgres: private_postgres::Cluster,
}

impl Cluster {
    /// A healthy system whose processes also get these variables.
    pub(crate) async fn start(size: Size, told: &[(&'static str, &str)]) -> Self {
        let (postgres, database) = own_cluster().await;
        let auth = backends(AUTH, "AUTH_SERVICE_PORT", size.auth, &database, told).await;
        let events = backends(EVENTS, "EVENTS_SERVICE_PORT", size.events, &database, told).await;
        let mut cluster = Self { gateways: Vec::new(), auth, events, database, postgres };
        let hosts = addresses(&cluster.events);
        for _ in 0..size.gateways {
            cluster.gateways.push(cluster.gateway_towards(&hosts, told).await);
        }
        cluster.until_healthy().await;
        cluster
    }

    /// One more gateway, which finds events-service there.
    pub(crate) async fn gateway_towards(&self, events: &str, told: &[(&'static str, &str)]) -> Replica {
        Replica::start(GATEWAY, &self.variables_of_gateway(events, told)).await
    }

    pub(crate) fn variables_of_gateway(&self, events: &str, told: &[(&'static str, &str)]) -> Variables {
        let mut variables = vec![
            ("GATEWAY_PORT", free_port().to_string()),
            ("AUTH_SERVICE_HOST", addresses(&self.auth)),
            ("EVENTS_SERVICE_HOST", events.to_owned()),
            ("RATE_LIMIT_ENABLED", "false".to_owned()),
        ];
        variables.extend(owned(told));
        variables
    }

    pub(crate) async fn until_healthy(&self) {
        for gateway in &self.gateways {
            let client = gateway.client();
            until("the system is healthy", async || client.get("/health").await.status == 200).await;
        }
    }

    /// Load through all gateways.
    pub(crate) async fn load(&self) -> Load {
        Load::start(self.gateway_addresses()).await
    }

    pub(crate) fn gateway_addresses(&self) -> Vec<SocketAddr> {
        self.gateways.iter().map(Replica::address).collect()
    }

    /// Every process.
    pub(crate) fn replicas(&self) -> impl Iterator<Item = &Replica> {
        self.gateways.iter().chain(&self.auth).chain(&self.events)
    }

    /// Attempts that a gateway repeated.
    pub(crate) fn retries(&self) -> usize {
        self.gateways.iter().map(|gateway| gateway.logged(r#""message":"Retry: "#)).sum()
    }

    /// How often a gateway took a replica out of rotation.
    pub(crate) fn ejections(&self) -> usize {
        self.gateways.iter().map(|gateway| gateway.logged(r#""message":"Ejected"#)).sum()
    }
}

impl AsRef<TestDatabase> for Cluster {
    fn as_ref(&self) -> &TestDatabase {
        &self.database
    }
}

/// As a `*_SERVICE_HOST` wants it.
fn addresses(replicas: &[Replica]) -> String {
    replicas.iter().map(|replica| replica.address().to_string()).collect::<Vec<_>>().join(",")
}

fn owned(told: &[(&'static str, &str)]) -> Variables {
    told.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

async fn backends(
    binary: &'static str,
    port: &'static str,
    count: usize,
    database: &TestDatabase,
    told: &[(&'static str, &str)],
) -> Vec<Replica> {
    let start = || async {
        let mut variables = backend_variables(port, database);
        variables.extend(owned(told));
        let replica = Replica::start(binary, &variables).await;
        replica.until_ready().await;
        replica
    };
    join_all(std::iter::repeat_with(start).take(count)).await
}

/// What a backend needs to know, on a port of its own.
pub(crate) fn backend_variables(port: &'static str, database: &TestDatabase) -> Variables {
    vec![("DATABASE_URL", database.url().to_owned()), (port, free_port().to_string())]
}
