//! Converts results of the use cases into protobuf messages.

use std::time::Duration;

use eventboard_db::{AsText, OpenInvitation};
use eventboard_domain::{AuditTarget, DecisionMails, OrganizationSettings, Quotas};
use eventboard_proto::{auth as proto, convert::timestamp};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::{
    audit::{AuditPage, AuditPosition, AuditRecord},
    organization::{InvitationContent, Member, MemberFilters, MemberPage, OrganizationDetails},
    session::{Access, BrowserAccess, BrowserSession, Credential, ListedSession, SignedIn, Tokens},
    use_cases::AccountCopy,
    user::{Organization, User},
};

impl From<SignedIn> for proto::SessionReply {
    fn from(signed_in: SignedIn) -> Self {
        let SignedIn { user, access: Access { token, expires_in, session_expires_in }, credential } =
            signed_in;
        let (refresh_token, browser_secret) = match &credential {
            Credential::RefreshToken(token) => (token.expose_secret(), ""),
            Credential::BrowserSecret(secret) => ("", secret.expose_secret()),
        };
        Self {
            user: Some(user.into()),
            access_token: token,
            refresh_token: refresh_token.to_owned(),
            expires_in: whole_seconds(expires_in),
            refresh_expires_in: whole_seconds(session_expires_in),
            browser_secret: browser_secret.to_owned(),
        }
    }
}

/// The browser session in use. `require_verified_email` is the service's setting.
pub(super) fn browser_session(
    used: BrowserAccess,
    require_verified_email: bool,
) -> proto::UseBrowserSessionReply {
    let BrowserAccess { access: Access { token, expires_in, session_expires_in }, session } = used;
    let BrowserSession { user, organization, organization_time_zone, token_session: _, left: _ } = session;
    proto::UseBrowserSessionReply {
        access_token: token,
        expires_in: whole_seconds(expires_in),
        session_expires_in: whole_seconds(session_expires_in),
        user: Some(user.into()),
        organization: Some(organization.into()),
        organization_time_zone,
        email_verification_required: require_verified_email,
    }
}

/// The password was changed. The secret is the new one of a browser session.
pub(super) fn changed_password(secret: Option<SecretString>) -> proto::ChangePasswordReply {
    let browser_secret = secret.map(|secret| secret.expose_secret().to_owned()).unwrap_or_default();
    proto::ChangePasswordReply { browser_secret }
}

impl From<Tokens> for proto::RefreshReply {
    fn from(tokens: Tokens) -> Self {
        let Tokens { access: Access { token, expires_in, session_expires_in }, refresh_token } = tokens;
        Self {
            access_token: token,
            refresh_token: refresh_token.expose_secret().to_owned(),
            expires_in: whole_seconds(expires_in),
            refresh_expires_in: whole_seconds(session_expires_in),
        }
    }
}

fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// The sessions of the caller. `current` is the session of the caller's token.
pub(super) fn sessions(sessions: Vec<ListedSession>, current: Option<Uuid>) -> proto::ListSessionsReply {
    let sessions = sessions.into_iter().map(|session| {
        let ListedSession { id, created_at, last_used_at, client, address } = session;
        proto::UserSession {
            id: id.to_string(),
            created_at: Some(timestamp(created_at)),
            last_used_at: Some(timestamp(last_used_at)),
            client,
            address,
            current: current == Some(id),
        }
    });
    proto::ListSessionsReply { sessions: sessions.collect() }
}

pub(super) fn notifications(decisions: DecisionMails) -> proto::NotificationsReply {
    proto::NotificationsReply { decisions: proto::DecisionMails::from(decisions).into() }
}

impl From<User> for proto::User {
    fn from(user: User) -> Self {
        let User {
            id,
            email,
            first_name,
            last_name,
            role,
            organization_id,
            created_at,
            email_verified_at,
            pending_email,
            language,
            time_zone,
        } = user;
        Self {
            id: id.to_string(),
            email,
            first_name,
            last_name,
            role: proto::Role::from(role).into(),
            organization_id: organization_id.to_string(),
            created_at: Some(timestamp(created_at)),
            email_verified_at: email_verified_at.map(timestamp),
            pending_email,
            language,
            time_zone,
        }
    }
}

impl From<Organization> for proto::Organization {
    fn from(organization: Organization) -> Self {
        let Organization { id, name, slug } = organization;
        Self { id: id.to_string(), name, slug }
    }
}

impl From<Member> for proto::Member {
    fn from(member: Member) -> Self {
        let Member {
            id,
            email,
            first_name,
            last_name,
            role,
            disabled,
            created_at,
            email_verified_at,
            version,
        } = member;
        Self {
            id: id.to_string(),
            email,
            first_name,
            last_name,
            role: proto::Role::from(role).into(),
            disabled,
            created_at: Some(timestamp(created_at)),
            email_verified_at: email_verified_at.map(timestamp),
            version,
        }
    }
}

/// A page of the list with these filters.
pub(super) fn members(page: MemberPage, filters: &MemberFilters) -> proto::ListMembersReply {
    let MemberPage { members, next } = page;
    proto::ListMembersReply {
        members: members.into_iter().map(Into::into).collect(),
        next_cursor: next.map(|position| position.to_cursor(filters)),
    }
}

pub(super) fn invitation(invitation: OpenInvitation) -> proto::Invitation {
    let OpenInvitation { id, email, role: AsText(role), created_at, expires_at } = invitation;
    proto::Invitation {
        id: id.to_string(),
        email,
        role: proto::Role::from(role).into(),
        created_at: Some(timestamp(created_at)),
        expires_at: Some(timestamp(expires_at)),
    }
}

pub(super) fn invitations(page: Vec<OpenInvitation>, has_more: bool) -> proto::ListInvitationsReply {
    let next_cursor = page.last().filter(|_| has_more).map(|last| last.id.to_string());
    proto::ListInvitationsReply { invitations: page.into_iter().map(invitation).collect(), next_cursor }
}

impl From<InvitationContent> for proto::LookUpInvitationReply {
    fn from(content: InvitationContent) -> Self {
        let InvitationContent { organization, email, role } = content;
        Self { organization: Some(organization.into()), email, role: proto::Role::from(role).into() }
    }
}

/// The organization, with the limits of every organization.
pub(super) fn organization(
    details: OrganizationDetails,
    limits: &Quotas,
    replayed: bool,
) -> proto::OrganizationReply {
    let OrganizationDetails { organization, settings, created_at, members, version } = details;
    // The name is that of the organization.
    let OrganizationSettings { name: _, open_signup, time_zone } = settings;
    let Quotas { events, bytes, members: max_members } = *limits;
    proto::OrganizationReply {
        organization: Some(organization.into()),
        open_signup,
        time_zone,
        created_at: Some(timestamp(created_at)),
        max_events: events,
        max_bytes: bytes,
        max_members,
        members,
        version,
        replayed,
    }
}

/// The copy of the caller's account. `current` is the session of the caller's token.
pub(super) fn exported_account(copy: AccountCopy, current: Option<Uuid>) -> proto::ExportedAccount {
    let AccountCopy { user, organization, decisions, sessions: listed, invitations: open, known_addresses } =
        copy;
    proto::ExportedAccount {
        user: Some(user.into()),
        organization: Some(organization.into()),
        decisions: proto::DecisionMails::from(decisions).into(),
        sessions: sessions(listed, current).sessions,
        invitations: open.into_iter().map(invitation).collect(),
        known_addresses,
    }
}

impl From<AuditPage> for proto::ListAuditReply {
    fn from(page: AuditPage) -> Self {
        let AuditPage { entries, next } = page;
        Self {
            entries: entries.into_iter().map(Into::into).collect(),
            next_cursor: next.map(AuditPosition::to_cursor),
        }
    }
}

impl From<AuditRecord> for proto::AuditEntry {
    fn from(record: AuditRecord) -> Self {
        let AuditRecord { at, actor_id, action, target, address, client, correlation_id, details } = record;
        let target = target.map(|AuditTarget { kind, id }| proto::AuditTarget {
            r#type: proto::AuditTargetType::from(kind).into(),
            id: id.to_string(),
        });
        Self {
            at: Some(timestamp(at)),
            actor_id: actor_id.map(|id| id.to_string()),
            action: proto::AuditAction::from(action).into(),
            target,
            address,
            client,
            correlation_id,
            details,
        }
    }
}
