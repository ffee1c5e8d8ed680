//! A member as pages show one.

use chrono::{DateTime, Utc};
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_domain::Role;
use eventboard_proto::auth::{self as proto, GetMemberRequest};
use uuid::Uuid;

use crate::{
    calls::auth_reply,
    dates,
    form::{Form, FormView},
    page::SignedIn,
    texts::Texts,
};

/// A member as pages show one.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: Uuid,
    pub(super) email: String,
    pub(super) first_name: String,
    last_name: String,
    pub(super) role: Role,
    /// Whether the member cannot sign in.
    pub(super) is_disabled: bool,
    pub(super) created_at: DateTime<Utc>,
    pub(super) has_verified_email: bool,
    pub(super) version: i64,
}

impl Member {
    /// Asks for a member.
    ///
    /// # Errors
    /// `NotFound` when the organization has no such member, and the error of the call.
    pub(super) async fn find(visit: &SignedIn, id: Uuid) -> Result<Self, ServiceError> {
        let message = GetMemberRequest { id: id.to_string() };
        let reply = visit.board.clients().auth().get_member(visit.calls.request(message)).await;
        Self::required(auth_reply(reply)?.member)
    }

    /// The member of a reply.
    ///
    /// # Errors
    /// When the reply has none, which is a defect.
    pub(super) fn required(member: Option<proto::Member>) -> Result<Self, ServiceError> {
        member.ok_or_else(|| Backend::Auth.invalid_reply("member"))?.try_into()
    }

    /// The first and the last name.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }

    /// What is wrong with a form that was filled in before somebody else has changed the member.
    pub(super) fn stale_form(&self, texts: &Texts, form: &Form, field: &str) -> FormView {
        let words = &texts.admin;
        let state = if self.is_disabled { words.members.disabled } else { words.members.active };
        let message = (words.member.changed_meanwhile)(texts.common.role(self.role), state);
        FormView::with_error(form, field, message)
    }

    /// The path of the member's page.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", super::MEMBERS_PATH, self.id)
    }
}

impl TryFrom<proto::Member> for Member {
    type Error = ServiceError;

    fn try_from(member: proto::Member) -> Result<Self, ServiceError> {
        let role = Role::try_from(member.role()).map_err(|_| Backend::Auth.invalid_reply("role"))?;
        let proto::Member {
            id,
            email,
            first_name,
            last_name,
            role: _,
            disabled: is_disabled,
            created_at,
            email_verified_at,
            version,
        } = member;
        Ok(Self {
            id: id.parse().map_err(|_| Backend::Auth.invalid_reply("id"))?,
            email,
            first_name,
            last_name,
            role,
            is_disabled,
            created_at: dates::required(created_at, Backend::Auth, "created_at")?,
            has_verified_email: email_verified_at.is_some(),
            version,
        })
    }
}
