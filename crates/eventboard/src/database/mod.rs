//! Connects a command to its database.

#[cfg(feature = "up")]
mod home;
#[cfg(feature = "up")]
mod private;

use eventboard_chassis::config::{self, Env};
use eventboard_db::{DatabaseConfig, connect};
use sqlx::{Connection, PgConnection};

#[cfg(feature = "up")]
pub(crate) use self::home::Home;
use crate::dotenv;

/// The `application_name` of admin commands in `pg_stat_activity`.
const APPLICATION_NAME: &str = "eventboard";

const UNDEFINED_TABLE: &str = "42P01";

/// Calls `work` with the settings for the database in `DATABASE_URL`. If it is not set, uses the private database, if
/// this binary includes one.
pub(crate) async fn with_config<T>(
    work: impl AsyncFnOnce(&DatabaseConfig) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    match read_config(dotenv::environment())? {
        Some(config) => work(&config).await,
        #[cfg(feature = "up")]
        None => private::with_config(work).await,
        #[cfg(not(feature = "up"))]
        None => Err(missing_database_url().into()),
    }
}

/// Calls `work` with a connection to the database.
pub(crate) async fn with_connection<T>(
    work: impl AsyncFnOnce(&mut PgConnection) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    with_config(async |config| {
        let mut connection = connect(config.direct()).await?;
        let value = work(&mut connection).await.map_err(explain_missing_schema)?;
        connection.close().await?;
        Ok(value)
    })
    .await
}

fn read_config(env: Env) -> Result<Option<DatabaseConfig>, config::ConfigError> {
    config::read(env, |env| {
        let is_configured = env.is_set("DATABASE_URL") || env.is_set("DATABASE_URL_FILE");
        is_configured.then(|| DatabaseConfig::from_env(env, APPLICATION_NAME))
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
