//! Schema migrations. They are embedded in every binary and run under a PostgreSQL advisory lock.

use std::{sync::LazyLock, time::Duration};

use anyhow::{Context, bail, ensure};
use eventboard_domain::AuditEvent;
use sqlx::{
    AssertSqlSafe, Connection, PgConnection,
    migrate::{MigrateError, Migration, Migrator},
    postgres::PgConnectOptions,
};

use crate::{
    audit::{Actor, AuditEntry},
    config::{AppRole, DatabaseConfig},
    connect::connect,
    email_normalization::normalize_emails,
    error::is_unavailable,
    folding::fold_all,
    progress::Progress,
    roles, schema,
};

/// All migrations, in order.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("../../migrations");
    // sqlx would wait for its lock inside a statement. `create index concurrently` waits until all other statements
    // end, so the two would deadlock.
    migrations.set_locking(false);
    // A release must also start on the schema of the next release, during a rolling update and after a rollback.
    migrations.set_ignore_missing(true);
    migrations
});

/// The key of the advisory lock that the migrating process holds. Any number works that this database does not use
/// elsewhere.
const MIGRATION_LOCK: i64 = 0x6576_656e_7462_6f61;

/// How often a process tries to take the lock while another process migrates.
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The delay before a migration is retried after its `lock_timeout`. It is much longer than that timeout, because
/// other statements queue behind a migration that waits for a lock.
const LOCK_TIMEOUT_RETRY_DELAY: Duration = Duration::from_secs(5);

/// After this migration and before the next one, all events are folded. It builds the index that finds them, and the
/// next ones build the indexes on the folded texts.
const BEFORE_FOLDING: i64 = 9;

/// How often an unavailable database is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Brings the schema up to date. Several processes may call this at the same time: one migrates, and the others wait
/// and then find nothing to do.
///
/// If `MIGRATE_DATABASE_URL` has another role than `DATABASE_URL`, this also sets up the roles (`roles.rs`).
/// Otherwise, a role that may not change the schema only checks it.
///
/// `report` gets a message now and then while events are folded or an index is built, and one if users have become twins.
///
/// # Errors
/// When the database cannot be reached, does not meet the requirements, a role cannot be set up, a migration fails, or
/// the schema is not up to date and the role may not change it.
pub async fn migrate(config: &DatabaseConfig, report: &(dyn Fn(&str) + Sync)) -> anyhow::Result<()> {
    migrate_with(config, Roles::SetUp, report).await
}

/// What a migration does with the roles, if `MIGRATE_DATABASE_URL` has one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Roles {
    /// The operator asks for it.
    SetUp,
    /// A service starts. It must not take the tables of an installation whose operator did not ask for that.
    KeepSetUp,
}

async fn migrate_with(
    config: &DatabaseConfig,
    roles: Roles,
    report: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<()> {
    let mut connection = connect(&config.direct).await?;
    check_requirements(&mut connection).await?;
    if config.app_role.is_none() && !schema::may_change(&mut connection).await? {
        return schema::check(&mut connection, MIGRATIONS.iter().map(|migration| migration.version)).await;
    }
    // Migrations have no timeout. This statement is needed because behind a pooler the role sets a timeout.
    sqlx::query("set statement_timeout = 0").execute(&mut connection).await?;
    let no_limit = "select set_config(name, '0', false) from pg_settings where name = 'transaction_timeout'";
    sqlx::query(no_limit).execute(&mut connection).await?;
    acquire_migration_lock(&mut connection).await?;
    let app = match &config.app_role {
        Some(app) if roles == Roles::SetUp || roles::are_set_up(&mut connection).await? => Some(app),
        _ => None,
    };
    if let Some(app) = app
        && roles::may_manage(&mut connection, app).await?
    {
        set_up_roles(&mut connection, &config.direct, app).await?;
    }
    let progress = Progress::new(report);
    let before = schema::applied(&mut connection).await?.into_iter().max();
    run(&mut connection, &config.direct, progress).await.context("a migration failed")?;
    check_trigrams(&mut connection).await?;
    // Each time, because the release before leaves the addresses of its users as they are.
    normalize_emails(&mut connection, report).await.context("the e-mail addresses cannot be normalized")?;
    if let Some(app) = app {
        roles::grant(&mut connection, app).await.context("the privileges cannot be granted")?;
    }
    if roles == Roles::SetUp {
        record(&mut connection, before).await?;
    }
    connection.close().await?;
    Ok(())
}

/// Sets up the roles. Tries again when another session holds a lock on a table that gets another owner.
async fn set_up_roles(
    connection: &mut PgConnection,
    direct: &PgConnectOptions,
    app: &AppRole,
) -> anyhow::Result<()> {
    loop {
        match roles::set_up(connection, direct, app).await {
            Err(roles::Error::Database(cause)) if is_lock_timeout(&cause) => {
                tracing::warn!(%cause, "The change of an owner timed out waiting for a table lock and will be retried");
                tokio::time::sleep(LOCK_TIMEOUT_RETRY_DELAY).await;
            }
            outcome => return outcome.context("the database roles cannot be set up"),
        }
    }
}

/// Records in the audit that the operator has migrated, if that changed the schema.
async fn record(connection: &mut PgConnection, before: Option<i64>) -> sqlx::Result<()> {
    match schema::applied(connection).await?.into_iter().max() {
        Some(after) if before != Some(after) => {
            let migrated = AuditEntry {
                organization_id: None,
                actor: Actor::Operator,
                event: AuditEvent::SchemaMigrated { from: before, to: after },
                target: None,
            };
            migrated.record(connection).await
        }
        _ => Ok(()),
    }
}

/// Runs the pending migrations. Retries a migration that times out on a table lock.
async fn run(
    connection: &mut PgConnection,
    direct: &PgConnectOptions,
    mut progress: Progress<'_>,
) -> Result<(), MigrateError> {
    loop {
        match run_once(connection, direct, &mut progress).await {
            Err(error) if lock_timed_out(&error) => {
                tracing::warn!(%error, "A migration timed out waiting for a table lock and will be retried");
                tokio::time::sleep(LOCK_TIMEOUT_RETRY_DELAY).await;
            }
            outcome => return outcome,
        }
    }
}

async fn run_once(
    connection: &mut PgConnection,
    direct: &PgConnectOptions,
    progress: &mut Progress<'_>,
) -> Result<(), MigrateError> {
    let applied = schema::applied(connection).await?;
    let is_pending = |migration: &&Migration| !applied.contains(&migration.version);
    let pending: Vec<&Migration> = MIGRATIONS.iter().filter(is_pending).collect();
    drop_interrupted_builds(connection, &pending).await?;
    if pending.iter().any(|migration| migration.version == BEFORE_FOLDING + 1) {
        run_to(Some(BEFORE_FOLDING), connection, direct, progress).await?;
        fold_all(connection, progress).await?;
    }
    run_to(None, connection, direct, progress).await
}

/// Runs the pending migrations up to this version, or all of them.
async fn run_to(
    target: Option<i64>,
    connection: &mut PgConnection,
    direct: &PgConnectOptions,
    progress: &mut Progress<'_>,
) -> Result<(), MigrateError> {
    let session = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut *connection).await?;
    tokio::select! {
        // `Migrator::run` does the same, but its trait bound would make this future not `Send`.
        outcome = MIGRATIONS.run_direct(target, connection, false) => outcome,
        never = progress.report_index_builds(direct, session) => match never {},
    }
}

/// Drops the indexes whose builds without locks were interrupted, so that the pending migrations build them again.
/// PostgreSQL leaves such an index invalid, and `if not exists` finds it. Only a process that migrates builds these
/// indexes, and this one has the lock.
async fn drop_interrupted_builds(connection: &mut PgConnection, pending: &[&Migration]) -> sqlx::Result<()> {
    let invalid = "select relname::text, format('drop index concurrently %I.%I', nspname, relname)
        from pg_index join pg_class on pg_class.oid = indexrelid
            join pg_namespace on pg_namespace.oid = relnamespace
        where not indisvalid and nspname = current_schema()";
    let invalid: Vec<(String, String)> = sqlx::query_as(invalid).fetch_all(&mut *connection).await?;
    for (index, drop) in invalid {
        let builds_index = |migration: &&Migration| {
            migration.no_tx && migration.sql.as_str().split_whitespace().any(|word| word == index)
        };
        if pending.iter().any(builds_index) {
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *connection).await?;
            tracing::info!(index, "Dropped an index whose build was interrupted");
        }
    }
    Ok(())
}

fn lock_timed_out(error: &MigrateError) -> bool {
    let (MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) = error else {
        return false;
    };
    is_lock_timeout(cause)
}

fn is_lock_timeout(error: &sqlx::Error) -> bool {
    // lock_not_available
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("55P03"))
}

/// Waits until no other process migrates. PostgreSQL releases the lock when the connection closes.
async fn acquire_migration_lock(connection: &mut PgConnection) -> sqlx::Result<()> {
    let try_lock = || sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(MIGRATION_LOCK);
    while !try_lock().fetch_one(&mut *connection).await? {
        tokio::time::sleep(LOCK_POLL_INTERVAL).await;
    }
    Ok(())
}

/// Waits for the database without a time limit, then migrates. If the role may not change the schema, waits until
/// another process has migrated.
///
/// # Errors
/// When the failure is permanent.
pub(crate) async fn migrate_when_available(config: &DatabaseConfig) -> anyhow::Result<()> {
    let mut reported = None;
    loop {
        let error = match migrate_with(config, Roles::KeepSetUp, &|message| tracing::info!("{message}")).await
        {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if !is_transient(&error) {
            return Err(error);
        }
        let reason = format!("{error:#}");
        if reported.as_ref() != Some(&reason) {
            tracing::warn!(reason, "Waiting for the database");
            reported = Some(reason);
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

/// Returns whether the failure can go away while the service waits. An unsupported database or a failed migration is
/// permanent.
fn is_transient(error: &anyhow::Error) -> bool {
    match error.downcast_ref() {
        Some(roles::Error::Refused { role: _, reason: _ } | roles::Error::OwnerRefused) => return false,
        Some(roles::Error::Database(_)) => return true,
        None => {}
    }
    if error.is::<UnsupportedDatabase>() {
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

/// The database does not meet the requirements.
#[derive(Debug)]
struct UnsupportedDatabase(&'static str);

impl std::fmt::Display for UnsupportedDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for UnsupportedDatabase {}

/// Checks that trigrams have letters other than those of ASCII. The function of PostgreSQL that recognizes letters for them
/// depends on `lc_ctype`, even if the database has another locale provider.
async fn check_trigrams(connection: &mut PgConnection) -> anyhow::Result<()> {
    let has_trigrams: bool =
        sqlx::query_scalar("select show_trgm('éàü') <> '{}'").fetch_one(connection).await?;
    ensure!(
        has_trigrams,
        UnsupportedDatabase(
            "the database has LC_CTYPE C, which breaks search; create it with ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0"
        )
    );
    Ok(())
}

/// Checks the version, the encoding and the locale. With locale `C`, PostgreSQL supports case mapping and trigrams
/// only for ASCII, so searches would silently miss other letters.
async fn check_requirements(connection: &mut PgConnection) -> anyhow::Result<()> {
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(&mut *connection)
        .await?;
    if version < 150_000 {
        bail!(UnsupportedDatabase("PostgreSQL 15 or newer is required"));
    }
    let encoding: String =
        sqlx::query_scalar("select current_setting('server_encoding')").fetch_one(&mut *connection).await?;
    let folds_case: bool = sqlx::query_scalar("select lower('É') = 'é'").fetch_one(&mut *connection).await?;
    ensure!(
        encoding == "UTF8" && folds_case,
        UnsupportedDatabase(
            "the database has locale C or is not UTF8, which breaks search; create it with ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0"
        )
    );
    Ok(())
}
