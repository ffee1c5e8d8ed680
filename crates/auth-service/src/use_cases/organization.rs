//! What members see of their organization, of its members and of its invitations.

use eventboard_chassis::{
    error::ServiceError, fairness::Client, link_token::PresentedLink, server::Deadline,
};
use eventboard_db::OpenInvitation;
use eventboard_domain::{Identity, Refusal};
use uuid::Uuid;

use super::AuthUseCases;
use crate::{
    organization::{InvitationContent, Member, MemberPage, MemberQuery, OrganizationDetails},
    store::invalid_link,
};

impl AuthUseCases {
    /// Returns the caller's organization.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated.
    pub(crate) async fn organization(&self, caller: &Identity) -> Result<OrganizationDetails, ServiceError> {
        Ok(self.store.find_organization(caller).await?.ok_or(Refusal::TokenOutdated)?)
    }

    /// Lists members of the caller's organization.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated; `ModeratorRequired` when the caller is a USER.
    pub(crate) async fn members(
        &self,
        caller: &Identity,
        query: &MemberQuery,
        deadline: Deadline,
    ) -> Result<MemberPage, ServiceError> {
        self.check_caller(caller).await?;
        caller.require_moderator()?;
        self.store.list_members(caller.organization_id, query, deadline).await
    }

    /// Returns a member of the caller's organization.
    ///
    /// # Errors
    /// `MemberNotFound`; the same as for the list.
    pub(crate) async fn member(&self, caller: &Identity, id: Uuid) -> Result<Member, ServiceError> {
        self.check_caller(caller).await?;
        caller.require_moderator()?;
        self.changed_member(caller, id).await
    }

    /// Returns a member whom the caller has just changed.
    ///
    /// # Errors
    /// `MemberNotFound` when the member was deleted meanwhile.
    pub(crate) async fn changed_member(&self, caller: &Identity, id: Uuid) -> Result<Member, ServiceError> {
        let member = self.store.find_member_by_id(caller.organization_id, id).await?;
        Ok(member.ok_or(Refusal::MemberNotFound)?)
    }

    /// Lists the invitations that wait for an answer, newest first. `before` is the last invitation of the page before. Returns
    /// whether there are more.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller's token is outdated; `AdminRequired` when the caller is not an ADMIN.
    pub(crate) async fn invitations(
        &self,
        caller: &Identity,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<(Vec<OpenInvitation>, bool), ServiceError> {
        self.check_caller(caller).await?;
        caller.require_admin()?;
        // There are at most 100. Their IDs are in the order of their creation.
        let all = self.store.open_invitations(caller.organization_id).await?;
        let mut left =
            all.into_iter().filter(|invitation| before.is_none_or(|before| invitation.id < before));
        let page = left.by_ref().take(limit as usize).collect();
        Ok((page, left.next().is_some()))
    }

    /// Returns an invitation to this address that the caller has made, even if it was used or withdrawn meanwhile.
    ///
    /// # Errors
    /// `InvitationNotFound` when it ended more than a day ago.
    pub(crate) async fn created_invitation(
        &self,
        caller: &Identity,
        id: Uuid,
        email: &str,
    ) -> Result<OpenInvitation, ServiceError> {
        let found = self.store.created_invitation(caller.organization_id, id, email).await?;
        Ok(found.ok_or(Refusal::InvitationNotFound)?)
    }

    /// Returns what an invitation is about.
    ///
    /// # Errors
    /// `InvalidInput` when the token is unknown, used or expired.
    pub(crate) async fn look_invitation_up(
        &self,
        token: &str,
        client: Client,
    ) -> Result<InvitationContent, ServiceError> {
        let link = PresentedLink::parse(token).ok_or_else(invalid_link)?;
        self.store.find_invitation(&link, &self.link_verifier, client).await
    }
}
