//! Finds who gets the link to reset a password.

use eventboard_chassis::{error::ServiceError, link_token::LinkSeed, server::Deadline};
use eventboard_db::{Actor, AuditEntry, InstrumentStatement, db_error};
use eventboard_domain::{AuditEvent, AuditTarget, PASSWORD_RESET_LIFETIME, RequestedLinks};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{LeasedRow, Store};

/// An account whose password somebody has forgotten.
struct FoundAccount {
    user_id: Uuid,
    organization_id: Uuid,
}

impl Store {
    /// Looks up the account that was asked for, and makes its link, unless the user got too many mails. Without an account, the
    /// mail stays without a recipient. A retry of the mail finds its recipient and sends the same link.
    pub(crate) async fn address_password_reset(
        &self,
        row: &LeasedRow,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let mut lease = self.acquire().await?;
        let mut transaction = lease.begin(deadline).await?;
        if let Some(account) = find_account(&mut transaction, row.id).await?
            && requested_links(&mut transaction, account.user_id).await?.allow_another()
        {
            let link_id = insert_link(&mut transaction, account.user_id).await?;
            set_recipient(&mut transaction, row, &account, link_id).await?;
            let requested = AuditEntry {
                organization_id: Some(account.organization_id),
                actor: Actor::Anonymous { correlation_id: &row.correlation_id },
                event: AuditEvent::PasswordResetRequested {},
                target: Some(AuditTarget::user(account.user_id)),
            };
            requested.record(&mut transaction).await.map_err(db_error)?;
        }
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
    }
}

/// Locks the user, so that the links of a user are counted one after the other.
async fn find_account(
    connection: &mut PgConnection,
    mail_id: Uuid,
) -> Result<Option<FoundAccount>, ServiceError> {
    sqlx::query_as!(
        FoundAccount,
        r#"
        select account.id as user_id, account."organizationId" as organization_id
        from "Outbox" mail join "User" account on lower(account.email) = lower(mail."typedEmail")
        where mail.id = $1 and not account.disabled
        for no key update of account
        "#,
        mail_id
    )
    .fetch_optional(connection)
    .instrumented("SELECT account")
    .await
    .map_err(db_error)
}

async fn requested_links(
    connection: &mut PgConnection,
    user_id: Uuid,
) -> Result<RequestedLinks, ServiceError> {
    sqlx::query_as!(
        RequestedLinks,
        r#"
        select count(*) filter (where "createdAt" > now() - interval '1 hour') as "last_hour!",
            count(*) as "last_day!"
        from "AccountLink" where "userId" = $1 and "createdAt" > now() - interval '1 day'
        "#,
        user_id
    )
    .fetch_one(connection)
    .instrumented("SELECT AccountLink")
    .await
    .map_err(db_error)
}

async fn insert_link(connection: &mut PgConnection, user_id: Uuid) -> Result<Uuid, ServiceError> {
    let (link_id, seed) = (Uuid::now_v7(), rand::random::<LinkSeed>());
    sqlx::query!(
        r#"
        insert into "AccountLink" (id, "userId", kind, seed, "expiresAt")
        values ($1, $2, 'RESET_PASSWORD', $3, now() + make_interval(secs => $4))
        "#,
        link_id,
        user_id,
        &seed[..],
        PASSWORD_RESET_LIFETIME.as_secs_f64(),
    )
    .execute(connection)
    .instrumented("INSERT AccountLink")
    .await
    .map_err(db_error)?;
    Ok(link_id)
}

async fn set_recipient(
    connection: &mut PgConnection,
    row: &LeasedRow,
    account: &FoundAccount,
    link_id: Uuid,
) -> Result<(), ServiceError> {
    sqlx::query!(
        r#"
        update "Outbox" set "recipientId" = $2, "organizationId" = $3, "linkId" = $4, "typedEmail" = null where id = $1
        "#,
        row.id,
        account.user_id,
        account.organization_id,
        link_id,
    )
    .execute(connection)
    .instrumented("UPDATE Outbox")
    .await
    .map_err(db_error)?;
    Ok(())
}
