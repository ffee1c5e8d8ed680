//! The indexes of events. To build an index over all events is much faster than to add them one after the other.

use sqlx::{AssertSqlSafe, PgConnection};

/// A dropped index.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Index {
    pub name: String,
    definition: String,
}

/// Drops all indexes that belong to no constraint, and returns them. Drops none if there are events, because their
/// lists would be slow until the end, or if the role may not change the schema.
pub(super) async fn drop_all(connection: &mut PgConnection) -> sqlx::Result<Vec<Index>> {
    let indexes: Vec<Index> = sqlx::query_as(
        r#"
        select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
        from pg_index join pg_class on pg_class.oid = indrelid
        where indrelid = '"Event"'::regclass and pg_has_role(relowner, 'usage')
            and not exists (select from "Event")
            and not exists (select from pg_constraint where conindid = indexrelid)
        order by name
        "#,
    )
    .fetch_all(&mut *connection)
    .await?;
    for index in &indexes {
        sqlx::raw_sql(AssertSqlSafe(format!("drop index {}", index.name))).execute(&mut *connection).await?;
    }
    Ok(indexes)
}

/// Builds a dropped index.
pub(super) async fn build(connection: &mut PgConnection, index: &Index) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(index.definition.as_str())).execute(connection).await?;
    Ok(())
}
