//! The commands that perform one task and exit.

pub(crate) mod audit;
pub(crate) mod event;
pub(crate) mod idempotency;
mod lookup;
pub(crate) mod organization;
pub(crate) mod outbox;
pub(crate) mod user;

use std::net::SocketAddr;

use anyhow::{anyhow, bail, ensure};
use eventboard_chassis::{
    config::{self, AppEnv, ListenConfig},
    error::{ErrorCode, ServiceError},
    server::connectable,
};
use sqlx::{Connection, Executor, PgConnection, Postgres, Transaction};

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

/// Begins a transaction whose statements may take up to ten minutes, because they are about everything in an organization. The
/// role may have a short limit for the statements of the services.
async fn begin_long(connection: &mut PgConnection) -> sqlx::Result<Transaction<'_, Postgres>> {
    let mut transaction = connection.begin().await?;
    transaction.execute("set local statement_timeout = '10min'").await?;
    Ok(transaction)
}

/// Words a refusal for the operator, who may do more than an admin.
fn explain_refusal(error: ServiceError) -> anyhow::Error {
    match error.code() {
        ErrorCode::LastAdmin => anyhow!("{} Or use --force.", error.message()),
        ErrorCode::QuotaExceeded => anyhow!("{}", error.message()),
        _ => error.into(),
    }
}

/// A number of things, in the singular or the plural: `1 event`, `2 events`.
fn counted(number: impl Into<i128>, one: &str, several: &str) -> String {
    match number.into() {
        1 => format!("1 {one}"),
        number => format!("{number} {several}"),
    }
}
