//! `eventboard up`: PostgreSQL and the three services in one process, until somebody stops it.

mod banner;
mod ports;
mod settings;
mod signals;
mod stack;

use std::{convert::Infallible, fs::File, net::SocketAddr, process::ExitCode, time::Duration};

use eventboard_chassis::{
    config::AppEnv,
    metrics_endpoint::{self, MetricsConfig},
    telemetry,
};
use eventboard_db::DatabaseConfig;
use private_postgres::Cluster;
use sqlx::Connection;

use self::{
    banner::Banner,
    ports::Ports,
    settings::{Services, Settings},
    signals::Signals,
    stack::Stack,
};
use crate::{
    database::{self, Home},
    output, progress, seed,
};

/// As shells count a process that SIGINT ended.
const INTERRUPTED: u8 = 130;

/// What was started, in the order in which it is stopped.
#[derive(Default)]
struct Running {
    stack: Stack,
    cluster: Option<Cluster>,
    /// Keeps a second one from the same folder.
    lock: Option<File>,
}

/// Starts everything, serves until a signal or a failure, and stops everything in order. A second
/// signal ends it at once.
pub(crate) async fn up() -> anyhow::Result<ExitCode> {
    let (telemetry, settings) = Settings::read()?;
    let grace = settings.services.gateway.listen.drain_grace;
    // Kept to the end, so that the last lines are written.
    let _telemetry = telemetry::init("eventboard", telemetry)?;
    let mut signals = Signals::listen()?;
    let mut running = Running::default();
    let outcome = tokio::select! {
        name = signals.next() => {
            progress::tell(&format!("{name}: stopping; once more to end at once"));
            Ok(())
        }
        Err(error) = serve(settings, &mut running) => Err(error),
    };
    tokio::select! {
        stopped = running.stop(grace) => outcome.and(stopped).map(|()| ExitCode::SUCCESS),
        _ = signals.next() => Ok(ExitCode::from(INTERRUPTED)),
    }
}

/// Starts one thing after the other, and ends only by failing.
async fn serve(settings: Settings, running: &mut Running) -> anyhow::Result<Infallible> {
    if settings.uses_private_cluster {
        running.lock = Some(settings.home.occupy()?);
    }
    // Before PostgreSQL, which takes seconds: a port in use is told at once.
    let ports = Ports::bind(&settings.services).await?;
    let metrics = serve_metrics(settings.metrics, &running.stack).await?;
    let private_url = match settings.uses_private_cluster {
        true => Some(start_cluster(&settings.home, running).await?),
        false => None,
    };
    let addresses = ports.addresses()?;
    let services = Services::at(private_url.as_deref(), addresses)?;
    let has_demo_data = settings.app_env != AppEnv::Production;
    prepare(&services.events.database, has_demo_data).await?;

    progress::tell("Starting the services");
    running.stack.start(services, ports, addresses).await?;
    output::print(&Banner { addresses, metrics, private_url, has_demo_data }.to_string())?;
    Err(running.stack.broken().await)
}

/// Where they can be read, unless they are not served.
async fn serve_metrics(config: MetricsConfig, stack: &Stack) -> anyhow::Result<Option<SocketAddr>> {
    let address = (config.port != 0).then(|| ports::reachable(SocketAddr::new(config.host, config.port)));
    let served = metrics_endpoint::serve(config, stack.backends_shutdown()).await;
    served.map_err(|error| ports::choose_another(&error, "METRICS_PORT"))?;
    Ok(address)
}

async fn start_cluster(home: &Home, running: &mut Running) -> anyhow::Result<String> {
    let (cluster, url) = home.start_cluster().await?;
    running.cluster = Some(cluster);
    Ok(url)
}

async fn prepare(config: &DatabaseConfig, with_demo_data: bool) -> anyhow::Result<()> {
    let options = config.direct().clone().application_name("eventboard");
    // First, because its failure says where nobody answered.
    let mut connection = database::connect(&options).await?;
    progress::tell("Bringing the database schema up to date");
    eventboard_db::migrate(&options).await?;
    if with_demo_data {
        let added = seed::seed(&mut connection, seed::Deleted::StaysDeleted).await?;
        progress::tell(&added.to_string());
    }
    connection.close().await?;
    Ok(())
}

impl Running {
    /// The gateway first, then the services it calls, then the database that they use.
    async fn stop(self, grace: Duration) -> anyhow::Result<()> {
        let drained = self.stack.drain(grace).await;
        if let Some(cluster) = self.cluster {
            progress::tell("Stopping PostgreSQL");
            cluster.stop().await?;
        }
        // Only now may another one start from the same folder.
        drop(self.lock);
        drained
    }
}
