//! The commands that perform one task and exit.

pub(crate) mod audit;
pub(crate) mod event;
pub(crate) mod idempotency;
pub(crate) mod organization;
pub(crate) mod outbox;
pub(crate) mod user;

use std::net::SocketAddr;

use anyhow::{bail, ensure};
use eventboard_chassis::{
    config::{self, AppEnv, ListenConfig},
    server::connectable,
};

use crate::{cli::SeedArgs, database, dotenv, http_get, output, seed};

/// Brings the schema up to date, and sets up the database roles if `MIGRATE_DATABASE_URL` has a role of its own.
pub(crate) async fn migrate() -> anyhow::Result<()> {
    database::with_config(async |config| eventboard_db::migrate(config, &output::notice).await).await?;
    output::print("The database schema is up to date.\n")
}

/// Inserts the demo data, even demo events that were deleted, or generated events.
pub(crate) async fn seed(args: &SeedArgs) -> anyhow::Result<()> {
    let app_env = config::read(dotenv::environment(), AppEnv::from_env)?;
    ensure!(
        args.force || app_env != AppEnv::Production,
        "the passwords of the demo users are public; with APP_ENV=production, --force is required to create them"
    );
    let outcome = database::with_config(async |config| {
        eventboard_db::migrate(config, &output::notice).await?;
        let mut connection = eventboard_db::connect(config.direct()).await?;
        Ok(match args.events {
            Some(events) => seed::generate(&mut connection, events, args.organizations).await?.to_string(),
            None => {
                let outcome = seed::seed(&mut connection, seed::DeletedEvents::Restore).await?;
                format!("{outcome}\n{}", seed::login_table())
            }
        })
    })
    .await?;
    output::print(&outcome)
}

/// Succeeds if the service returns status 200.
pub(crate) async fn healthcheck(url: Option<String>) -> anyhow::Result<()> {
    let url = match url {
        Some(url) => url,
        None => format!("http://{}/health/ready", container_address()?),
    };
    let response = http_get::get(&url).await?;
    if response.status != 200 {
        bail!("{url} returned {}: {}", response.status, response.body);
    }
    output::print(&format!("{}\n", response.body))
}

/// The address of the service in this container, from the settings with which the service listens.
fn container_address() -> Result<SocketAddr, config::ConfigError> {
    let listen = config::read(dotenv::environment().for_one_service(), |env| {
        ListenConfig::from_env(env, "GATEWAY_PORT", 3000)
    })?;
    Ok(connectable(SocketAddr::new(listen.host, listen.port)))
}
