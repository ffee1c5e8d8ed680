//! The database that a command works on.

use std::time::Duration;

use anyhow::Context;
use eventboard_chassis::config::{self, Env};
use eventboard_db::DatabaseConfig;
use private_postgres::Cluster;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use crate::home::Home;

/// What `pg_stat_activity` shows for an operator's command.
const APPLICATION: &str = "eventboard";

/// A database that does not answer in this time is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

const UNDEFINED_TABLE: &str = "42P01";

/// Where the database is, and the cluster that runs only for this command.
struct Place {
    options: PgConnectOptions,
    cluster: Option<Cluster>,
}

impl Place {
    /// The one of `DATABASE_URL`; else of the running private cluster; else of that cluster, started now.
    async fn find() -> anyhow::Result<Self> {
        if let Some(options) = configured(Env::of_process())? {
            return Ok(Self { options, cluster: None });
        }
        let home = Home::from_env(&Env::of_process());
        if let Some(url) = home.running_database() {
            return Ok(Self { options: options_of(url)?, cluster: None });
        }
        let (cluster, url) = home.start_cluster().await?;
        let options = options_of(url)?;
        eventboard_db::migrate(&options).await?;
        Ok(Self { options, cluster: Some(cluster) })
    }

    async fn leave(self) -> anyhow::Result<()> {
        match self.cluster {
            Some(cluster) => cluster.stop().await,
            None => Ok(()),
        }
    }
}

/// Works with the options for a direct connection. A cluster that was started for it has ended afterwards.
pub(crate) async fn with_options<T>(
    work: impl AsyncFnOnce(&PgConnectOptions) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let place = Place::find().await?;
    let outcome = work(&place.options).await;
    let left = place.leave().await;
    outcome.and_then(|value| left.map(|()| value))
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

fn options_of(url: String) -> Result<PgConnectOptions, config::ConfigError> {
    let env = Env::from_iter([("DATABASE_URL".to_owned(), url)]);
    config::read(env, |env| DatabaseConfig::from_env(env, APPLICATION).direct().clone())
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
