//! All SQL of the service.

mod content;
mod requested;
mod totals;

use std::time::Duration;

use eventboard_chassis::{error::ServiceError, fairness::Client};
use eventboard_db::{AsText, Database, InstrumentStatement, Lease, db_error};
use eventboard_domain::{LinkKind, MailKind, OutboxState};
use uuid::Uuid;

pub(crate) use self::totals::Totals;

/// The maximum number of rows that one statement deletes. It limits the locks that the statement holds.
const SWEEP_BATCH_SIZE: i64 = 1000;

/// Reads and writes the outbox in PostgreSQL.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
}

/// A row that this process has leased.
#[derive(Debug, Clone)]
pub(crate) struct LeasedRow {
    pub(crate) id: Uuid,
    pub(crate) correlation_id: String,
    /// The number of attempts with this one. After the end of a lease, it tells one process from the next.
    pub(crate) attempts: i32,
    pub(crate) kind: AsText<MailKind>,
    pub(crate) has_link: bool,
    /// Whether the invitation has counted for the limit of its address.
    pub(crate) is_counted: bool,
    /// The address that somebody typed, until its account is known.
    pub(crate) typed_email: Option<String>,
}

/// What must be done once, before a mail can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preparation {
    /// Its link is made, which counts for the limit of the address.
    MakeLink(LinkKind),
    /// The invitation, which is the link, counts for the limit of its address.
    CountInvitation,
}

/// What is stored about an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'r> {
    pub(crate) state: OutboxState,
    /// The time until the next attempt, if there is one.
    pub(crate) pause: Duration,
    pub(crate) error: Option<&'r str>,
}

impl LeasedRow {
    /// What is still to do before the mail can be sent.
    pub(crate) fn missing_preparation(&self) -> Option<Preparation> {
        let link = match self.kind.0 {
            MailKind::PasswordReset => LinkKind::ResetPassword,
            MailKind::VerifyEmail => LinkKind::VerifyEmail,
            MailKind::ConfirmEmail => LinkKind::ChangeEmail,
            MailKind::Invitation => return (!self.is_counted).then_some(Preparation::CountInvitation),
            MailKind::Welcome
            | MailKind::EmailChangeRequested
            | MailKind::EmailChanged
            | MailKind::PasswordChanged
            | MailKind::RoleChanged
            | MailKind::UserDisabled
            | MailKind::AccountDeleted
            | MailKind::EventApproved
            | MailKind::EventRejected => return None,
        };
        (!self.has_link).then_some(Preparation::MakeLink(link))
    }
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Leases up to `limit` rows that are due, the oldest first. Until the lease ends, no other process takes them. A leased
    /// row has no error, so that `eventboard outbox retry` can tell it from one that waits for another attempt.
    pub(crate) async fn lease_due(
        &self,
        limit: usize,
        duration: Duration,
    ) -> Result<Vec<LeasedRow>, ServiceError> {
        let mut lease = self.acquire().await?;
        let rows = sqlx::query_as!(
            LeasedRow,
            r#"
            with due as materialized (
                select id from "Outbox" where state = 'DUE' and "dueAt" <= now()
                order by "dueAt" limit $1 for update skip locked
            )
            update "Outbox" set "dueAt" = now() + make_interval(secs => $2), attempts = attempts + 1, "lastError" = null
            from due where "Outbox".id = due.id
            returning "Outbox".id, "correlationId" as correlation_id, attempts,
                kind as "kind: AsText<MailKind>", "linkId" is not null as "has_link!",
                "countedAt" is not null as "is_counted!", "typedEmail" as typed_email
            "#,
            i64::try_from(limit).unwrap_or(i64::MAX),
            duration.as_secs_f64(),
        )
        .fetch_all(&mut *lease)
        .instrumented("LEASE Outbox")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(rows)
    }

    /// Stores the outcome of an attempt. Returns false when the lease has ended and another process has taken the row. As soon as
    /// somebody who was deleted has been told, nothing keeps the address.
    pub(crate) async fn record(&self, row: &LeasedRow, record: Record<'_>) -> Result<bool, ServiceError> {
        let mut lease = self.acquire().await?;
        let recorded = sqlx::query!(
            r#"
            update "Outbox" set state = $3, "lastError" = $5,
                "typedEmail" = case when $3 = 'DUE' then "typedEmail" end,
                "clientAddress" = case when $3 = 'DUE' then "clientAddress" end,
                client = case when $3 = 'DUE' then client end,
                "toEmail" = case when kind = 'ACCOUNT_DELETED' and $3 = 'DONE' then null else "toEmail" end,
                "dueAt" = case when $3 = 'DUE' then now() + make_interval(secs => $4) else "dueAt" end,
                "finishedAt" = case when $3 = 'DUE' then null else now() end
            where id = $1 and attempts = $2 and state = 'DUE'
            "#,
            row.id,
            row.attempts,
            AsText(record.state) as _,
            record.pause.as_secs_f64(),
            record.error,
        )
        .execute(&mut *lease)
        .instrumented("RECORD Outbox")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(recorded.rows_affected() > 0)
    }

    /// Deletes what no longer counts for the limit of mails that somebody asked for. Returns the number of addresses.
    pub(crate) async fn sweep_requested_mails(&self) -> Result<u64, ServiceError> {
        let mut lease = self.acquire().await?;
        let swept = sqlx::query!(
            r#"
            delete from "RequestedMail" where ctid = any (array(
                select ctid from "RequestedMail" where "lastSentAt" < now() - interval '1 day'
                limit $1 for update skip locked
            ))
            "#,
            SWEEP_BATCH_SIZE,
        )
        .execute(&mut *lease)
        .instrumented("SWEEP RequestedMail")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(swept.rows_affected())
    }

    /// Deletes one batch of rows that were done before the retention time, and of dead ones to somebody who was deleted, because they
    /// have the address. If this process does not send mails, also those that
    /// are due since then, because nobody would expect such a mail any more. Returns the number of deleted rows. Replicas
    /// may do this concurrently, because each one skips rows that another replica has locked.
    pub(crate) async fn sweep_batch(&self, retention: Duration, sends: bool) -> Result<u64, ServiceError> {
        let mut lease = self.acquire().await?;
        let swept = sqlx::query!(
            r#"
            delete from "Outbox" where ctid = any (array(
                select ctid from "Outbox"
                where (state = 'DONE' or state = 'DEAD' and kind = 'ACCOUNT_DELETED')
                    and "finishedAt" <= now() - make_interval(secs => $1)
                    or not $3 and state = 'DUE' and attempts = 0 and "dueAt" <= now() - make_interval(secs => $1)
                limit $2 for update skip locked
            ))
            "#,
            retention.as_secs_f64(),
            SWEEP_BATCH_SIZE,
            sends,
        )
        .execute(&mut *lease)
        .instrumented("SWEEP Outbox")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(swept.rows_affected())
    }

    async fn acquire(&self) -> Result<Lease, ServiceError> {
        self.database.acquire(Client::Service).await
    }
}
