//! The system as in production: several replicas of each service, and a dedicated PostgreSQL.

mod ports;
mod replica;

use std::net::SocketAddr;

use eventboard_testing::{TestDatabase, dedicated_cluster};
use futures::future::join_all;

pub use self::{ports::free_port, replica::Replica};
use crate::{load::Load, process::Variables, waiting::wait_until};

/// The paths of the service binaries. Cargo provides them only to test targets, which call `binaries!()`.
#[derive(Clone, Copy)]
pub struct Binaries {
    /// api-gateway.
    pub gateway: &'static str,
    /// auth-service.
    pub auth: &'static str,
    /// events-service.
    pub events: &'static str,
    /// notification-service.
    pub notifications: &'static str,
}

/// The paths of the service binaries that cargo built for this test target.
#[macro_export]
macro_rules! binaries {
    () => {
        $crate::cluster::Binaries {
            gateway: env!("CARGO_BIN_EXE_e2e-api-gateway"),
            auth: env!("CARGO_BIN_EXE_e2e-auth-service"),
            events: env!("CARGO_BIN_EXE_e2e-events-service"),
            notifications: env!("CARGO_BIN_EXE_e2e-notification-service"),
        }
    };
}

/// The number of replicas of each service.
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
    /// One replica of each service, but three of events-service.
    pub const THREE_EVENTS: Self = Self { gateways: 1, auth: 1, events: 3 };
}

/// The whole system. The order of the fields matters, because PostgreSQL must be dropped after all processes that use
/// it.
pub struct Cluster {
    binaries: Binaries,
    /// Replicas of api-gateway.
    pub gateways: Vec<Replica>,
    /// Replicas of auth-service.
    pub auth: Vec<Replica>,
    /// Replicas of events-service.
    pub events: Vec<Replica>,
    /// Replicas of notification-service. There are none until they are started.
    pub notifications: Vec<Replica>,
    /// The shared database.
    pub database: TestDatabase,
    /// The PostgreSQL server with the database.
    pub postgres: private_postgres::Cluster,
}

impl Cluster {
    /// Starts a system and waits until it is healthy. All processes also get the variables in `extra`.
    pub async fn start(binaries: Binaries, size: Size, extra: &[(&'static str, &str)]) -> Self {
        let (postgres, database) = dedicated_cluster().await;
        let auth = backends(binaries.auth, "AUTH_SERVICE_PORT", size.auth, &database, extra).await;
        let events = backends(binaries.events, "EVENTS_SERVICE_PORT", size.events, &database, extra).await;
        let (gateways, notifications) = (Vec::new(), Vec::new());
        let mut cluster = Self { binaries, gateways, auth, events, notifications, database, postgres };
        let hosts = addresses(&cluster.events);
        for _ in 0..size.gateways {
            cluster.gateways.push(cluster.start_gateway(&hosts, extra).await);
        }
        cluster.wait_until_healthy().await;
        cluster
    }

    /// Starts an additional gateway that connects to events-service at these hosts.
    pub async fn start_gateway(&self, events: &str, extra: &[(&'static str, &str)]) -> Replica {
        Replica::start(self.binaries.gateway, &self.gateway_variables(events, extra)).await
    }

    /// Starts this number of additional replicas of notification-service.
    pub async fn start_notifications(&mut self, count: usize, extra: &[(&'static str, &str)]) {
        let binary = self.binaries.notifications;
        let started = backends(binary, "NOTIFICATION_SERVICE_PORT", count, &self.database, extra).await;
        self.notifications.extend(started);
    }

    /// The variables for a gateway that connects to events-service at these hosts.
    pub fn gateway_variables(&self, events: &str, extra: &[(&'static str, &str)]) -> Variables {
        let mut variables = vec![
            ("GATEWAY_PORT", free_port().to_string()),
            ("METRICS_PORT", free_port().to_string()),
            ("AUTH_SERVICE_HOST", addresses(&self.auth)),
            ("EVENTS_SERVICE_HOST", events.to_owned()),
            ("RATE_LIMIT_ENABLED", "false".to_owned()),
            // All clients have the same address.
            ("MAX_CONNECTIONS_PER_ADDRESS", "10000".to_owned()),
        ];
        variables.extend(owned_variables(extra));
        variables
    }

    /// Waits until every gateway reports that the system is healthy.
    pub async fn wait_until_healthy(&self) {
        for gateway in &self.gateways {
            let client = gateway.client();
            wait_until("the system is healthy", async || client.get("/health").await.status == 200).await;
        }
    }

    /// Starts load through all gateways.
    pub async fn start_load(&self) -> Load {
        Load::start(self.gateway_addresses()).await
    }

    /// The addresses of all gateways.
    pub fn gateway_addresses(&self) -> Vec<SocketAddr> {
        self.gateways.iter().map(Replica::address).collect()
    }

    /// All replicas of all services.
    pub fn replicas(&self) -> impl Iterator<Item = &Replica> {
        self.gateways.iter().chain(&self.auth).chain(&self.events).chain(&self.notifications)
    }

    /// The number of retries by all gateways.
    pub fn retries(&self) -> usize {
        self.gateways.iter().map(|gateway| gateway.log_count(r#""message":"Retry: "#)).sum()
    }

    /// The number of times a gateway ejected a replica.
    pub fn ejections(&self) -> usize {
        self.gateways.iter().map(|gateway| gateway.log_count(r#""message":"Ejected"#)).sum()
    }
}

impl AsRef<TestDatabase> for Cluster {
    fn as_ref(&self) -> &TestDatabase {
        &self.database
    }
}

/// The addresses in the format of `*_SERVICE_HOST`.
fn addresses(replicas: &[Replica]) -> String {
    replicas.iter().map(|replica| replica.address().to_string()).collect::<Vec<_>>().join(",")
}

fn owned_variables(variables: &[(&'static str, &str)]) -> Variables {
    variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

async fn backends(
    binary: &'static str,
    port: &'static str,
    count: usize,
    database: &TestDatabase,
    extra: &[(&'static str, &str)],
) -> Vec<Replica> {
    let start = || async {
        let mut variables = backend_variables(port, database);
        variables.extend(owned_variables(extra));
        let replica = Replica::start(binary, &variables).await;
        replica.wait_until_ready().await;
        replica
    };
    join_all(std::iter::repeat_with(start).take(count)).await
}

/// The variables of a backend, with a free port.
pub fn backend_variables(port: &'static str, database: &TestDatabase) -> Variables {
    vec![
        ("DATABASE_URL", database.service_url().to_owned()),
        (port, free_port().to_string()),
        ("METRICS_PORT", free_port().to_string()),
    ]
}
