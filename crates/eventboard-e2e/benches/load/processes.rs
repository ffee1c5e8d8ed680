//! The services and the bare programs, as processes of their own.

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

use crate::{bare, client::Connection, cluster::Database, seed::Organization, usage::Watched};

/// How often a starting process is asked.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Ways to know that a process has started.
#[derive(Clone, Copy)]
enum Sign {
    Listens,
    /// This path answers 200.
    Answers(&'static str),
}

const READY: Sign = Sign::Answers("/health/ready");

/// Variables of a process.
pub(crate) type Variables = [(&'static str, String)];

/// A process; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From its start until it was ready.
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
    async fn start(mut command: Command, address: SocketAddr, sign: Sign) -> Self {
        let began = Instant::now();
        let mut child = command.stdin(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        while !is_seen(sign, address).await {
            assert!(child.try_wait().unwrap().is_none(), "a process has ended at its start: {command:?}");
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

async fn is_seen(sign: Sign, address: SocketAddr) -> bool {
    match sign {
        Sign::Listens => TcpStream::connect(address).await.is_ok(),
        Sign::Answers(path) => {
            let Ok(mut connection) = Connection::open(address).await else { return false };
            let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n");
            connection.exchange(request.as_bytes()).await.is_ok_and(|status| status == 200)
        }
    }
}

fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// A service with the settings of an installation, but no rate limits.
async fn start_service(
    binary: &str,
    port: &str,
    variables: &Variables,
    database: &Database,
    sign: Sign,
) -> Process {
    let (address, metrics) = (free_address(), free_address().port().to_string());
    let log = File::create(database.folder.join(format!("{port}-{}.log", address.port()))).unwrap();
    let mut command = Command::new(binary);
    command.env_clear().stdout(log);
    command.env("HOST", "127.0.0.1").env(port, address.port().to_string()).env("METRICS_PORT", metrics);
    command.env("LOG_FORMAT", "json").env("RATE_LIMIT_ENABLED", "false");
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    Process::start(command, address, sign).await
}

pub(crate) async fn start_auth(database: &Database, also: &Variables) -> Process {
    let variables = [&[("DATABASE_URL", database.url.clone())], also].concat();
    start_service(env!("CARGO_BIN_EXE_e2e-auth-service"), "AUTH_SERVICE_PORT", &variables, database, READY)
        .await
}

pub(crate) async fn start_events(database: &Database, also: &Variables) -> Process {
    let variables = [&[("DATABASE_URL", database.url.clone())], also].concat();
    start_service(
        env!("CARGO_BIN_EXE_e2e-events-service"),
        "EVENTS_SERVICE_PORT",
        &variables,
        database,
        READY,
    )
    .await
}

/// The gateway is ready without the services; `whole` waits for them as well.
pub(crate) async fn start_gateway(
    database: &Database,
    [auth, events]: [SocketAddr; 2],
    whole: bool,
    also: &Variables,
) -> Process {
    let hosts = [("AUTH_SERVICE_HOST", auth.to_string()), ("EVENTS_SERVICE_HOST", events.to_string())];
    let variables = [&hosts, also].concat();
    let sign = if whole { Sign::Answers("/health") } else { READY };
    start_service(env!("CARGO_BIN_EXE_e2e-api-gateway"), "GATEWAY_PORT", &variables, database, sign).await
}

impl System {
    /// With these variables besides those of an installation.
    pub(crate) async fn start(database: &Database, also: &Variables) -> Self {
        let (auth, events) = (start_auth(database, also).await, start_events(database, also).await);
        let gateway = start_gateway(database, [auth.address, events.address], true, also).await;
        Self { auth, events, gateway }
    }

    pub(crate) fn watched(&self, database: &Database) -> Watched {
        let Self { auth, events, gateway } = self;
        let servers = vec![("gateway", gateway.pid()), ("auth", auth.pid()), ("events", events.pid())];
        Watched { servers, postgres: database.pid }
    }
}

/// A collector of traces that forgets them.
pub(crate) async fn start_collector() -> Process {
    let mut command = this_program();
    let address = free_address();
    command.args(["collector", &address.to_string()]);
    Process::start(command, address, Sign::Listens).await
}

fn this_program() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env_clear();
    command
}

impl Bare {
    /// With a database, or with answers that are constant.
    pub(crate) async fn start(database: Option<&Database>, organization: &Organization) -> Self {
        let mut command = this_program();
        let service = free_address();
        command.args(["bare-service", &service.to_string()]);
        command.args([organization.id.to_string(), organization.admin.to_string()]);
        command.envs(database.map(|database| (bare::DATABASE_URL, &database.url)));
        let service = Process::start(command, service, Sign::Listens).await;

        let mut command = this_program();
        let gateway = free_address();
        command.args(["bare-gateway", &gateway.to_string(), &service.address.to_string()]);
        let gateway = Process::start(command, gateway, Sign::Listens).await;
        Self { service, gateway }
    }

    /// The service stands where events-service does.
    pub(crate) fn under_test(&self, database: &Database) -> (SocketAddr, Watched) {
        let servers = vec![("gateway", self.gateway.pid()), ("events", self.service.pid())];
        (self.gateway.address, Watched { servers, postgres: database.pid })
    }
}
