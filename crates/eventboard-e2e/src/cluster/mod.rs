//! The system as it runs in production: several replicas of each service, on a PostgreSQL of its own.

mod ports;
mod replica;

use std::net::SocketAddr;

use eventboard_testing::{TestDatabase, own_cluster};
use futures::future::join_all;

pub use self::{ports::free_port, replica::Replica};
use crate::{load::Load, process::Variables, waiting::until};

/// The binaries of the services. Cargo tells their paths to test targets only: `binaries!()` there.
#[derive(Clone, Copy)]
pub struct Binaries {
    /// api-gateway.
    pub gateway: &'static str,
    /// auth-service.
    pub auth: &'static str,
    /// events-service.
    pub events: &'static str,
}

/// The binaries of the services, as cargo built them for this test target.
#[macro_export]
macro_rules! binaries {
    () => {
        $crate::cluster::Binaries {
            gateway: env!("CARGO_BIN_EXE_e2e-api-gateway"),
            auth: env!("CARGO_BIN_EXE_e2e-auth-service"),
            events: env!("CARGO_BIN_EXE_e2e-events-service"),
        }
    };
}

/// How many of each.
#[derive(Clone, Copy)]
pub struct Size {
    /// Replicas of api-gateway.
    pub gateways: usize,
    /// Replicas of auth-service.
    pub auth: usize,
    /// Replicas of events-service.
    pub events: usize,
}

impl Size {
    /// The least that survives the loss of any events-service.
    pub const THREE_EVENTS: Self = Self { gateways: 1, auth: 1, events: 3 };
}

/// The whole system. Fields end in this order: PostgreSQL after all that use it.
pub struct Cluster {
    binaries: Binaries,
    /// Replicas of api-gateway.
    pub gateways: Vec<Replica>,
    /// Replicas of auth-service.
    pub auth: Vec<Replica>,
    /// Replicas of events-service.
    pub events: Vec<Replica>,
    /// The database that they share.
    pub database: TestDatabase,
    /// The server that it is on.
    pub postgres: private_postgres::Cluster,
}

impl Cluster {
    /// A healthy system whose processes also get these variables.
    pub async fn start(binaries: Binaries, size: Size, told: &[(&'static str, &str)]) -> Self {
        let (postgres, database) = own_cluster().await;
        let auth = backends(binaries.auth, "AUTH_SERVICE_PORT", size.auth, &database, told).await;
        let events = backends(binaries.events, "EVENTS_SERVICE_PORT", size.events, &database, told).await;
        let mut cluster = Self { binaries, gateways: Vec::new(), auth, events, database, postgres };
        let hosts = addresses(&cluster.events);
        for _ in 0..size.gateways {
            cluster.gateways.push(cluster.gateway_towards(&hosts, told).await);
        }
        cluster.until_healthy().await;
        cluster
    }

    /// One more gateway, which finds events-service there.
    pub async fn gateway_towards(&self, events: &str, told: &[(&'static str, &str)]) -> Replica {
        Replica::start(self.binaries.gateway, &self.variables_of_gateway(events, told)).await
    }

    /// What such a gateway needs to know.
    pub fn variables_of_gateway(&self, events: &str, told: &[(&'static str, &str)]) -> Variables {
        let mut variables = vec![
            ("GATEWAY_PORT", free_port().to_string()),
            ("METRICS_PORT", free_port().to_string()),
            ("AUTH_SERVICE_HOST", addresses(&self.auth)),
            ("EVENTS_SERVICE_HOST", events.to_owned()),
            ("RATE_LIMIT_ENABLED", "false".to_owned()),
        ];
        variables.extend(owned(told));
        variables
    }

    /// Waits until every gateway says that all is well.
    pub async fn until_healthy(&self) {
        for gateway in &self.gateways {
            let client = gateway.client();
            until("the system is healthy", async || client.get("/health").await.status == 200).await;
        }
    }

    /// Load through all gateways.
    pub async fn load(&self) -> Load {
        Load::start(self.gateway_addresses()).await
    }

    /// Where the gateways are.
    pub fn gateway_addresses(&self) -> Vec<SocketAddr> {
        self.gateways.iter().map(Replica::address).collect()
    }

    /// Every process.
    pub fn replicas(&self) -> impl Iterator<Item = &Replica> {
        self.gateways.iter().chain(&self.auth).chain(&self.events)
    }

    /// Attempts that a gateway repeated.
    pub fn retries(&self) -> usize {
        self.gateways.iter().map(|gateway| gateway.logged(r#""message":"Retry: "#)).sum()
    }

    /// How often a gateway took a replica out of rotation.
    pub fn ejections(&self) -> usize {
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
pub fn backend_variables(port: &'static str, database: &TestDatabase) -> Variables {
    vec![
        ("DATABASE_URL", database.url().to_owned()),
        (port, free_port().to_string()),
        ("METRICS_PORT", free_port().to_string()),
    ]
}
