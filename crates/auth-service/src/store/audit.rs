//! The audit: records logins, and lists what has been recorded.

use chrono::{DateTime, Utc};
use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};
use eventboard_db::{Actor, AuditEntry, InstrumentStatement, db_error};
use eventboard_domain::{AuditAction, AuditEvent, AuditTarget, AuditTargetType, Identity, LoginFailure};
use sqlx::{FromRow, Postgres, QueryBuilder};
use uuid::Uuid;

use super::Store;
use crate::{
    audit::{AuditPage, AuditPosition, AuditQuery, AuditRecord},
    user::User,
};

/// One row of the list.
#[derive(FromRow)]
struct Row {
    id: i64,
    at: DateTime<Utc>,
    actor_id: Option<Uuid>,
    action: String,
    target_type: Option<String>,
    target_id: Option<Uuid>,
    address: Option<String>,
    client: Option<String>,
    correlation_id: Option<String>,
    details: String,
}

impl Store {
    /// Records that somebody could not log in to the account of the user. Without a user, the same statements run and are
    /// rolled back, and no commit waits for the disk. So the time does not say whether the account exists.
    pub(crate) async fn record_failed_login(
        &self,
        user: Option<&User>,
        reason: LoginFailure,
        client: Client,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let (user_id, organization_id) =
            user.map_or((Uuid::nil(), Uuid::nil()), |user| (user.id, user.organization_id));
        let failure = AuditEntry {
            organization_id: Some(organization_id),
            actor: Actor::Client { user_id: None, origin },
            event: AuditEvent::LoginFailed { reason },
            target: Some(AuditTarget::user(user_id)),
        };
        let mut lease = self.database.acquire(client).await?;
        let mut transaction = lease.begin(deadline).await?;
        sqlx::query("set local synchronous_commit = off")
            .execute(&mut *transaction)
            .instrumented("SET synchronous_commit")
            .await
            .map_err(db_error)?;
        failure.record(&mut transaction).await.map_err(db_error)?;
        match user {
            Some(_) => transaction.commit().instrumented("COMMIT").await.map_err(db_error)?,
            None => transaction.rollback().instrumented("ROLLBACK").await.map_err(db_error)?,
        }
        lease.release();
        Ok(())
    }

    /// Lists entries of the organization, newest first.
    pub(crate) async fn list_audit(
        &self,
        organization_id: Uuid,
        query: &AuditQuery,
    ) -> Result<AuditPage, ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(organization_id)).await?;
        let rows = statement(organization_id, query)
            .build_query_as()
            .fetch_all(&mut *lease)
            .instrumented("SELECT AuditEntry")
            .await
            .map_err(db_error)?;
        lease.release();
        Ok(page(rows, query.limit))
    }

    /// Lists what the caller did, and what was done to the caller, newest first.
    pub(crate) async fn list_audit_about(
        &self,
        caller: &Identity,
        after: Option<AuditPosition>,
    ) -> Result<AuditPage, ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(caller.organization_id)).await?;
        let rows = statement_about(caller, after)
            .build_query_as()
            .fetch_all(&mut *lease)
            .instrumented("SELECT AuditEntry")
            .await
            .map_err(db_error)?;
        lease.release();
        Ok(page(rows, COPY_PAGE))
    }
}

/// The number of entries of a page for a copy.
const COPY_PAGE: u32 = 100;

/// What the caller did and what was done to the caller, each from its own index. Where somebody else came from is not the caller's.
fn statement_about(caller: &Identity, after: Option<AuditPosition>) -> QueryBuilder<Postgres> {
    let mut statement = QueryBuilder::new("select * from (");
    for (index, column) in [r#""actorId""#, r#""targetId""#].into_iter().enumerate() {
        statement.push(if index == 0 { "(" } else { ") union (" });
        statement.push(
            r#"select id, at, "actorId" as actor_id, action, "targetType" as target_type, "targetId" as target_id,
            case when own then address end as address, case when own then client end as client,
            case when own then "correlationId" end as correlation_id, details::text as details
            from "AuditEntry", lateral (select "actorId" is null or "actorId" = "#,
        );
        statement.push_bind(caller.user_id).push(r#" as own) whose where "organizationId" = "#);
        statement.push_bind(caller.organization_id).push(format!(" and {column} = "));
        statement.push_bind(caller.user_id);
        if let Some(AuditPosition { at, id }) = after {
            statement.push(" and (at, id) < (").push_bind(at).push(", ").push_bind(id).push(")");
        }
        statement.push(" order by at desc, id desc limit ").push_bind(i64::from(COPY_PAGE) + 1);
    }
    statement.push(")) about order by at desc, id desc limit ").push_bind(i64::from(COPY_PAGE) + 1);
    statement
}

/// Each combination of filters is a statement of its own, so that PostgreSQL chooses the index that fits it.
fn statement(organization_id: Uuid, query: &AuditQuery) -> QueryBuilder<Postgres> {
    let AuditQuery { limit, after, actor_id, action, from, to } = query;
    let mut statement = QueryBuilder::new(
        r#"select id, at, "actorId" as actor_id, action, "targetType" as target_type, "targetId" as target_id, address,
        client, "correlationId" as correlation_id, details::text as details from "AuditEntry" where "organizationId" = "#,
    );
    statement.push_bind(organization_id);
    if let Some(actor_id) = actor_id {
        statement.push(r#" and "actorId" = "#).push_bind(*actor_id);
    }
    if let Some(action) = action {
        statement.push(" and action = ").push_bind(action.as_str());
    }
    if let Some(from) = from {
        statement.push(" and at >= ").push_bind(*from);
    }
    if let Some(to) = to {
        statement.push(" and at <= ").push_bind(*to);
    }
    if let Some(AuditPosition { at, id }) = after {
        statement.push(" and (at, id) < (").push_bind(*at).push(", ").push_bind(*id).push(")");
    }
    // One row more than is shown, to detect whether more rows exist.
    statement.push(" order by at desc, id desc limit ").push_bind(i64::from(*limit) + 1);
    statement
}

/// Makes a page of rows. There is one row more than is shown, to detect whether more rows exist.
fn page(mut rows: Vec<Row>, limit: u32) -> AuditPage {
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| has_more).map(|row| AuditPosition { at: row.at, id: row.id });
    AuditPage { entries: rows.into_iter().filter_map(record).collect(), next }
}

/// Returns the entry. `None` if a later release has recorded something that this one does not know, before a rollback or
/// during a rolling update.
fn record(row: Row) -> Option<AuditRecord> {
    let Row { id: _, at, actor_id, action, target_type, target_id, address, client, correlation_id, details } =
        row;
    let action: AuditAction = action.parse().ok()?;
    let kind: Option<AuditTargetType> = target_type.map(|kind| kind.parse()).transpose().ok()?;
    let target = kind.zip(target_id).map(|(kind, id)| AuditTarget { kind, id });
    Some(AuditRecord { at, actor_id, action, target, address, client, correlation_id, details })
}
