//! Converts results of the use cases into protobuf messages.

use eventboard_domain::{AuditTarget, DecisionMails};
use eventboard_proto::{auth as proto, convert::timestamp};

use crate::{
    audit::{AuditPage, AuditPosition, AuditRecord},
    use_cases::Session,
    user::{Organization, User},
};

impl From<Session> for proto::SessionReply {
    fn from(session: Session) -> Self {
        Self { user: Some(session.user.into()), access_token: session.access_token }
    }
}

pub(super) fn notifications(decisions: DecisionMails) -> proto::NotificationsReply {
    proto::NotificationsReply { decisions: proto::DecisionMails::from(decisions).into() }
}

impl From<User> for proto::User {
    fn from(user: User) -> Self {
        let User { id, email, first_name, last_name, role, organization_id, created_at } = user;
        Self {
            id: id.to_string(),
            email,
            first_name,
            last_name,
            role: proto::Role::from(role).into(),
            organization_id: organization_id.to_string(),
            created_at: Some(timestamp(created_at)),
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
