//! The whole system on a database of its own.

use std::net::SocketAddr;

use eventboard_e2e::cluster::free_port;
use eventboard_testing::TestDatabase;
use futures::future::join;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    Anonymous, Proxy,
    process::{AUTH, EVENTS, GATEWAY, Process, Variables},
    until,
};

/// Three processes and a database.
pub(crate) struct Stack {
    pub(crate) database: TestDatabase,
    pub(crate) gateway: Process,
    pub(crate) auth: Process,
    pub(crate) events: Process,
    /// What each process was told besides where things are.
    variables: Variables,
    _place: SemaphorePermit<'static>,
}

/// Stacks at once, however many tests run: their connections share one PostgreSQL.
static PLACES: Semaphore = Semaphore::const_new(8);

/// Rate limits out of the way, and no more connections than the tests make use of at once.
const DEFAULTS: [(&str, &str); 2] = [("RATE_LIMIT_ENABLED", "false"), ("DATABASE_MAX_CONNECTIONS", "6")];

impl Stack {
    /// A system in which rate limits are out of the way.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// A system whose processes also get these variables.
    pub(crate) async fn start_with(variables: &[(&'static str, &str)]) -> Self {
        let stack = Self::launch(TestDatabase::create().await, variables).await;
        stack.until_healthy().await;
        stack
    }

    /// A system whose processes serve their metrics.
    pub(crate) async fn start_with_metrics(variables: &[(&'static str, &str)]) -> Self {
        let variables: Vec<_> = variables.iter().copied().chain([("METRICS_PORT", FREE)]).collect();
        Self::start_with(&variables).await
    }

    /// A system whose gateway reaches the services through proxies: to auth-service, to events-service.
    pub(crate) async fn start_behind_proxies() -> (Self, Proxy, Proxy) {
        let mut stack = Self::start().await;
        let (auth, events) = (Proxy::to(stack.auth.address).await, Proxy::to(stack.events.address).await);
        stack.gateway = start_gateway(auth.address, events.address, &stack.variables).await;
        stack.until_healthy().await;
        (stack, auth, events)
    }

    /// The processes, whether or not they find their database.
    pub(crate) async fn launch(database: TestDatabase, variables: &[(&'static str, &str)]) -> Self {
        let place = PLACES.acquire().await.unwrap();
        let told = DEFAULTS.iter().chain(variables).map(|(name, value)| (*name, (*value).to_owned()));
        let told: Variables = told.collect();
        let (auth, events) = join(
            start_backend(AUTH, ("AUTH_SERVICE_PORT", 0), &database, &told),
            start_backend(EVENTS, ("EVENTS_SERVICE_PORT", 0), &database, &told),
        )
        .await;
        let gateway = start_gateway(auth.address, events.address, &told).await;
        Self { database, gateway, auth, events, variables: told, _place: place }
    }

    /// A client without a token.
    pub(crate) fn anonymous(&self) -> Anonymous {
        Anonymous::new(&self.gateway)
    }

    /// Kills events-service and starts it again on the port that it had.
    pub(crate) async fn restart_events(&mut self) {
        self.events.kill();
        let port = ("EVENTS_SERVICE_PORT", self.events.address.port());
        self.events = start_backend(EVENTS, port, &self.database, &self.variables).await;
        until_ready(&self.events).await;
        self.until_healthy().await;
    }

    /// The same for auth-service.
    pub(crate) async fn restart_auth(&mut self) {
        self.auth.kill();
        let port = ("AUTH_SERVICE_PORT", self.auth.address.port());
        self.auth = start_backend(AUTH, port, &self.database, &self.variables).await;
        until_ready(&self.auth).await;
        self.until_healthy().await;
    }

    pub(crate) async fn until_healthy(&self) {
        let anonymous = self.anonymous();
        until("the stack is healthy", async || anonymous.get("/health").await.status == 200).await;
    }

    pub(crate) async fn until_unhealthy(&self) {
        let anonymous = self.anonymous();
        until("the stack is unhealthy", async || anonymous.get("/health").await.status == 503).await;
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
    told: &Variables,
) -> Process {
    let mut variables = vec![("DATABASE_URL", database.url().to_owned()), (port.0, port.1.to_string())];
    variables.extend(told.iter().map(with_own_port));
    Process::start(binary, &variables).await
}

async fn start_gateway(auth: SocketAddr, events: SocketAddr, told: &Variables) -> Process {
    let mut variables = vec![
        ("GATEWAY_PORT", "0".to_owned()),
        ("AUTH_SERVICE_HOST", auth.to_string()),
        ("EVENTS_SERVICE_HOST", events.to_string()),
    ];
    variables.extend(told.iter().map(with_own_port));
    Process::start(GATEWAY, &variables).await
}

/// Stands for a port of each process's own that nobody uses.
const FREE: &str = "free";

fn with_own_port((name, value): &(&'static str, String)) -> (&'static str, String) {
    (*name, if value == FREE { free_port().to_string() } else { value.clone() })
}

/// The gateway may not have noticed that a service was away, so its word is not enough.
async fn until_ready(service: &Process) {
    let client = Anonymous::new(service);
    until("the service is ready", async || client.get("/health/ready").await.status == 200).await;
}
