//! Who looks at a page.

use chrono_tz::Tz;
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_domain::Role;
use eventboard_proto::auth::{self as proto, UseBrowserSessionReply};
use uuid::Uuid;

/// A signed-in user, as far as every page needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    /// The user.
    pub(crate) id: Uuid,
    /// The user's organization.
    pub(crate) organization_id: Uuid,
    /// The name of the organization.
    pub(crate) organization_name: String,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) role: Role,
    /// Whether the user must verify the address before some actions.
    pub(crate) must_verify_email: bool,
    /// Whether the address is verified.
    pub(crate) has_verified_email: bool,
    /// The zone in which the user reads times.
    pub(crate) zone: Tz,
    /// The zone of the organization.
    pub(crate) organization_zone: Tz,
}

impl Viewer {
    /// The first and the last name.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }

    /// Whether the user decides on events.
    pub(crate) fn is_moderator(&self) -> bool {
        match self.role {
            Role::User => false,
            Role::Moderator | Role::Admin => true,
        }
    }

    /// Whether the user administers the organization.
    pub(crate) fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }
}

impl TryFrom<UseBrowserSessionReply> for Viewer {
    type Error = ServiceError;

    fn try_from(reply: UseBrowserSessionReply) -> Result<Self, ServiceError> {
        let UseBrowserSessionReply {
            access_token: _,
            expires_in: _,
            session_expires_in: _,
            user,
            organization,
            organization_time_zone,
            email_verification_required,
        } = reply;
        let user = user.ok_or_else(|| Backend::Auth.invalid_reply("user"))?;
        let organization = organization.ok_or_else(|| Backend::Auth.invalid_reply("organization"))?;
        let role = Role::try_from(user.role()).map_err(|_| Backend::Auth.invalid_reply("role"))?;
        let proto::Organization { id: organization_id, name: organization_name, slug: _ } = organization;
        let organization_zone = zone(Some(&organization_time_zone)).unwrap_or(Tz::UTC);
        let has_verified_email = user.email_verified_at.is_some();
        Ok(Self {
            id: user.id.parse().map_err(|_| Backend::Auth.invalid_reply("id"))?,
            organization_id: organization_id.parse().map_err(|_| Backend::Auth.invalid_reply("id"))?,
            organization_name,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            role,
            must_verify_email: email_verification_required && !has_verified_email,
            has_verified_email,
            zone: zone(user.time_zone.as_deref()).unwrap_or(organization_zone),
            organization_zone,
        })
    }
}

/// The zone with this name. `None` if this release does not know it.
fn zone(name: Option<&str>) -> Option<Tz> {
    name?.parse().ok()
}
