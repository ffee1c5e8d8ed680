//! Runs the services and the programs of the bare system as processes.

use std::{
    fs::File,
    net::SocketAddr,
    process::Stdio,
    time::{Duration, Instant},
};

use eventboard_e2e::cluster::free_port;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::sleep,
};

use crate::{bare, client::Connection, cluster::Database, seed::Organization, usage::MonitoredProcesses};

/// The pause between two checks of whether a process has started.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// The condition that shows that a process has started.
#[derive(Clone, Copy)]
enum StartCheck {
    Listens,
    /// A GET request for this path returns 200.
    Returns200(&'static str),
}

const IS_READY: StartCheck = StartCheck::Returns200("/health/ready");

/// The environment variables of a process.
pub(crate) type Variables = [(&'static str, String)];

/// A process. It is killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The time from the start of the process until it was ready.
    pub(crate) took: Duration,
}

/// The three services.
pub(crate) struct System {
    pub(crate) auth: Process,
    pub(crate) events: Process,
    pub(crate) gateway: Process,
}

/// The bare gateway and service.
pub(crate) struct Bare {
    service: Process,
    gateway: Process,
}

impl Process {
    async fn start(mut command: Command, address: SocketAddr, check: StartCheck) -> Self {
        let began = Instant::now();
        let mut child = command.stdin(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        while !is_fulfilled(check, address).await {
            assert!(child.try_wait().unwrap().is_none(), "a process ended during its start: {command:?}");
            assert!(began.elapsed() < Duration::from_secs(60), "a process does not start: {command:?}");
            sleep(POLL_INTERVAL).await;
        }
        Self { child, address, took: began.elapsed() }
    }

    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }
}

async fn is_fulfilled(check: StartCheck, address: SocketAddr) -> bool {
    match check {
        StartCheck::Listens => TcpStream::connect(address).await.is_ok(),
        StartCheck::Returns200(path) => {
            let Ok(mut connection) = Connection::open(address).await else { return false };
            let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n");
            connection.exchange(request.as_bytes()).await.is_ok_and(|status| status == 200)
        }
    }
}

fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// Starts a service with the default settings, but without rate limits.
async fn start_service(
    binary: &str,
    port: &str,
    variables: &Variables,
    database: &Database,
    check: StartCheck,
) -> Process {
    let (address, metrics) = (free_address(), free_address().port().to_string());
    let log = File::create(database.folder.join(format!("{port}-{}.log", address.port()))).unwrap();
    let mut command = Command::new(binary);
    command.env_clear().stdout(log);
    command.env("HOST", "127.0.0.1").env(port, address.port().to_string()).env("METRICS_PORT", metrics);
    command.env("LOG_FORMAT", "json").env("RATE_LIMIT_ENABLED", "false");
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    Process::start(command, address, check).await
}

pub(crate) async fn start_auth(database: &Database, extra: &Variables) -> Process {
    let variables = [&[("DATABASE_URL", database.url.clone())], extra].concat();
    start_service(env!("CARGO_BIN_EXE_e2e-auth-service"), "AUTH_SERVICE_PORT", &variables, database, IS_READY)
        .await
}

pub(crate) async fn start_events(database: &Database, extra: &Variables) -> Process {
    let variables = [&[("DATABASE_URL", database.url.clone())], extra].concat();
    start_service(
        env!("CARGO_BIN_EXE_e2e-events-service"),
        "EVENTS_SERVICE_PORT",
        &variables,
        database,
        IS_READY,
    )
    .await
}

/// Starts a gateway. The gateway becomes ready even without the services. `until_healthy` waits for the services as
/// well.
pub(crate) async fn start_gateway(
    database: &Database,
    [auth, events]: [SocketAddr; 2],
    until_healthy: bool,
    extra: &Variables,
) -> Process {
    let hosts = [("AUTH_SERVICE_HOST", auth.to_string()), ("EVENTS_SERVICE_HOST", events.to_string())];
    let variables = [&hosts, extra].concat();
    let check = if until_healthy { StartCheck::Returns200("/health") } else { IS_READY };
    start_service(env!("CARGO_BIN_EXE_e2e-api-gateway"), "GATEWAY_PORT", &variables, database, check).await
}

impl System {
    /// Starts the services with these additional variables.
    pub(crate) async fn start(database: &Database, extra: &Variables) -> Self {
        let (auth, events) = (start_auth(database, extra).await, start_events(database, extra).await);
        let gateway = start_gateway(database, [auth.address, events.address], true, extra).await;
        Self { auth, events, gateway }
    }

    pub(crate) fn monitored(&self, database: &Database) -> MonitoredProcesses {
        let Self { auth, events, gateway } = self;
        let servers = vec![("gateway", gateway.pid()), ("auth", auth.pid()), ("events", events.pid())];
        MonitoredProcesses { servers, postgres: database.pid }
    }
}

/// Starts a trace collector that discards all spans.
pub(crate) async fn start_collector() -> Process {
    let mut command = this_program();
    let address = free_address();
    command.args(["collector", &address.to_string()]);
    Process::start(command, address, StartCheck::Listens).await
}

fn this_program() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env_clear();
    command
}

impl Bare {
    /// Starts the bare system with a database, or with constant responses.
    pub(crate) async fn start(database: Option<&Database>, organization: &Organization) -> Self {
        let mut command = this_program();
        let service = free_address();
        command.args(["bare-service", &service.to_string()]);
        command.args([organization.id.to_string(), organization.admin.to_string()]);
        command.envs(database.map(|database| (bare::DATABASE_URL, &database.url)));
        let service = Process::start(command, service, StartCheck::Listens).await;

        let mut command = this_program();
        let gateway = free_address();
        command.args(["bare-gateway", &gateway.to_string(), &service.address.to_string()]);
        let gateway = Process::start(command, gateway, StartCheck::Listens).await;
        Self { service, gateway }
    }

    /// The address of the gateway and the processes. The bare service is reported as `events`.
    pub(crate) fn under_test(&self, database: &Database) -> (SocketAddr, MonitoredProcesses) {
        let servers = vec![("gateway", self.gateway.pid()), ("events", self.service.pid())];
        (self.gateway.address, MonitoredProcesses { servers, postgres: database.pid })
    }
}
