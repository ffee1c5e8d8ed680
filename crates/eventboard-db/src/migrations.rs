//! The schema: embedded in every binary, applied under PostgreSQL's advisory lock.

use std::{sync::LazyLock, time::Duration};

use anyhow::{Context, bail, ensure};
use sqlx::{
    Connection, PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::PgConnectOptions,
};

use crate::error::is_unavailable;

/// All migrations, in order.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("../../migrations");
    // Its lock is waited for in a statement, and building an index concurrently waits for all statements: a deadlock.
    migrations.set_locking(false);
    // The release before starts on the schema of the next one: while an update rolls, and after a rollback.
    migrations.set_ignore_missing(true);
    migrations
});

/// The advisory lock of whoever migrates; any number that nobody else uses in this database.
const MIGRATION_LOCK: i64 = 0x6576_656e_7462_6f61;

/// How often the lock is asked for while another process migrates.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// How long others go on before a migration that gave way to them is tried again: much longer than its `lock_timeout`, for
/// while it waits for a lock, whoever comes later waits behind it.
const GIVE_WAY_INTERVAL: Duration = Duration::from_secs(5);

/// How often a database that is away is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Brings the schema up to date. Safe when several processes do it at once: one migrates, the others
/// wait for it and find nothing left to do.
///
/// # Errors
/// When the database cannot be reached, is not fit for our texts, or a migration fails.
pub async fn migrate(options: &PgConnectOptions) -> anyhow::Result<()> {
    let mut connection =
        PgConnection::connect_with(options).await.context("the database cannot be reached")?;
    refuse_unfit(&mut connection).await?;
    // A migration takes as long as it takes; behind a pooler the role has a timeout.
    sqlx::query("set statement_timeout = 0").execute(&mut connection).await?;
    lock(&mut connection).await?;
    run(&mut connection).await.context("a migration failed")?;
    connection.close().await?;
    Ok(())
}

/// Runs what is pending, and again while a migration gives way to what holds a lock on its table.
async fn run(connection: &mut PgConnection) -> Result<(), MigrateError> {
    loop {
        // `Migrator::run` is the same behind a bound that keeps this future from being `Send`.
        match MIGRATIONS.run_direct(None, &mut *connection, false).await {
            Err(error) if gave_way(&error) => {
                tracing::warn!(%error, "A migration gives way to a statement that holds its table, and is tried again");
                tokio::time::sleep(GIVE_WAY_INTERVAL).await;
            }
            outcome => return outcome,
        }
    }
}

fn gave_way(error: &MigrateError) -> bool {
    let (MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) = error else {
        return false;
    };
    // lock_not_available
    cause.as_database_error().is_some_and(|cause| cause.code().as_deref() == Some("55P03"))
}

/// Waits until nobody else migrates. The lock ends with the connection.
async fn lock(connection: &mut PgConnection) -> sqlx::Result<()> {
    let try_lock = || sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(MIGRATION_LOCK);
    while !try_lock().fetch_one(&mut *connection).await? {
        tokio::time::sleep(LOCK_INTERVAL).await;
    }
    Ok(())
}

/// Migrates as soon as the database is there, however long that takes.
///
/// # Errors
/// When the database is there but waiting will not help.
pub(crate) async fn migrate_when_there(options: &PgConnectOptions) -> anyhow::Result<()> {
    let mut told = None;
    loop {
        let error = match migrate(options).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if !may_pass(&error) {
            return Err(error);
        }
        let reason = format!("{error:#}");
        if told.as_ref() != Some(&reason) {
            tracing::warn!(reason, "Waiting for the database");
            told = Some(reason);
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

/// Whether the failure is one that an operator or time can mend while we wait: anything but a
/// database that is unfit or a migration that does not apply.
fn may_pass(error: &anyhow::Error) -> bool {
    if error.is::<Unfit>() {
        return false;
    }
    match error.downcast_ref::<MigrateError>() {
        None => true,
        Some(MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) => {
            is_unavailable(cause)
        }
        Some(_) => false,
    }
}

/// The database cannot hold or compare our texts.
#[derive(Debug)]
struct Unfit(&'static str);

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Unfit {}

/// Under locale `C` PostgreSQL knows upper and lower case and trigrams of ASCII only, and searches
/// would silently miss other letters.
async fn refuse_unfit(connection: &mut PgConnection) -> anyhow::Result<()> {
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(&mut *connection)
        .await?;
    if version < 150_000 {
        bail!(Unfit("PostgreSQL 15 or newer is required"));
    }
    let encoding: String =
        sqlx::query_scalar("select current_setting('server_encoding')").fetch_one(&mut *connection).await?;
    let folds_case: bool = sqlx::query_scalar("select lower('É') = 'é'").fetch_one(&mut *connection).await?;
    ensure!(
        encoding == "UTF8" && folds_case,
        Unfit(
            "the database has locale C or is not UTF8, which breaks search; create it with ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0"
        )
    );
    Ok(())
}
