//! Starts the whole system with a separate database.

use std::net::SocketAddr;

use eventboard_e2e::cluster::free_port;
use eventboard_testing::TestDatabase;
use futures::future::join;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    Anonymous, Proxy,
    process::{AUTH, EVENTS, GATEWAY, NOTIFICATION, Process, Variables},
    wait_until,
};

/// Three processes and a database.
pub(crate) struct Stack {
    pub(crate) database: TestDatabase,
    pub(crate) gateway: Process,
    pub(crate) auth: Process,
    pub(crate) events: Process,
    /// The additional variables of each process.
    variables: Variables,
    _permit: SemaphorePermit<'static>,
}

/// The maximum number of concurrent stacks. It is limited, because all stacks use connections to the same PostgreSQL.
static PERMITS: Semaphore = Semaphore::const_new(8);

/// The stacks have no rate limits, and only as many connections as the tests need at the same time.
const DEFAULTS: [(&str, &str); 2] = [("RATE_LIMIT_ENABLED", "false"), ("DATABASE_MAX_CONNECTIONS", "6")];

impl Stack {
    /// Starts a system without rate limits.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a system whose processes also get these variables.
    pub(crate) async fn start_with(variables: &[(&'static str, &str)]) -> Self {
        let stack = Self::launch(TestDatabase::create().await, variables).await;
        stack.wait_until_healthy().await;
        stack
    }

    /// Starts a system whose processes serve metrics.
    pub(crate) async fn start_with_metrics(variables: &[(&'static str, &str)]) -> Self {
        let variables: Vec<_> = variables.iter().copied().chain([("METRICS_PORT", FREE_PORT)]).collect();
        Self::start_with(&variables).await
    }

    /// Starts a system whose gateway uses a proxy to auth-service and a proxy to events-service.
    pub(crate) async fn start_behind_proxies() -> (Self, Proxy, Proxy) {
        let mut stack = Self::start().await;
        let auth = Proxy::start(stack.auth.address).await;
        let events = Proxy::start(stack.events.address).await;
        stack.gateway = start_gateway(auth.address, events.address, &stack.variables).await;
        stack.wait_until_healthy().await;
        (stack, auth, events)
    }

    /// Starts the processes without waiting until they are healthy, so the database may be unavailable.
    pub(crate) async fn launch(database: TestDatabase, variables: &[(&'static str, &str)]) -> Self {
        let permit = PERMITS.acquire().await.unwrap();
        let variables: Variables =
            DEFAULTS.iter().chain(variables).map(|(name, value)| (*name, (*value).to_owned())).collect();
        let (auth, events) = join(
            start_backend(AUTH, ("AUTH_SERVICE_PORT", 0), &database, &variables),
            start_backend(EVENTS, ("EVENTS_SERVICE_PORT", 0), &database, &variables),
        )
        .await;
        let gateway = start_gateway(auth.address, events.address, &variables).await;
        Self { database, gateway, auth, events, variables, _permit: permit }
    }

    /// A client without a token.
    pub(crate) fn anonymous(&self) -> Anonymous {
        Anonymous::new(&self.gateway)
    }

    /// Starts an additional gateway. It does not have to reach the services.
    pub(crate) async fn start_another_gateway(&self) -> Process {
        start_gateway(self.auth.address, self.events.address, &self.variables).await
    }

    /// Starts an additional gateway that uses another auth-service.
    pub(crate) async fn start_gateway_with_auth(&self, auth: SocketAddr) -> Process {
        start_gateway(auth, self.events.address, &self.variables).await
    }

    /// Starts notification-service without a server, and waits until it is ready.
    pub(crate) async fn start_notification(&self) -> Process {
        let port = ("NOTIFICATION_SERVICE_PORT", 0);
        let service = start_backend(NOTIFICATION, port, &self.database, &self.variables).await;
        wait_until_ready(&service).await;
        service
    }

    /// Kills events-service and starts it again on the same port.
    pub(crate) async fn restart_events(&mut self) {
        self.events.kill();
        let port = ("EVENTS_SERVICE_PORT", self.events.address.port());
        self.events = start_backend(EVENTS, port, &self.database, &self.variables).await;
        wait_until_ready(&self.events).await;
        self.wait_until_healthy().await;
    }

    /// Kills auth-service and starts it again on the same port.
    pub(crate) async fn restart_auth(&mut self) {
        self.auth.kill();
        let port = ("AUTH_SERVICE_PORT", self.auth.address.port());
        self.auth = start_backend(AUTH, port, &self.database, &self.variables).await;
        wait_until_ready(&self.auth).await;
        self.wait_until_healthy().await;
    }

    pub(crate) async fn wait_until_healthy(&self) {
        let anonymous = self.anonymous();
        wait_until("the stack is healthy", async || anonymous.get("/health").await.status == 200).await;
    }

    pub(crate) async fn wait_until_unhealthy(&self) {
        let anonymous = self.anonymous();
        wait_until("the stack is unhealthy", async || anonymous.get("/health").await.status == 503).await;
    }
}

impl AsRef<TestDatabase> for Stack {
    fn as_ref(&self) -> &TestDatabase {
        &self.database
    }
}

async fn start_backend(
    binary: &str,
    port: (&'static str, u16),
    database: &TestDatabase,
    extra: &Variables,
) -> Process {
    let mut variables =
        vec![("DATABASE_URL", database.service_url().to_owned()), (port.0, port.1.to_string())];
    variables.extend(extra.iter().map(replace_free_port));
    Process::start(binary, &variables).await
}

async fn start_gateway(auth: SocketAddr, events: SocketAddr, extra: &Variables) -> Process {
    let mut variables = vec![
        ("GATEWAY_PORT", "0".to_owned()),
        ("AUTH_SERVICE_HOST", auth.to_string()),
        ("EVENTS_SERVICE_HOST", events.to_string()),
    ];
    variables.extend(extra.iter().map(replace_free_port));
    Process::start(GATEWAY, &variables).await
}

/// A placeholder that is replaced with a different free port for each process.
const FREE_PORT: &str = "free";

fn replace_free_port((name, value): &(&'static str, String)) -> (&'static str, String) {
    (*name, if value == FREE_PORT { free_port().to_string() } else { value.clone() })
}

/// Waits until the service itself is ready. The gateway's health is not sufficient: the gateway may not have noticed
/// that the service was down.
async fn wait_until_ready(service: &Process) {
    let client = Anonymous::new(service);
    wait_until("the service is ready", async || client.get("/health/ready").await.status == 200).await;
}
