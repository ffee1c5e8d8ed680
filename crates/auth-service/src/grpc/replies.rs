//! Converts results of the use cases into protobuf messages.

use std::time::Duration;

use eventboard_domain::{AuditTarget, DecisionMails};
use eventboard_proto::{auth as proto, convert::timestamp};
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::{
    audit::{AuditPage, AuditPosition, AuditRecord},
    session::{ListedSession, SignedIn, Tokens},
    user::{Organization, User},
};

impl From<SignedIn> for proto::SessionReply {
    fn from(signed_in: SignedIn) -> Self {
        let SignedIn { user, tokens } = signed_in;
        let proto::RefreshReply { access_token, refresh_token, expires_in, refresh_expires_in } =
            tokens.into();
        Self { user: Some(user.into()), access_token, refresh_token, expires_in, refresh_expires_in }
    }
}

impl From<Tokens> for proto::RefreshReply {
    fn from(tokens: Tokens) -> Self {
        let Tokens { access_token, refresh_token, expires_in, refresh_expires_in } = tokens;
        Self {
            access_token,
            refresh_token: refresh_token.expose_secret().to_owned(),
            expires_in: whole_seconds(expires_in),
            refresh_expires_in: whole_seconds(refresh_expires_in),
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
        }
    }
}

impl From<Organization> for proto::Organization {
    fn from(organization: Organization) -> Self {
        let Organization { id, name, slug } = organization;
        Self { id: id.to_string(), name, slug }
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
