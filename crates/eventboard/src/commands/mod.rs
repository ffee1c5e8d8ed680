//! The commands that perform one task and exit.

pub(crate) mod event;
pub(crate) mod idempotency;
pub(crate) mod organization;
pub(crate) mod user;

use anyhow::{bail, ensure};
use eventboard_chassis::config::{self, AppEnv, Env};

use crate::{database, http_get, output, seed};

/// Brings the schema up to date.
pub(crate) async fn migrate() -> anyhow::Result<()> {
    database::with_options(eventboard_db::migrate).await?;
    Ok(output::print("The database schema is up to date.\n")?)
}

/// Inserts the demo data, even demo events that were deleted.
pub(crate) async fn seed(force: bool) -> anyhow::Result<()> {
    let app_env = config::read(Env::of_process(), AppEnv::from_env)?;
    ensure!(
        force || app_env != AppEnv::Production,
        "the passwords of the demo users are public; with APP_ENV=production, --force is required to create them"
    );
    let added = database::with_options(async |options| {
        eventboard_db::migrate(options).await?;
        let mut connection = database::connect(options).await?;
        seed::seed(&mut connection, seed::DeletedEvents::Restore).await
    })
    .await?;
    Ok(output::print(&format!("{added}\n{}", seed::login_table()))?)
}

/// Succeeds if the service returns status 200.
pub(crate) async fn healthcheck(url: Option<String>) -> anyhow::Result<()> {
    let url = match url {
        Some(url) => url,
        None => format!("http://127.0.0.1:{}/health/ready", container_port()?),
    };
    let response = http_get::get(&url).await?;
    if response.status != 200 {
        bail!("{url} returned {}: {}", response.status, response.body);
    }
    Ok(output::print(&format!("{}\n", response.body))?)
}

/// The port of the service in this container.
fn container_port() -> Result<u16, config::ConfigError> {
    config::read(Env::of_process(), |env| {
        let gateway = env.parse("GATEWAY_PORT", 3000, "a port number");
        env.parse("PORT", gateway, "a port number")
    })
}
