//! The database roles of an installation whose services cannot change the schema.
//!
//! - The role in `MIGRATE_DATABASE_URL` is the operator's: a superuser, or a role with `CREATEROLE`. It sets up the
//!   other two.
//! - [`OWNER`] owns the schema and migrates. Nobody can log in as this role.
//! - The role in `DATABASE_URL` is that of the services. It reads and writes as [`PRIVILEGES`] says.

use postgres_protocol::password::scram_sha_256;
use secrecy::ExposeSecret;
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};

use crate::config::{AppRole, IDLE_IN_TRANSACTION_TIMEOUT, STATEMENT_TIMEOUT};

/// The role that owns everything in the schema.
const OWNER: &str = "eventboard_owner";

/// What the services may do with each table. A migration that creates a table adds a line here. Without it, the
/// services cannot use the table, and a test fails.
pub(crate) const PRIVILEGES: &[(&str, &[&str])] = &[
    ("Organization", READ_AND_WRITE),
    ("User", READ_AND_WRITE),
    ("Event", READ_AND_WRITE),
    ("EventHistory", APPEND_ONLY),
    ("IdempotencyKey", READ_AND_WRITE),
    ("AuditEntry", APPEND_ONLY),
    ("Session", READ_AND_WRITE),
    ("AccountThrottle", READ_AND_WRITE),
    ("AddressThrottle", READ_AND_WRITE),
    ("KnownAddress", READ_AND_WRITE),
    ("AccountLink", READ_AND_WRITE),
    ("Invitation", READ_AND_WRITE),
    ("RequestedMail", READ_AND_WRITE),
    ("Outbox", READ_AND_WRITE),
    ("_sqlx_migrations", &["select"]),
];

const READ_AND_WRITE: &[&str] = &["select", "insert", "update", "delete"];

/// For records that nobody may change afterwards.
const APPEND_ONLY: &[&str] = &["select", "insert"];

/// The functions that do for the services what they may not do themselves.
const FUNCTIONS: &[&str] = &["delete_old_audit_entries(interval, integer)"];

/// The roles cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The services would get more privileges than they need.
    #[error(
        "the role {role} in DATABASE_URL {reason}; name another role there, which `eventboard migrate` then creates"
    )]
    Refused { role: String, reason: String },
    /// Somebody created it for another purpose.
    #[error(
        "the role {OWNER} can log in or has administrative attributes; rename it, `eventboard migrate` creates another"
    )]
    OwnerRefused,
}

/// Returns whether `eventboard migrate` has set up the roles in this database.
pub(crate) async fn are_set_up(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let is_owner = "select exists (select from pg_class
        where oid = to_regclass('public._sqlx_migrations') and relowner = to_regrole($1))";
    sqlx::query_scalar(is_owner).bind(OWNER).fetch_one(connection).await
}

/// Returns whether the role of this connection sets up the roles. It does not if it may not manage roles and the role
/// of the services exists already: then the operator has set up both by hand.
pub(crate) async fn may_manage(connection: &mut PgConnection, app: &AppRole) -> sqlx::Result<bool> {
    let may_manage = "select rolsuper or rolcreaterole or to_regrole(quote_ident($1)) is null
        from pg_roles where rolname = current_user";
    sqlx::query_scalar(may_manage).bind(&app.name).fetch_one(connection).await
}

/// Creates the roles or corrects them, gives everything in the schema to the owner, and continues as the owner.
/// Repeating it changes nothing.
///
/// # Errors
/// `lock_not_available` when a table is locked for longer than half a second.
pub(crate) async fn set_up(
    connection: &mut PgConnection,
    direct: &PgConnectOptions,
    app: &AppRole,
) -> Result<(), Error> {
    let has_password = can_log_in(direct, app).await;
    let mut transaction = connection.begin().await?;
    for role in [OWNER, app.name.as_str()] {
        if !exists(&mut transaction, role).await? {
            execute(&mut transaction, "create role %1$I nologin", &[role]).await?;
        }
    }
    refuse_privileged_owner(&mut transaction).await?;
    if !may_become_owner(&mut transaction).await? {
        execute(&mut transaction, "grant %1$I to current_user", &[OWNER]).await?;
    }
    // Needs privileges that the owner does not have.
    sqlx::raw_sql("create extension if not exists pg_trgm").execute(&mut *transaction).await?;
    let database = database(&mut transaction).await?;
    execute(&mut transaction, RESTRICT, &[OWNER, &app.name, &database]).await?;
    refuse_privileged(&mut transaction, app).await?;
    if !has_password {
        set_password(&mut transaction, app).await?;
    }
    set_timeouts(&mut transaction, app).await?;
    give_to_owner(&mut transaction).await?;
    transaction.commit().await?;
    execute(connection, "set role %1$I", &[OWNER]).await?;
    Ok(())
}

/// Owner, role of the services, database. A database that was created before PostgreSQL 15 lets everyone create tables.
const RESTRICT: &str = "
    revoke create on schema public from public, %2$I;
    grant usage, create on schema public to %1$I;
    grant usage on schema public to %2$I;
    revoke temporary on database %3$I from public;
    revoke all on database %3$I from %2$I;
    grant connect on database %3$I to %2$I";

/// Grants the role of the services its privileges, and revokes all others. Runs as the owner, after the migrations.
pub(crate) async fn grant(connection: &mut PgConnection, app: &AppRole) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    for (table, privileges) in PRIVILEGES {
        let privileges = privileges.join(", ");
        let statements =
            format!("revoke all on table %1$I from %2$I; grant {privileges} on table %1$I to %2$I");
        execute(&mut transaction, &statements, &[table, &app.name]).await?;
    }
    for function in FUNCTIONS {
        let statement = format!("grant execute on function {function} to %1$I");
        execute(&mut transaction, &statement, &[&app.name]).await?;
    }
    transaction.commit().await
}

/// Returns whether the role has its password already. A new hash of the same password would lock out a pooler that
/// knows the old one.
async fn can_log_in(direct: &PgConnectOptions, app: &AppRole) -> bool {
    let Some(password) = &app.password else { return false };
    let options = direct.clone().username(&app.name).password(password.expose_secret());
    PgConnection::connect_with(&options).await.is_ok()
}

/// Sets the password. The server gets only its hash, so that the password is in no log of the server.
async fn set_password(connection: &mut PgConnection, app: &AppRole) -> sqlx::Result<()> {
    let hash = app.password.as_ref().map(|password| scram_sha_256(password.expose_secret().as_bytes()));
    match &hash {
        Some(hash) => execute(connection, "alter role %1$I login password %2$L", &[&app.name, hash]).await?,
        None => execute(connection, "alter role %1$I login", &[&app.name]).await?,
    }
    Ok(())
}

/// Behind a pooler, connections cannot set their own timeouts.
async fn set_timeouts(connection: &mut PgConnection, app: &AppRole) -> sqlx::Result<()> {
    if app.is_pooled {
        let timeout = format!("{}s", STATEMENT_TIMEOUT.as_secs());
        let settings = "alter role %1$I set statement_timeout = %2$L;
            alter role %1$I set idle_in_transaction_session_timeout = %3$L";
        execute(connection, settings, &[&app.name, &timeout, IDLE_IN_TRANSACTION_TIMEOUT]).await?;
    }
    Ok(())
}

/// Refuses an owner as which somebody could log in, or who may do more than own the schema.
async fn refuse_privileged_owner(connection: &mut PgConnection) -> Result<(), Error> {
    let is_privileged = "select rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolreplication
        or rolbypassrls from pg_roles where rolname = $1";
    match sqlx::query_scalar(is_privileged).bind(OWNER).fetch_one(connection).await? {
        true => Err(Error::OwnerRefused),
        false => Ok(()),
    }
}

/// Refuses a role that could undo the restrictions.
async fn refuse_privileged(connection: &mut PgConnection, app: &AppRole) -> Result<(), Error> {
    let reason = "select case
            when rolsuper then 'is a superuser'
            when rolcreaterole or rolcreatedb or rolreplication or rolbypassrls then 'has administrative attributes'
            when exists (select from pg_auth_members where member = pg_roles.oid) then 'is a member of another role'
            when has_schema_privilege(oid, 'public', 'create') then
                'may create tables, as the owner of the database or as everybody'
        end from pg_roles where rolname = $1";
    let reason: Option<String> = sqlx::query_scalar(reason).bind(&app.name).fetch_one(connection).await?;
    match reason {
        Some(reason) => Err(Error::Refused { role: app.name.clone(), reason }),
        None => Ok(()),
    }
}

/// Makes the owner the owner of what this role or the role of the last migration has created: an installation of a
/// release without roles, or a restored backup.
async fn give_to_owner(connection: &mut PgConnection) -> sqlx::Result<()> {
    // What waits for a table's lock blocks all statements behind it, so it waits only for a moment.
    sqlx::raw_sql("set local lock_timeout = '500ms'").execute(&mut *connection).await?;
    let statements: Vec<String> =
        sqlx::query_scalar(CHANGES_OF_OWNER).bind(OWNER).fetch_all(&mut *connection).await?;
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// A statement for each object. Extensions keep their objects. Indexes, the sequences of identity columns and array
/// types follow their tables and types.
const CHANGES_OF_OWNER: &str = "
    with previous as (
        select oid from pg_roles where rolname = current_user
        union
        select relowner from pg_class where oid = to_regclass('public._sqlx_migrations')
    ), object as (
        select 'pg_class'::regclass as class, oid, 'table ' || oid::regclass as name, relowner as owner
        from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        union all
        select 'pg_type'::regclass, type.oid, 'type ' || type.oid::regtype, typowner
        from pg_type type left join pg_class on pg_class.oid = typrelid
        where typnamespace = 'public'::regnamespace and (typtype in ('d', 'e', 'r') or relkind = 'c')
        union all
        select 'pg_proc'::regclass, oid, 'routine ' || oid::regprocedure, proowner
        from pg_proc where pronamespace = 'public'::regnamespace
    )
    select format('alter %s owner to %I', name, $1)
    from object
    where owner in (select oid from previous) and owner <> to_regrole(quote_ident($1)) and not exists (
        select from pg_depend where classid = class and objid = object.oid and deptype in ('a', 'e', 'i')
            and (deptype = 'e' or name like 'table %' and refclassid = 'pg_class'::regclass)
    )";

async fn exists(connection: &mut PgConnection, role: &str) -> sqlx::Result<bool> {
    let exists = "select exists (select from pg_roles where rolname = $1)";
    sqlx::query_scalar(exists).bind(role).fetch_one(connection).await
}

async fn may_become_owner(connection: &mut PgConnection) -> sqlx::Result<bool> {
    // PostgreSQL 16 distinguishes members that may `set role` from those that may not.
    let may_become = "select pg_has_role($1, case when current_setting('server_version_num')::int < 160000
        then 'member' else 'set' end)";
    sqlx::query_scalar(may_become).bind(OWNER).fetch_one(connection).await
}

async fn database(connection: &mut PgConnection) -> sqlx::Result<String> {
    sqlx::query_scalar("select current_database()::text").fetch_one(connection).await
}

/// Executes statements, which have no parameters, with arguments that the server quotes: `%1$I` is a name, `%1$L` a
/// literal.
async fn execute(connection: &mut PgConnection, statements: &str, arguments: &[&str]) -> sqlx::Result<()> {
    let quoted = "select format($1, variadic $2::text[])";
    let statements: String =
        sqlx::query_scalar(quoted).bind(statements).bind(arguments).fetch_one(&mut *connection).await?;
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(connection).await?;
    Ok(())
}
