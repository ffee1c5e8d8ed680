//! What a role that may not change the schema needs of it.

use anyhow::ensure;
use sqlx::PgConnection;

use crate::roles::PRIVILEGES;

/// Returns whether the role of this connection may create tables, and can therefore migrate.
pub(crate) async fn may_change(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let may_create = "select coalesce(has_schema_privilege(current_schema(), 'create'), false)";
    sqlx::query_scalar(may_create).fetch_one(connection).await
}

/// Checks that the schema has these migrations and that the role has its privileges.
///
/// # Errors
/// When `eventboard migrate` must run first. The schema of a later release is not an error.
pub(crate) async fn check(
    connection: &mut PgConnection,
    required: impl Iterator<Item = i64>,
) -> anyhow::Result<()> {
    let applied = applied(connection).await?;
    let missing: Vec<_> =
        required.filter(|version| !applied.contains(version)).map(|version| version.to_string()).collect();
    ensure!(
        missing.is_empty(),
        "the schema is not up to date, and this role may not change it; waiting for `eventboard migrate` (missing: {})",
        missing.join(", ")
    );
    for (table, privileges) in PRIVILEGES {
        for privilege in *privileges {
            ensure!(
                has_privilege(connection, table, privilege).await?,
                "this role may not {privilege} in the table {table}; waiting for `eventboard migrate`"
            );
        }
    }
    Ok(())
}

/// Returns the versions of the applied migrations, as far as this role may know them.
pub(crate) async fn applied(connection: &mut PgConnection) -> sqlx::Result<Vec<i64>> {
    if !has_privilege(connection, "_sqlx_migrations", "select").await? {
        return Ok(Vec::new());
    }
    let applied = "select version from _sqlx_migrations where success";
    sqlx::query_scalar(applied).fetch_all(connection).await
}

/// Returns whether the table exists and the role has this privilege on it.
async fn has_privilege(connection: &mut PgConnection, table: &str, privilege: &str) -> sqlx::Result<bool> {
    let statement = "select coalesce(has_table_privilege(to_regclass(quote_ident($1)), $2), false)";
    sqlx::query_scalar(statement).bind(table).bind(privilege).fetch_one(connection).await
}
