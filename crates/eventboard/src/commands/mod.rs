//! The commands that do one thing and end.

pub(crate) mod event;
pub(crate) mod idempotency;
pub(crate) mod organization;
pub(crate) mod user;

use anyhow::{bail, ensure};
use eventboard_chassis::config::{self, AppEnv, Env};

use crate::{database, output, probe, seed};

/// Brings the schema up to date.
pub(crate) async fn migrate() -> anyhow::Result<()> {
    database::with_options(eventboard_db::migrate).await?;
    Ok(output::print("The database schema is up to date.\n")?)
}

/// Puts the demo data into the database, all of it.
pub(crate) async fn seed(force: bool) -> anyhow::Result<()> {
    let app_env = config::read(Env::of_process(), AppEnv::from_env)?;
    ensure!(
        force || app_env != AppEnv::Production,
        "the demo users have passwords that everybody knows; with APP_ENV=production they are only created with --force"
    );
    let added = database::with_options(async |options| {
        eventboard_db::migrate(options).await?;
        let mut connection = database::connect(options).await?;
        seed::seed(&mut connection, seed::Deleted::ComesBack).await
    })
    .await?;
    Ok(output::print(&format!("{added}\n{}", seed::logins()))?)
}

/// Succeeds when the service answers 200.
pub(crate) async fn healthcheck(url: Option<String>) -> anyhow::Result<()> {
    let url = match url {
        Some(url) => url,
        None => format!("http://127.0.0.1:{}/health/ready", own_port()?),
    };
    let answer = probe::get(&url).await?;
    if answer.status != 200 {
        bail!("{url} answered {}: {}", answer.status, answer.body);
    }
    Ok(output::print(&format!("{}\n", answer.body))?)
}

fn own_port() -> Result<u16, config::ConfigError> {
    config::read(Env::of_process(), |env| {
        let gateway = env.parse("GATEWAY_PORT", 3000, "a port number");
        env.parse("PORT", gateway, "a port number")
    })
}
