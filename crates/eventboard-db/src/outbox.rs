//! The outbox: mails that a service writes in the transaction of their cause, and that notification-service sends.
//!
//! events-service writes the mails about decisions itself, because these are a part of the statement that decides.

use eventboard_chassis::{correlation::CorrelationId, error::ServiceError, server::Origin};
use eventboard_domain::MailKind;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{as_text::AsText, error::db_error, statement::InstrumentStatement};

/// The user whom a mail is about.
#[derive(Debug, Clone, Copy)]
pub struct Recipient {
    /// The user's organization.
    pub organization_id: Uuid,
    /// The user.
    pub user_id: Uuid,
}

/// A mail that is about its recipient only.
#[derive(Debug, Clone, Copy)]
pub enum AccountMail<'m> {
    /// The user has signed up.
    Welcome {
        /// The link that verifies their address. `None`: an invitation has verified it.
        link_id: Option<Uuid>,
    },
    /// The user asked for another link to verify their address. notification-service makes it.
    VerifyEmail,
    /// The user wants another address. notification-service makes the link that confirms it.
    ConfirmEmail {
        /// The address that they want.
        to: &'m str,
    },
    /// The same, for the address that they have.
    EmailChangeRequested {
        /// The address that they have.
        to: &'m str,
    },
    /// The user has another address.
    EmailChanged {
        /// The address that they had.
        to: &'m str,
    },
    /// The user's password was changed.
    PasswordChanged,
    /// The user has another role.
    RoleChanged,
    /// The user can no longer log in.
    UserDisabled,
    /// The user was deleted.
    AccountDeleted {
        /// The address of the account.
        to: &'m str,
    },
}

impl<'m> AccountMail<'m> {
    /// Writes the mail. Call this in the transaction of its cause.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn write(
        self,
        connection: &mut PgConnection,
        recipient: Recipient,
        correlation: &CorrelationId,
    ) -> Result<(), ServiceError> {
        let (kind, link_id, to) = self.columns();
        sqlx::query!(
            r#"
            insert into "Outbox" (id, kind, "organizationId", "recipientId", "correlationId", "linkId", "toEmail")
            values ($1, $2, $3, $4, $5, $6, $7)
            "#,
            Uuid::now_v7(),
            AsText(kind) as _,
            recipient.organization_id,
            recipient.user_id,
            correlation.as_str(),
            link_id,
            to,
        )
        .execute(connection)
        .instrumented("INSERT Outbox")
        .await
        .map_err(db_error)?;
        Ok(())
    }

    /// The kind, the link, and where the mail goes.
    fn columns(self) -> (MailKind, Option<Uuid>, Option<&'m str>) {
        match self {
            Self::Welcome { link_id } => (MailKind::Welcome, link_id, None),
            Self::VerifyEmail => (MailKind::VerifyEmail, None, None),
            Self::ConfirmEmail { to } => (MailKind::ConfirmEmail, None, Some(to)),
            Self::EmailChangeRequested { to } => (MailKind::EmailChangeRequested, None, Some(to)),
            Self::EmailChanged { to } => (MailKind::EmailChanged, None, Some(to)),
            Self::PasswordChanged => (MailKind::PasswordChanged, None, None),
            Self::RoleChanged => (MailKind::RoleChanged, None, None),
            Self::UserDisabled => (MailKind::UserDisabled, None, None),
            Self::AccountDeleted { to } => (MailKind::AccountDeleted, None, Some(to)),
        }
    }
}

/// Writes the mail with an invitation. notification-service looks up whether its address has an account, and applies the limit.
pub(crate) async fn write_invitation(
    connection: &mut PgConnection,
    organization_id: Uuid,
    invitation_id: Uuid,
    correlation: &CorrelationId,
) -> Result<(), ServiceError> {
    sqlx::query!(
        r#"
        insert into "Outbox" (id, kind, "organizationId", "correlationId", "linkId") values ($1, $2, $3, $4, $5)
        "#,
        Uuid::now_v7(),
        AsText(MailKind::Invitation) as _,
        organization_id,
        correlation.as_str(),
        invitation_id,
    )
    .execute(connection)
    .instrumented("INSERT Outbox")
    .await
    .map_err(db_error)?;
    Ok(())
}

/// Asks for the mail with a link to reset a password. notification-service looks the account up and records the request, so that
/// this takes the same time whether or not there is one.
///
/// # Errors
/// When the statement fails.
pub async fn write_password_reset(
    connection: &mut PgConnection,
    typed_email: &str,
    origin: &Origin,
) -> Result<(), ServiceError> {
    let Origin { address, client, correlation_id } = origin;
    sqlx::query!(
        r#"
        insert into "Outbox" (id, kind, "correlationId", "typedEmail", "clientAddress", client)
        values ($1, $2, $3, $4, $5, $6)
        "#,
        Uuid::now_v7(),
        AsText(MailKind::PasswordReset) as _,
        correlation_id.as_str(),
        typed_email,
        address,
        client.as_deref(),
    )
    .execute(connection)
    .instrumented("INSERT Outbox")
    .await
    .map_err(db_error)?;
    Ok(())
}
