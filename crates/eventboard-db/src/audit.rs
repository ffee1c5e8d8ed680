//! The audit: who did what in an organization, besides what happened to its events. The stores of the services and the
//! operator's commands record it in the transaction of what it is about. Entries are never changed.

use std::time::Duration;

use eventboard_chassis::{error::ServiceError, fairness::Client, server::Origin};
use eventboard_domain::{AuditEvent, AuditTarget};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{Database, InstrumentStatement, db_error};

/// How often old entries are deleted.
const DELETION_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The maximum number of entries that one statement deletes. It limits how long the statement takes.
const DELETION_BATCH: i32 = 1_000;

/// The value of `client` in what the operator does.
const OPERATOR: &str = "eventboard (operator)";

/// An entry of the audit.
#[derive(Debug)]
pub struct AuditEntry<'a> {
    /// The organization whose admins see the entry. `None`: only the operator sees it.
    pub organization_id: Option<Uuid>,
    /// Who did it.
    pub actor: Actor<'a>,
    /// What was done.
    pub event: AuditEvent,
    /// What it was done to.
    pub target: Option<AuditTarget>,
}

/// Who did something.
#[derive(Debug, Clone, Copy)]
pub enum Actor<'a> {
    /// A user. `None`: somebody who could not log in as a user.
    Client {
        /// The user.
        user_id: Option<Uuid>,
        /// Where the call came from.
        origin: &'a Origin,
    },
    /// The operator, with a command.
    Operator,
}

impl AuditEntry<'_> {
    /// Records the entry.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn record(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let Self { organization_id, actor, event, target } = self;
        let (actor_id, address, client, correlation_id) = match actor {
            Actor::Client { user_id, origin: Origin { address, client, correlation_id } } => {
                (*user_id, Some(address), client.as_deref(), Some(correlation_id.as_str()))
            }
            Actor::Operator => (None, None, Some(OPERATOR), None),
        };
        sqlx::query!(
            r#"
            insert into "AuditEntry" ("organizationId", "actorId", action, "targetType", "targetId", address, client,
                "correlationId", details)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            "#,
            *organization_id,
            actor_id,
            event.action().as_str(),
            target.map(|target| target.kind.as_str()),
            target.map(|target| target.id),
            address,
            client,
            correlation_id,
            Json(event) as _,
        )
        .execute(connection)
        .instrumented("INSERT AuditEntry")
        .await?;
        Ok(())
    }
}

/// Deletes entries that are older than the retention, immediately and then periodically. Never returns.
pub async fn delete_old_audit_entries(database: Database, retention: Duration) {
    loop {
        match delete_all(&database, retention).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "Old audit entries deleted"),
            Err(error) => {
                tracing::warn!(%error, "Old audit entries could not be deleted and will be retried");
            }
        }
        tokio::time::sleep(DELETION_INTERVAL).await;
    }
}

async fn delete_all(database: &Database, retention: Duration) -> Result<i64, ServiceError> {
    let seconds = retention.as_secs_f64();
    let mut deleted = 0;
    loop {
        let mut lease = database.acquire(Client::Service).await?;
        let batch = sqlx::query_scalar!(
            r#"select delete_old_audit_entries(make_interval(secs => $1), $2) as "deleted!""#,
            seconds,
            DELETION_BATCH
        )
        .fetch_one(&mut *lease)
        .instrumented("DELETE AuditEntry")
        .await
        .map_err(db_error)?;
        lease.release();
        if batch == 0 {
            return Ok(deleted);
        }
        deleted += i64::from(batch);
    }
}
