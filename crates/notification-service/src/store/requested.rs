//! Prepares the mails that somebody asked for: finds whom they are for, applies the limit, and makes their links. An invitation
//! is a link itself.

use eventboard_chassis::{account_key::AccountKeys, error::ServiceError, server::Deadline};
use eventboard_db::{Actor, AuditEntry, InstrumentStatement, count_requested_mail, db_error, insert_link};
use eventboard_domain::{AuditEvent, AuditTarget, LinkKind, LinkPurpose, normalize_email};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{LeasedRow, Preparation, Store};

/// Whom a mail is for.
struct Recipient {
    user_id: Uuid,
    organization_id: Uuid,
    /// Where the mail goes.
    email: String,
    /// Where the request came from, if it is not in the audit yet.
    client_address: Option<String>,
    client: Option<String>,
}

impl Store {
    /// Prepares a mail, unless the address gets too many mails, or there is nobody to write to. Then the mail stays as it is and is
    /// not sent. A retry of a mail that is prepared sends the same link and does not count again.
    pub(crate) async fn prepare(
        &self,
        row: &LeasedRow,
        preparation: Preparation,
        account_keys: &AccountKeys,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let mut lease = self.acquire().await?;
        let mut transaction = lease.begin(deadline).await?;
        match preparation {
            Preparation::MakeLink(kind) => prepare_link(&mut transaction, row, kind, account_keys).await?,
            Preparation::CountInvitation => count_invitation(&mut transaction, row, account_keys).await?,
        }
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
    }
}

async fn prepare_link(
    connection: &mut PgConnection,
    row: &LeasedRow,
    kind: LinkKind,
    account_keys: &AccountKeys,
) -> Result<(), ServiceError> {
    let Some(recipient) = find_recipient(connection, row, kind).await? else { return Ok(()) };
    let address = account_keys.of(&normalize_email(&recipient.email));
    if count_requested_mail(connection, &address).await? {
        make_link(connection, row, recipient, kind).await?;
    }
    Ok(())
}

/// Counts an invitation, unless its address got too many mails.
async fn count_invitation(
    connection: &mut PgConnection,
    row: &LeasedRow,
    account_keys: &AccountKeys,
) -> Result<(), ServiceError> {
    let Some(email) = find_invited_email(connection, row).await? else { return Ok(()) };
    let address = account_keys.of(&normalize_email(&email));
    if count_requested_mail(connection, &address).await? {
        sqlx::query!(r#"update "Outbox" set "countedAt" = now() where id = $1"#, row.id)
            .execute(connection)
            .instrumented("UPDATE Outbox")
            .await
            .map_err(db_error)?;
    }
    Ok(())
}

/// Locks the mail, so that no other worker counts it after the lease has ended. Returns the address, unless the invitation has
/// ended. It may end after that, so nothing is locked that an admin waits for.
async fn find_invited_email(
    connection: &mut PgConnection,
    row: &LeasedRow,
) -> Result<Option<String>, ServiceError> {
    sqlx::query_scalar!(
        r#"
        select invitation.email as "email!"
        from "Outbox" mail join "Invitation" invitation on invitation.id = mail."linkId"
            and invitation."organizationId" = mail."organizationId"
        where mail.id = $1 and mail.attempts = $2 and mail."countedAt" is null
            and invitation."endedAt" is null and invitation."expiresAt" > now()
        for no key update of mail
        "#,
        row.id,
        row.attempts,
    )
    .fetch_optional(connection)
    .instrumented("SELECT Invitation")
    .await
    .map_err(db_error)
}

/// Locks the mail, so that no other worker prepares it after the lease has ended, and the user, so that nothing withdraws the link
/// while it is made.
async fn find_recipient(
    connection: &mut PgConnection,
    row: &LeasedRow,
    kind: LinkKind,
) -> Result<Option<Recipient>, ServiceError> {
    match kind {
        LinkKind::ResetPassword => find_by_typed_email(connection, row).await,
        LinkKind::VerifyEmail => find_unverified(connection, row).await,
        LinkKind::ChangeEmail => find_with_pending_email(connection, row).await,
    }
}

/// The mail goes to the address as stored, not as typed.
async fn find_by_typed_email(
    connection: &mut PgConnection,
    row: &LeasedRow,
) -> Result<Option<Recipient>, ServiceError> {
    let Some(typed_email) = row.typed_email.as_deref() else { return Ok(None) };
    sqlx::query_as!(
        Recipient,
        r#"
        select account.id as user_id, account."organizationId" as organization_id, account.email,
            mail."clientAddress" as client_address, mail.client
        from "Outbox" mail join "User" account on account.id = (select id from user_with_email($3, $4))
        where mail.id = $1 and mail.attempts = $2 and mail."linkId" is null and not account.disabled
        for no key update of mail, account
        "#,
        row.id,
        row.attempts,
        typed_email,
        normalize_email(typed_email),
    )
    .fetch_optional(connection)
    .instrumented("SELECT account")
    .await
    .map_err(db_error)
}

async fn find_unverified(
    connection: &mut PgConnection,
    row: &LeasedRow,
) -> Result<Option<Recipient>, ServiceError> {
    sqlx::query_as!(
        Recipient,
        r#"
        select account.id as user_id, account."organizationId" as organization_id, account.email,
            mail."clientAddress" as client_address, mail.client
        from "Outbox" mail join "User" account on account.id = mail."recipientId"
        where mail.id = $1 and mail.attempts = $2 and mail."linkId" is null and not account.disabled and account."emailVerifiedAt" is null
        for no key update of mail, account
        "#,
        row.id,
        row.attempts,
    )
    .fetch_optional(connection)
    .instrumented("SELECT account")
    .await
    .map_err(db_error)
}

async fn find_with_pending_email(
    connection: &mut PgConnection,
    row: &LeasedRow,
) -> Result<Option<Recipient>, ServiceError> {
    sqlx::query_as!(
        Recipient,
        r#"
        select account.id as user_id, account."organizationId" as organization_id, account."pendingEmail" as "email!",
            mail."clientAddress" as client_address, mail.client
        from "Outbox" mail join "User" account on account.id = mail."recipientId"
            and account."pendingEmail" = mail."toEmail"
        where mail.id = $1 and mail.attempts = $2 and mail."linkId" is null and not account.disabled and account."pendingEmailExpiresAt" > now()
        for no key update of mail, account
        "#,
        row.id,
        row.attempts,
    )
    .fetch_optional(connection)
    .instrumented("SELECT account")
    .await
    .map_err(db_error)
}

async fn make_link(
    connection: &mut PgConnection,
    row: &LeasedRow,
    recipient: Recipient,
    kind: LinkKind,
) -> Result<(), ServiceError> {
    let Recipient { user_id, organization_id, email, client_address, client } = recipient;
    let purpose = match kind {
        LinkKind::ResetPassword => LinkPurpose::ResetPassword,
        LinkKind::VerifyEmail => LinkPurpose::VerifyEmail { email },
        LinkKind::ChangeEmail => LinkPurpose::ChangeEmail { email },
    };
    let link_id = insert_link(connection, user_id, &purpose).await.map_err(db_error)?;
    sqlx::query!(
        r#"
        update "Outbox" set "recipientId" = $2, "organizationId" = $3, "linkId" = $4, "typedEmail" = null,
            "clientAddress" = null, client = null
        where id = $1
        "#,
        row.id,
        user_id,
        organization_id,
        link_id,
    )
    .execute(&mut *connection)
    .instrumented("UPDATE Outbox")
    .await
    .map_err(db_error)?;
    match kind {
        LinkKind::ResetPassword => {
            // auth-service did not know whether there is an account.
            let requested = AuditEntry {
                organization_id: Some(organization_id),
                actor: Actor::Anonymous {
                    address: client_address.as_deref(),
                    client: client.as_deref(),
                    correlation_id: &row.correlation_id,
                },
                event: AuditEvent::PasswordResetRequested {},
                target: Some(AuditTarget::user(user_id)),
            };
            requested.record(connection).await.map_err(db_error)
        }
        // The request is in the audit already, or changes nothing.
        LinkKind::VerifyEmail | LinkKind::ChangeEmail => Ok(()),
    }
}
