//! Tests with a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod current_caller;
mod email_normalization;
mod migrations;
mod pool;
mod roles;

/// Brings the schema up to date without reports.
async fn migrate(config: &eventboard_db::DatabaseConfig) -> anyhow::Result<()> {
    eventboard_db::migrate(config, &|_| {}).await
}
