//! Reads what a mail is about.

use eventboard_chassis::error::ServiceError;
use eventboard_db::{AsText, InstrumentStatement, db_error};
use eventboard_domain::{MailKind, Role, normalize_email};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{LeasedRow, Store};
use crate::{
    line::Line,
    message::Content,
    texts::{AccountNews, Decision, Invitation, Invitee, Link, Subject, Verdict},
};

impl Store {
    /// Reads what a mail is about. `None` when there is nothing to tell any more: the recipient was deleted or disabled, or
    /// has switched off such mails, or the event was deleted, or the link or the invitation has ended, or the address got too
    /// many mails.
    pub(crate) async fn load_content(&self, row: &LeasedRow) -> Result<Option<Content>, ServiceError> {
        let mut lease = self.acquire().await?;
        let AsText(kind) = row.kind;
        let content = match kind {
            MailKind::Invitation => load_invitation(&mut lease, row.id).await?,
            MailKind::AccountDeleted => load_deletion(&mut lease, row.id).await?,
            MailKind::Welcome
            | MailKind::VerifyEmail
            | MailKind::ConfirmEmail
            | MailKind::EmailChangeRequested
            | MailKind::EmailChanged
            | MailKind::PasswordReset
            | MailKind::PasswordChanged
            | MailKind::RoleChanged
            | MailKind::UserDisabled
            | MailKind::EventApproved
            | MailKind::EventRejected => load_news(&mut lease, row.id, kind).await?,
        };
        lease.release();
        Ok(content)
    }
}

/// Reads a mail to a user. Only a user who was disabled gets the mail about that, unless they were enabled again.
async fn load_news(
    connection: &mut PgConnection,
    id: Uuid,
    kind: MailKind,
) -> Result<Option<Content>, ServiceError> {
    let row = sqlx::query!(
        r#"
        select mail."createdAt" as created_at,
            recipient.id as recipient_id, recipient.role::text as "role!: AsText<Role>",
            coalesce(mail."toEmail", recipient.email) as "recipient!",
            organization.name as organization, link.id as "link_id?", link.seed as "link_seed?",
            event.id as "event_id?", event.title as "title?", history.reason as "reason?",
            actor."firstName" || ' ' || actor."lastName" as actor
        from "Outbox" mail
        join "User" recipient on recipient.id = mail."recipientId"
            and recipient."organizationId" = mail."organizationId"
            and recipient.disabled = (mail.kind = 'USER_DISABLED')
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
    .fetch_optional(&mut *connection)
    .instrumented("SELECT mail")
    .await
    .map_err(db_error)?;
    let Some(row) = row else { return Ok(None) };
    let is_taken =
        kind == MailKind::ConfirmEmail && is_taken(connection, &row.recipient, row.recipient_id).await?;
    let link = || Some(Link { id: row.link_id?, seed: row.link_seed?.try_into().ok()? });
    let decision = || {
        Some(Subject::Decision(Decision {
            owner_id: row.recipient_id,
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
        MailKind::RoleChanged => Some(account(AccountNews::RoleChanged { role: row.role.0 })),
        MailKind::UserDisabled => Some(account(AccountNews::UserDisabled)),
        MailKind::EventApproved | MailKind::EventRejected => decision(),
        // Their recipient is no user.
        MailKind::Invitation | MailKind::AccountDeleted => None,
    };
    Ok(subject.map(|subject| Content { id, created_at: row.created_at, recipient: row.recipient, subject }))
}

/// Reads a mail with an invitation that works, and has counted for the limit of its address.
async fn load_invitation(connection: &mut PgConnection, id: Uuid) -> Result<Option<Content>, ServiceError> {
    let row = sqlx::query!(
        r#"
        select mail."createdAt" as created_at, invitation.id as invitation_id, invitation.seed,
            invitation.email as "email!", invitation.role::text as "role!: AsText<Role>",
            organization.id as organization_id, organization.name as organization,
            inviter."firstName" || ' ' || inviter."lastName" as inviter
        from "Outbox" mail
        join "Invitation" invitation on invitation.id = mail."linkId"
            and invitation."organizationId" = mail."organizationId"
            and invitation."endedAt" is null and invitation."expiresAt" > now()
        join "Organization" organization on organization.id = mail."organizationId"
        left join "User" inviter on inviter.id = invitation."invitedById"
            and inviter."organizationId" = mail."organizationId"
        where mail.id = $1 and mail."countedAt" is not null
        "#,
        id
    )
    .fetch_optional(&mut *connection)
    .instrumented("SELECT invitation mail")
    .await
    .map_err(db_error)?;
    let Some(row) = row else { return Ok(None) };
    let Ok(seed) = row.seed.try_into() else { return Ok(None) };
    let link = Link { id: row.invitation_id, seed };
    let invitee = find_invitee(connection, row.organization_id, &row.email, link).await?;
    let invitation = Invitation {
        organization: Line::new(&row.organization),
        role: row.role.0,
        inviter: row.inviter.as_deref().map(Line::new),
        invitee,
    };
    let subject = Subject::Invitation(invitation);
    Ok(Some(Content { id, created_at: row.created_at, recipient: row.email, subject }))
}

/// Looks up whether an address that is invited has an account, and where.
async fn find_invitee(
    connection: &mut PgConnection,
    organization_id: Uuid,
    email: &str,
    link: Link,
) -> Result<Invitee, ServiceError> {
    let is_member = sqlx::query_scalar!(
        r#"
        select bool_or("organizationId" = $3) from "User"
        where lower(email) = lower($1) or coalesce("normalizedEmail", lower(email)) = $2
        "#,
        email,
        normalize_email(email),
        organization_id,
    )
    .fetch_one(connection)
    .instrumented("SELECT account")
    .await
    .map_err(db_error)?;
    Ok(match is_member {
        None => Invitee::Stranger(link),
        Some(false) => Invitee::MemberElsewhere(link),
        Some(true) => Invitee::Member,
    })
}

/// Reads a mail to somebody whose account was deleted. Their organization may be gone as well.
async fn load_deletion(connection: &mut PgConnection, id: Uuid) -> Result<Option<Content>, ServiceError> {
    let row = sqlx::query!(
        r#"
        select mail."createdAt" as created_at, mail."toEmail" as "recipient!", organization.name as "organization?"
        from "Outbox" mail left join "Organization" organization on organization.id = mail."organizationId"
        where mail.id = $1 and mail."toEmail" is not null
        "#,
        id
    )
    .fetch_optional(connection)
    .instrumented("SELECT deletion mail")
    .await
    .map_err(db_error)?;
    Ok(row.map(|row| Content {
        id,
        created_at: row.created_at,
        recipient: row.recipient,
        subject: Subject::AccountDeleted { organization: row.organization.as_deref().map(Line::new) },
    }))
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
