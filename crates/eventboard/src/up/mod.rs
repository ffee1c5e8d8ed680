//! `eventboard up`: runs PostgreSQL and the four services in one process until it is stopped.

mod banner;
mod ports;
mod settings;
mod signals;
mod stack;

use std::{convert::Infallible, fs::File, net::SocketAddr, process::ExitCode};

use eventboard_chassis::{
    config::AppEnv,
    metrics_endpoint::{self, MetricsConfig},
    server,
    shutdown::Drain,
    telemetry,
};
use eventboard_db::DatabaseConfig;
use private_postgres::Cluster;
use sqlx::{Connection, PgConnection};

use self::{
    banner::Banner,
    ports::Ports,
    settings::{Services, Settings},
    signals::Signals,
    stack::Stack,
};
use crate::{
    database::Home,
    output, progress,
    seed::{self, SeedError},
};

/// The exit code that shells report for a process ended by SIGINT.
const INTERRUPTED: u8 = 130;

/// The running parts, in the order in which they are stopped.
#[derive(Default)]
struct Running {
    stack: Stack,
    cluster: Option<Cluster>,
    /// Prevents a second `eventboard up` in the same folder.
    lock: Option<File>,
}

/// Starts all parts, serves until a signal or a failure, and stops the parts in order. A second signal exits
/// immediately.
pub(crate) async fn up() -> anyhow::Result<ExitCode> {
    let (telemetry, settings) = Settings::read()?;
    let drain = Drain::of(&settings.services.gateway.listen);
    // This guard is dropped last, so that the last log lines are written.
    let _telemetry = telemetry::init("eventboard", telemetry)?;
    let mut signals = Signals::listen()?;
    let mut running = Running::default();
    let outcome = tokio::select! {
        name = signals.next() => {
            progress::report(&format!("{name}: stopping; send it again to exit immediately"));
            Ok(())
        }
        Err(error) = serve(settings, &mut running) => Err(error),
    };
    tokio::select! {
        stopped = running.stop(drain) => outcome.and(stopped).map(|()| ExitCode::SUCCESS),
        _ = signals.next() => Ok(ExitCode::from(INTERRUPTED)),
    }
}

/// Starts the parts one after the other. Returns only when a part fails.
async fn serve(settings: Settings, running: &mut Running) -> anyhow::Result<Infallible> {
    if settings.uses_private_cluster {
        running.lock = Some(settings.home.lock()?);
    }
    // PostgreSQL takes seconds to start. The ports are bound before that, so that a port in use is reported
    // immediately.
    let ports = Ports::bind(&settings.services).await?;
    let metrics = serve_metrics(settings.metrics, &running.stack).await?;
    let private_url = match settings.uses_private_cluster {
        true => Some(start_cluster(&settings.home, running).await?),
        false => None,
    };
    let addresses = ports.addresses()?;
    let services = Services::with_addresses(private_url.as_deref(), addresses)?;
    let wants_demo_data = settings.app_env != AppEnv::Production;
    let has_demo_data = prepare_database(&services.events.database, wants_demo_data).await?;

    progress::report("Starting the services");
    running.stack.start(services, ports, addresses).await?;
    let mail_folder = settings.mail_folder;
    let banner = Banner { addresses, metrics, private_url, mail_folder, has_demo_data };
    if let Err(error) = output::print(&banner.to_string()) {
        progress::report(&format!("EventBoard is ready, but {error:#}"));
    }
    Err(running.stack.wait_for_failure().await)
}

/// Starts the metrics endpoint. Returns its address, or `None` if metrics are not served.
async fn serve_metrics(config: MetricsConfig, stack: &Stack) -> anyhow::Result<Option<SocketAddr>> {
    let address = (config.port != 0).then(|| server::connectable(SocketAddr::new(config.host, config.port)));
    let result = metrics_endpoint::serve(config, stack.backends_shutdown()).await;
    result.map_err(|error| ports::with_port_hint(&error, "METRICS_PORT"))?;
    Ok(address)
}

async fn start_cluster(home: &Home, running: &mut Running) -> anyhow::Result<String> {
    let (cluster, url) = home.start_cluster().await?;
    running.cluster = Some(cluster);
    Ok(url)
}

/// Migrates the database. Returns whether it contains the demo data.
async fn prepare_database(config: &DatabaseConfig, with_demo_data: bool) -> anyhow::Result<bool> {
    let options = config.direct().clone().application_name("eventboard");
    // Connects first, because the error of `connect` contains the address of an unreachable database.
    let mut connection = eventboard_db::connect(&options).await?;
    progress::report("Bringing the database schema up to date");
    eventboard_db::migrate(config, &progress::report).await?;
    let has_demo_data = with_demo_data && seed_unless_refused(&mut connection).await?;
    connection.close().await?;
    Ok(has_demo_data)
}

/// Returns whether the demo data exists. That somebody else uses its names is no reason not to start.
async fn seed_unless_refused(connection: &mut PgConnection) -> anyhow::Result<bool> {
    match seed::seed(connection, seed::DeletedEvents::Skip).await {
        Ok(outcome) => progress::report(&outcome.to_string()),
        Err(SeedError::Refused(refusal)) => {
            progress::report(&format!("No demo data: {refusal}"));
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(true)
}

impl Running {
    /// Stops the gateway, then the services that it calls, and then PostgreSQL.
    async fn stop(self, drain: Drain) -> anyhow::Result<()> {
        let drained = self.stack.drain(drain).await;
        if let Some(cluster) = self.cluster {
            progress::report("Stopping PostgreSQL");
            cluster.stop().await?;
        }
        // From here on, another `eventboard up` may start in the same folder.
        drop(self.lock);
        drained
    }
}
