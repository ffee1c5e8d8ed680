//! Opens a connection outside of the pool, for migrations and commands.

use std::time::Duration;

use anyhow::Context;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

/// A database that does not respond within this time is unavailable. An address that DNS still has after its server has
/// gone answers nothing, and a new try resolves the name again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a connection.
///
/// # Errors
/// When the database does not respond within 10 seconds, or rejects the connection. The error contains its address.
pub async fn connect(options: &PgConnectOptions) -> anyhow::Result<PgConnection> {
    let failed =
        || format!("the database at {}:{} cannot be reached", options.get_host(), options.get_port());
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options));
    let connected = connecting.await.with_context(|| format!("no response within {CONNECT_TIMEOUT:?}"));
    connected.with_context(failed)?.with_context(failed)
}
