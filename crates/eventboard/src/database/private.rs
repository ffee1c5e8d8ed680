//! The private database of this project, which is used when no other database is configured.

use eventboard_chassis::config::{self, ConfigError, Env};
use eventboard_db::DatabaseConfig;
use private_postgres::Cluster;
use sqlx::postgres::PgConnectOptions;

use super::{APPLICATION_NAME, home::Home};

/// Calls `work` with the options for the private PostgreSQL. If it is not running, starts it and stops it afterwards.
pub(super) async fn with_options<T>(
    work: impl AsyncFnOnce(&PgConnectOptions) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let home = Home::from_env(&Env::of_process());
    if let Some(url) = home.running_database_url() {
        return work(&options_from_url(url)?).await;
    }
    let (cluster, options) = start(&home).await?;
    let outcome = work(&options).await;
    let stopped = cluster.stop().await;
    outcome.and_then(|value| stopped.map(|()| value))
}

async fn start(home: &Home) -> anyhow::Result<(Cluster, PgConnectOptions)> {
    let (cluster, url) = home.start_cluster().await?;
    let options = options_from_url(url)?;
    eventboard_db::migrate(&options).await?;
    Ok((cluster, options))
}

fn options_from_url(url: String) -> Result<PgConnectOptions, ConfigError> {
    let env = Env::from_iter([("DATABASE_URL".to_owned(), url)]);
    config::read(env, |env| DatabaseConfig::from_env(env, APPLICATION_NAME).direct().clone())
}
