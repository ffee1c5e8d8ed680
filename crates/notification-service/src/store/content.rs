//! Reads what a mail is about.

use eventboard_chassis::error::ServiceError;
use eventboard_db::{AsText, InstrumentStatement, db_error};
use eventboard_domain::MailKind;
use uuid::Uuid;

use super::Store;
use crate::{
    line::Line,
    message::Content,
    texts::{Decision, PasswordReset, Subject, Verdict},
};

impl Store {
    /// Reads what a mail is about. `None` when there is nothing to tell any more: the recipient was deleted or disabled, or
    /// has switched off such mails, or the event was deleted, or the link has expired.
    pub(crate) async fn load_content(&self, id: Uuid) -> Result<Option<Content>, ServiceError> {
        let mut lease = self.acquire().await?;
        let row = sqlx::query!(
            r#"
            select mail.kind as "kind: AsText<MailKind>", mail."createdAt" as created_at,
                recipient.id as recipient_id, recipient.email, organization.name as organization,
                link.id as "link_id?", link.seed as "link_seed?", event.id as "event_id?", event.title as "title?", history.reason as "reason?",
                actor."firstName" || ' ' || actor."lastName" as actor
            from "Outbox" mail
            join "User" recipient on recipient.id = mail."recipientId"
                and recipient."organizationId" = mail."organizationId" and not recipient.disabled
                and (mail.kind in ('WELCOME', 'PASSWORD_RESET', 'PASSWORD_CHANGED') or recipient."decisionMails" = 'immediate')
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
        lease.release();
        let Some(row) = row else { return Ok(None) };
        let AsText(kind) = row.kind;
        let decision = || {
            Some(Subject::Decision(Decision {
                verdict: Verdict::new(kind, row.reason.as_deref())?,
                event_id: row.event_id?,
                title: Line::new(row.title.as_deref()?),
                moderator: row.actor.as_deref().map(Line::new),
            }))
        };
        let reset = || {
            Some(Subject::PasswordReset(PasswordReset {
                organization: Line::new(&row.organization),
                link_id: row.link_id?,
                seed: row.link_seed?.try_into().ok()?,
            }))
        };
        let subject = match kind {
            MailKind::Welcome => Some(Subject::Welcome { organization: Line::new(&row.organization) }),
            MailKind::PasswordChanged => {
                Some(Subject::PasswordChanged { organization: Line::new(&row.organization) })
            }
            MailKind::PasswordReset => reset(),
            MailKind::EventApproved | MailKind::EventRejected => decision(),
        };
        Ok(subject.map(|subject| Content {
            id,
            created_at: row.created_at,
            recipient_id: row.recipient_id,
            recipient: row.email,
            subject,
        }))
    }
}
