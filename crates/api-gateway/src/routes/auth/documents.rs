//! What `/auth` answers.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::Role;
use eventboard_proto::auth as proto;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{clients::Backend, openapi::words, routes::time};

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    /// UUIDv7.
    #[schema(format = Uuid)]
    id: String,
    /// Unique without regard to case.
    #[schema(format = Email, example = "admin@acme.com")]
    email: String,
    #[schema(example = "Ada")]
    first_name: String,
    #[schema(example = "Lovelace")]
    last_name: String,
    /// What the user may do within the organization.
    #[schema(schema_with = words::role)]
    role: &'static str,
    /// The organization that the user belongs to.
    #[schema(format = Uuid)]
    organization_id: String,
    #[schema(format = DateTime)]
    created_at: String,
}

/// A user with a token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    user: User,
    /// A JWT, to be sent as `Authorization: Bearer …`.
    access_token: String,
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Organization {
    #[schema(format = Uuid)]
    id: String,
    #[schema(example = "Acme Corporation")]
    name: String,
    /// Unique; made from the name.
    #[schema(example = "acme-corp")]
    slug: String,
}

/// A user with the organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Me {
    #[serde(flatten)]
    user: User,
    organization: Organization,
}

impl TryFrom<proto::User> for User {
    type Error = ServiceError;

    fn try_from(user: proto::User) -> Result<Self, ServiceError> {
        let missing = |what| Backend::Auth.broken_reply(what);
        Ok(Self {
            role: role(user.role()).ok_or_else(|| missing("role"))?.as_str(),
            created_at: user.created_at.and_then(time::to_json).ok_or_else(|| missing("created_at"))?,
            id: user.id,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            organization_id: user.organization_id,
        })
    }
}

impl TryFrom<proto::SessionReply> for Session {
    type Error = ServiceError;

    fn try_from(reply: proto::SessionReply) -> Result<Self, ServiceError> {
        let user = reply.user.ok_or_else(|| Backend::Auth.broken_reply("user"))?;
        Ok(Self { user: user.try_into()?, access_token: reply.access_token })
    }
}

impl TryFrom<proto::GetMeReply> for Me {
    type Error = ServiceError;

    fn try_from(reply: proto::GetMeReply) -> Result<Self, ServiceError> {
        let missing = |what| Backend::Auth.broken_reply(what);
        let organization = reply.organization.ok_or_else(|| missing("organization"))?;
        Ok(Self {
            user: reply.user.ok_or_else(|| missing("user"))?.try_into()?,
            organization: Organization {
                id: organization.id,
                name: organization.name,
                slug: organization.slug,
            },
        })
    }
}

fn role(role: proto::Role) -> Option<Role> {
    match role {
        proto::Role::Unspecified => None,
        proto::Role::User => Some(Role::User),
        proto::Role::Moderator => Some(Role::Moderator),
        proto::Role::Admin => Some(Role::Admin),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user() -> proto::User {
        proto::User {
            id: "u".into(),
            email: "a@b.cd".into(),
            first_name: "Ada".into(),
            last_name: "Lovelace".into(),
            role: proto::Role::Moderator.into(),
            organization_id: "o".into(),
            created_at: Some(prost_types::Timestamp { seconds: 0, nanos: 1_000_000 }),
        }
    }

    #[test]
    fn me_is_the_user_with_the_organization() {
        let organization = proto::Organization { id: "o".into(), name: "Acme".into(), slug: "acme".into() };
        let reply = proto::GetMeReply { user: Some(user()), organization: Some(organization) };
        assert_eq!(
            serde_json::to_value(Me::try_from(reply).expect("a whole reply")).expect("JSON"),
            json!({
                "id": "u",
                "email": "a@b.cd",
                "firstName": "Ada",
                "lastName": "Lovelace",
                "role": "MODERATOR",
                "organizationId": "o",
                "createdAt": "1970-01-01T00:00:00.001Z",
                "organization": {"id": "o", "name": "Acme", "slug": "acme"},
            })
        );
    }

    #[test]
    fn a_reply_that_lacks_something_is_a_defect() {
        let reply = proto::SessionReply { user: None, access_token: "t".into() };
        assert!(Session::try_from(reply).is_err());
        let nobody = proto::User { role: 0, ..user() };
        assert!(User::try_from(nobody).is_err());
    }
}
