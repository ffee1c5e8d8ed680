//! Counts what an organization stores.

use eventboard_domain::{ROW_BYTES, StorageUsage};
use sqlx::{Executor, PgConnection};
use uuid::Uuid;

/// The count is planned for the actual organization, because organizations differ much in size, and uses one core of
/// the database. Compiling the statement would take longer than counting a small organization.
const COUNT_SETTINGS: &str = "set local plan_cache_mode = force_custom_plan; set local jit = off; \
    set local max_parallel_workers_per_gather = 0";

/// Counts the events of an organization, and the bytes of its events, its history and its members' idempotency keys,
/// like the domain's [`StorageUsage`]. The statement reads all these rows, but not the long texts that PostgreSQL
/// stores apart from their rows: `octet_length` needs only their size. The keys are found by member (`lateral`),
/// because PostgreSQL would otherwise read the keys of all organizations.
///
/// Call this in a transaction, because it changes settings until the transaction ends.
///
/// # Errors
/// When a statement fails or times out.
pub async fn count_usage(connection: &mut PgConnection, organization_id: Uuid) -> sqlx::Result<StorageUsage> {
    connection.execute(COUNT_SETTINGS).await?;
    sqlx::query_as!(
        StorageUsage,
        r#"
        select events.count as "events!", events.bytes + history.bytes + keys.bytes as "bytes!"
        from (
            select count(*), coalesce(sum(
                octet_length(title) + octet_length(description) + coalesce(octet_length(location), 0)
            ), 0) as bytes
            from "Event" where "organizationId" = $1
        ) events, (
            select count(*) * $2 + coalesce(sum(octet_length(reason)), 0) as bytes
            from "EventHistory" where "organizationId" = $1
        ) history, (
            select coalesce(sum(of_member.bytes), 0)::bigint as bytes
            from "User", lateral (
                select count(*) * $2 + coalesce(sum(octet_length(response)), 0) as bytes
                from "IdempotencyKey" where "callerId" = "User".id and "expiresAt" > now()
            ) of_member
            where "organizationId" = $1
        ) keys
        "#,
        organization_id,
        ROW_BYTES,
    )
    .fetch_one(connection)
    .await
}
