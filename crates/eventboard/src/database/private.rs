//! The private database of this project, which is used when no other database is configured.

use eventboard_chassis::config::{self, ConfigError, Env};
use eventboard_db::DatabaseConfig;
use private_postgres::Cluster;

use super::{APPLICATION_NAME, home::Home};
use crate::{dotenv, progress};

/// Calls `work` with the settings for the private PostgreSQL. If it is not running, starts it and stops it afterwards.
pub(super) async fn with_config<T>(
    work: impl AsyncFnOnce(&DatabaseConfig) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let home = config::read(dotenv::environment(), Home::from_env)?;
    if let Some(url) = home.running_database_url() {
        return work(&config_from_url(url)?).await;
    }
    let (cluster, config) = start(&home).await?;
    let outcome = work(&config).await;
    let stopped = cluster.stop().await;
    outcome.and_then(|value| stopped.map(|()| value))
}

async fn start(home: &Home) -> anyhow::Result<(Cluster, DatabaseConfig)> {
    let (cluster, url) = home.start_cluster().await?;
    let config = config_from_url(url)?;
    eventboard_db::migrate(&config, &progress::report).await?;
    Ok((cluster, config))
}

fn config_from_url(url: String) -> Result<DatabaseConfig, ConfigError> {
    let env = Env::from_iter([("DATABASE_URL".to_owned(), url)]);
    config::read(env, |env| DatabaseConfig::from_env(env, APPLICATION_NAME))
}
