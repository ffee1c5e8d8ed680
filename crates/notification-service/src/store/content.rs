//! Reads what a mail is about.

use eventboard_chassis::error::ServiceError;
use eventboard_db::{AsText, InstrumentStatement, db_error};
use eventboard_domain::{MailKind, normalize_email};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Store;
use crate::{
    line::Line,
    message::Content,
    texts::{AccountNews, Decision, Link, Subject, Verdict},
};

impl Store {
    /// Reads what a mail is about. `None` when there is nothing to tell any more: the recipient was deleted or disabled, or
    /// has switched off such mails, or the event was deleted, or the link has expired.
    pub(crate) async fn load_content(&self, id: Uuid) -> Result<Option<Content>, ServiceError> {
        let mut lease = self.acquire().await?;
        let row = sqlx::query!(
            r#"
            select mail.kind as "kind: AsText<MailKind>", mail."createdAt" as created_at,
                recipient.id as recipient_id, coalesce(mail."toEmail", recipient.email) as "recipient!",
                organization.name as organization, link.id as "link_id?", link.seed as "link_seed?",
                event.id as "event_id?", event.title as "title?", history.reason as "reason?",
                actor."firstName" || ' ' || actor."lastName" as actor
            from "Outbox" mail
            join "User" recipient on recipient.id = mail."recipientId"
                and recipient."organizationId" = mail."organizationId" and not recipient.disabled
                and (mail.kind not in ('EVENT_APPROVED', 'EVENT_REJECTED') or recipient."decisionMails" = 'immediate')
            join "Organization" organization on organization.id = mail."organizationId"
            left join "AccountLink" link on link.id = mail."linkId" and link."expiresAt" > now()
                and link."endedAt" is null
            left join "EventHistory" history on history.id = mail."historyId"
            left join "Event" event on event.id = history."eventId"
                and event."organizationId" = mail."organizationId"
            left join "User" actor on actor.id = history."actorId"
                and actor."organizationId" = mail."organizationId"
            where mail.id = $1
            "#,
            id
        )
        .fetch_optional(&mut *lease)
        .instrumented("SELECT mail")
        .await
        .map_err(db_error)?;
        let Some(row) = row else {
            lease.release();
            return Ok(None);
        };
        let AsText(kind) = row.kind;
        let is_taken =
            kind == MailKind::ConfirmEmail && is_taken(&mut lease, &row.recipient, row.recipient_id).await?;
        lease.release();
        let link = || Some(Link { id: row.link_id?, seed: row.link_seed?.try_into().ok()? });
        let decision = || {
            Some(Subject::Decision(Decision {
                verdict: Verdict::new(kind, row.reason.as_deref())?,
                event_id: row.event_id?,
                title: Line::new(row.title.as_deref()?),
                moderator: row.actor.as_deref().map(Line::new),
            }))
        };
        let account = |news| Subject::Account { organization: Line::new(&row.organization), news };
        let subject = match kind {
            MailKind::Welcome => Some(account(AccountNews::Welcome { verification: link() })),
            MailKind::VerifyEmail => link().map(AccountNews::VerifyEmail).map(account),
            MailKind::ConfirmEmail if is_taken => link().map(|_| account(AccountNews::EmailTaken)),
            MailKind::ConfirmEmail => link().map(AccountNews::ConfirmEmail).map(account),
            MailKind::EmailChangeRequested => Some(account(AccountNews::EmailChangeRequested)),
            MailKind::EmailChanged => Some(account(AccountNews::EmailChanged)),
            MailKind::PasswordReset => link().map(AccountNews::PasswordReset).map(account),
            MailKind::PasswordChanged => Some(account(AccountNews::PasswordChanged)),
            MailKind::EventApproved | MailKind::EventRejected => decision(),
        };
        Ok(subject.map(|subject| Content {
            id,
            created_at: row.created_at,
            recipient_id: row.recipient_id,
            recipient: row.recipient,
            subject,
        }))
    }
}

/// Whether another account than that of the user has the address.
async fn is_taken(connection: &mut PgConnection, email: &str, user_id: Uuid) -> Result<bool, ServiceError> {
    sqlx::query_scalar!(
        r#"
        select exists (
            select from "User"
            where (lower(email) = lower($1) or coalesce("normalizedEmail", lower(email)) = $2) and id <> $3
        ) as "is_taken!"
        "#,
        email,
        normalize_email(email),
        user_id,
    )
    .fetch_one(connection)
    .instrumented("SELECT account")
    .await
    .map_err(db_error)
}
