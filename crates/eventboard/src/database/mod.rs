//! Connects a command to its database.

#[cfg(feature = "up")]
mod home;
#[cfg(feature = "up")]
mod private;

use std::time::Duration;

use anyhow::Context;
use eventboard_chassis::config::{self, Env};
use eventboard_db::DatabaseConfig;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

#[cfg(feature = "up")]
pub(crate) use self::home::Home;

/// The `application_name` of admin commands in `pg_stat_activity`.
const APPLICATION_NAME: &str = "eventboard";

/// A database that does not respond within this time is unavailable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

const UNDEFINED_TABLE: &str = "42P01";

/// Calls `work` with the options for a direct connection to the database in `DATABASE_URL`. If it is not set, uses
/// the private database, if this binary includes one.
pub(crate) async fn with_options<T>(
    work: impl AsyncFnOnce(&PgConnectOptions) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    match configured_options(Env::of_process())? {
        Some(options) => work(&options).await,
        #[cfg(feature = "up")]
        None => private::with_options(work).await,
        #[cfg(not(feature = "up"))]
        None => Err(missing_database_url().into()),
    }
}

/// Calls `work` with a connection to the database.
pub(crate) async fn with_connection<T>(
    work: impl AsyncFnOnce(&mut PgConnection) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    with_options(async |options| {
        let mut connection = connect(options).await?;
        let value = work(&mut connection).await.map_err(explain_missing_schema)?;
        connection.close().await?;
        Ok(value)
    })
    .await
}

/// Connects. The error contains the address of an unreachable database.
pub(crate) async fn connect(options: &PgConnectOptions) -> anyhow::Result<PgConnection> {
    let failed =
        || format!("the database at {}:{} cannot be reached", options.get_host(), options.get_port());
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options));
    connecting.await.with_context(failed)?.with_context(failed)
}

fn configured_options(env: Env) -> Result<Option<PgConnectOptions>, config::ConfigError> {
    config::read(env, |env| {
        env.secret("DATABASE_URL")
            .is_some()
            .then(|| DatabaseConfig::from_env(env, APPLICATION_NAME).direct().clone())
    })
}

/// The error when a binary that has no private PostgreSQL gets no `DATABASE_URL`.
#[cfg(not(feature = "up"))]
fn missing_database_url() -> config::ConfigError {
    let mut env = Env::from_iter([]);
    env.report_invalid(
        "DATABASE_URL",
        "must be set: this binary was built without `eventboard up` and its private PostgreSQL",
    );
    env.finish().expect_err("DATABASE_URL is invalid")
}

fn explain_missing_schema(error: anyhow::Error) -> anyhow::Error {
    let is_undefined_table = error
        .downcast_ref::<sqlx::Error>()
        .and_then(|error| error.as_database_error()?.code())
        .is_some_and(|code| code == UNDEFINED_TABLE);
    if is_undefined_table {
        return error.context("the database has no schema yet; run `eventboard migrate` to create it");
    }
    error
}
