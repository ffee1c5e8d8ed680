//! The private database of this project, for a command that is told of no other.

use eventboard_chassis::config::{self, ConfigError, Env};
use eventboard_db::DatabaseConfig;
use private_postgres::Cluster;
use sqlx::postgres::PgConnectOptions;

use super::{APPLICATION, home::Home};

/// Works with the running private cluster, else with that cluster, started now. One that was started for it has ended
/// afterwards.
pub(super) async fn with_options<T>(
    work: impl AsyncFnOnce(&PgConnectOptions) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let home = Home::from_env(&Env::of_process());
    if let Some(url) = home.running_database() {
        return work(&options_of(url)?).await;
    }
    let (cluster, options) = start(&home).await?;
    let outcome = work(&options).await;
    let stopped = cluster.stop().await;
    outcome.and_then(|value| stopped.map(|()| value))
}

async fn start(home: &Home) -> anyhow::Result<(Cluster, PgConnectOptions)> {
    let (cluster, url) = home.start_cluster().await?;
    let options = options_of(url)?;
    eventboard_db::migrate(&options).await?;
    Ok((cluster, options))
}

fn options_of(url: String) -> Result<PgConnectOptions, ConfigError> {
    let env = Env::from_iter([("DATABASE_URL".to_owned(), url)]);
    config::read(env, |env| DatabaseConfig::from_env(env, APPLICATION).direct().clone())
}
