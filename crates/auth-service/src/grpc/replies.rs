//! Converts results of the use cases into protobuf messages.

use eventboard_domain::DecisionMails;
use eventboard_proto::{auth as proto, convert::timestamp};

use crate::{
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
