//! The database that a command works on.

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

/// What `pg_stat_activity` shows for an operator's command.
const APPLICATION: &str = "eventboard";

/// A database that does not answer in this time is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

const UNDEFINED_TABLE: &str = "42P01";

/// Works with the options for a direct connection to the database of `DATABASE_URL`, else to the private one where this
/// binary can have one.
pub(crate) async fn with_options<T>(
    work: impl AsyncFnOnce(&PgConnectOptions) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    match configured(Env::of_process())? {
        Some(options) => work(&options).await,
        #[cfg(feature = "up")]
        None => private::with_options(work).await,
        #[cfg(not(feature = "up"))]
        None => Err(missing().into()),
    }
}

/// Works with a connection.
pub(crate) async fn with_connection<T>(
    work: impl AsyncFnOnce(&mut PgConnection) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    with_options(async |options| {
        let mut connection = connect(options).await?;
        let value = work(&mut connection).await.map_err(explain)?;
        connection.close().await?;
        Ok(value)
    })
    .await
}

/// Connects, or says where nobody answered.
pub(crate) async fn connect(options: &PgConnectOptions) -> anyhow::Result<PgConnection> {
    let failed =
        || format!("the database at {}:{} cannot be reached", options.get_host(), options.get_port());
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options));
    connecting.await.with_context(failed)?.with_context(failed)
}

fn configured(env: Env) -> Result<Option<PgConnectOptions>, config::ConfigError> {
    config::read(env, |env| {
        env.secret("DATABASE_URL")
            .is_some()
            .then(|| DatabaseConfig::from_env(env, APPLICATION).direct().clone())
    })
}

/// What a binary without a private cluster says.
#[cfg(not(feature = "up"))]
fn missing() -> config::ConfigError {
    let mut env = Env::from_iter([]);
    env.fault(
        "DATABASE_URL",
        "must be set: this binary was built without `eventboard up` and its private PostgreSQL",
    );
    env.finish().expect_err("there is a fault")
}

fn explain(error: anyhow::Error) -> anyhow::Error {
    let is_undefined_table = error
        .downcast_ref::<sqlx::Error>()
        .and_then(|error| error.as_database_error()?.code())
        .is_some_and(|code| code == UNDEFINED_TABLE);
    if is_undefined_table {
        return error.context("the database has no schema yet; `eventboard migrate` creates it");
    }
    error
}
