//! The gRPC layer: converts requests and replies. No other module uses tonic.

mod replies;
mod requests;

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    server::{Caller, ClientAddress, Deadline, Origin},
};
use eventboard_domain::{Identity, Violations};
use eventboard_proto::auth::{
    ChangeEmailReply, ChangeEmailRequest, ChangePasswordReply, ChangePasswordRequest,
    CreateInvitationRequest, DeleteMeReply, DeleteMeRequest, ExportMeReply, ExportMeRequest,
    ForgetPasswordReply, ForgetPasswordRequest, GetMeReply, GetMeRequest, GetMemberRequest,
    GetNotificationsRequest, GetOrganizationRequest, InvitationReply, ListAuditReply, ListAuditRequest,
    ListInvitationsReply, ListInvitationsRequest, ListMembersReply, ListMembersRequest, ListSessionsReply,
    ListSessionsRequest, LoginRequest, LogoutReply, LogoutRequest, LookUpInvitationReply,
    LookUpInvitationRequest, MemberReply, NotificationsReply, OrganizationReply, RefreshReply,
    RefreshRequest, RemoveMemberReply, RemoveMemberRequest, ResendVerificationReply,
    ResendVerificationRequest, ResetPasswordReply, ResetPasswordRequest, RevokeOtherSessionsReply,
    RevokeOtherSessionsRequest, RevokeSessionReply, RevokeSessionRequest, SessionReply,
    SetNotificationsRequest, SignupRequest, UnsubscribeReply, UnsubscribeRequest, UpdateMeReply,
    UpdateMeRequest, UpdateMemberRequest, UpdateOrganizationRequest, UseBrowserSessionReply,
    UseBrowserSessionRequest, ValidateUserReply, ValidateUserRequest, VerifyEmailReply, VerifyEmailRequest,
    WithdrawEmailChangeReply, WithdrawEmailChangeRequest, WithdrawInvitationReply, WithdrawInvitationRequest,
    auth_service_server::AuthService,
};
use tonic::{Request, Response, Status};

use self::requests::KeyedChange;
use crate::{
    audit::AuditQuery,
    organization::MemberQuery,
    use_cases::{AuthUseCases, Changed},
    user::{EmailChange, LoginCredentials, PasswordChange, PasswordReset, Signup},
};

/// The methods of `eventboard.auth.v1.AuthService`.
pub(crate) struct AuthGrpc {
    use_cases: AuthUseCases,
}

impl AuthGrpc {
    pub(crate) fn new(use_cases: AuthUseCases) -> Self {
        Self { use_cases }
    }
}

impl AuthGrpc {
    /// Performs a change once for each idempotency key.
    async fn change<T>(&self, request: Request<T>) -> Result<(Identity, Changed), ServiceError>
    where
        KeyedChange: TryFrom<T, Error = Violations>,
    {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let origin = Origin::of(&request);
        let KeyedChange { change, key } = KeyedChange::try_from(request.into_inner())?;
        let changed = self.use_cases.change(&caller, &change, key, &origin, deadline).await?;
        Ok((caller, changed))
    }
}

#[tonic::async_trait]
impl AuthService for AuthGrpc {
    async fn signup(&self, request: Request<SignupRequest>) -> Result<Response<SessionReply>, Status> {
        let (block, deadline) = (ClientAddress::of(&request), Deadline::of(&request));
        let origin = Origin::of(&request);
        let signup = Signup::try_from(request.into_inner()).map_err(ServiceError::from)?;
        let signed_in = self.use_cases.signup(signup, block, &origin, deadline).await?;
        Ok(Response::new(signed_in.into()))
    }

    async fn login(&self, request: Request<LoginRequest>) -> Result<Response<SessionReply>, Status> {
        let (block, deadline) = (ClientAddress::of(&request), Deadline::of(&request));
        let origin = Origin::of(&request);
        let login = LoginCredentials::try_from(request.into_inner()).map_err(ServiceError::from)?;
        let signed_in = self.use_cases.login(login, block, &origin, deadline).await?;
        Ok(Response::new(signed_in.into()))
    }

    async fn refresh(&self, request: Request<RefreshRequest>) -> Result<Response<RefreshReply>, Status> {
        let (client, deadline) = (Client::Address(ClientAddress::of(&request)), Deadline::of(&request));
        let origin = Origin::of(&request);
        let RefreshRequest { refresh_token } = request.into_inner();
        let tokens = self.use_cases.refresh(&refresh_token, client, &origin, deadline).await?;
        Ok(Response::new(tokens.into()))
    }

    async fn use_browser_session(
        &self,
        request: Request<UseBrowserSessionRequest>,
    ) -> Result<Response<UseBrowserSessionReply>, Status> {
        let (client, origin) = (Client::Address(ClientAddress::of(&request)), Origin::of(&request));
        let UseBrowserSessionRequest { browser_secret } = request.into_inner();
        let used = self.use_cases.use_browser_session(&browser_secret, client, &origin).await?;
        Ok(Response::new(replies::browser_session(used, self.use_cases.require_verified_email)))
    }

    async fn logout(&self, request: Request<LogoutRequest>) -> Result<Response<LogoutReply>, Status> {
        let (client, deadline) = (Client::Address(ClientAddress::of(&request)), Deadline::of(&request));
        let (origin, caller) = (Origin::of(&request), Caller::of(&request).ok());
        let LogoutRequest { refresh_token } = request.into_inner();
        self.use_cases.log_out(caller, &refresh_token, client, &origin, deadline).await?;
        Ok(Response::new(LogoutReply {}))
    }

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsReply>, Status> {
        let caller = Caller::of(&request)?;
        let sessions = self.use_cases.list_sessions(&caller).await?;
        Ok(Response::new(replies::sessions(sessions, caller.session.id())))
    }

    async fn revoke_session(
        &self,
        request: Request<RevokeSessionRequest>,
    ) -> Result<Response<RevokeSessionReply>, Status> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let origin = Origin::of(&request);
        let id = requests::required_uuid(&request.get_ref().id).map_err(ServiceError::from)?;
        self.use_cases.revoke_session(&caller, id, &origin, deadline).await?;
        Ok(Response::new(RevokeSessionReply {}))
    }

    async fn revoke_other_sessions(
        &self,
        request: Request<RevokeOtherSessionsRequest>,
    ) -> Result<Response<RevokeOtherSessionsReply>, Status> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        self.use_cases.revoke_other_sessions(&caller, &Origin::of(&request), deadline).await?;
        Ok(Response::new(RevokeOtherSessionsReply {}))
    }

    async fn change_password(
        &self,
        request: Request<ChangePasswordRequest>,
    ) -> Result<Response<ChangePasswordReply>, Status> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let (origin, block) = (Origin::of(&request), ClientAddress::of(&request));
        let change = PasswordChange::try_from(request.into_inner()).map_err(ServiceError::from)?;
        let secret = self.use_cases.change_password(&caller, change, block, &origin, deadline).await?;
        Ok(Response::new(replies::changed_password(secret)))
    }

    async fn forget_password(
        &self,
        request: Request<ForgetPasswordRequest>,
    ) -> Result<Response<ForgetPasswordReply>, Status> {
        let (origin, block) = (Origin::of(&request), ClientAddress::of(&request));
        let email = requests::typed_email(request.get_ref()).map_err(ServiceError::from)?;
        self.use_cases.forget_password(&email, block, &origin).await?;
        Ok(Response::new(ForgetPasswordReply {}))
    }

    async fn reset_password(
        &self,
        request: Request<ResetPasswordRequest>,
    ) -> Result<Response<ResetPasswordReply>, Status> {
        let (block, deadline) = (ClientAddress::of(&request), Deadline::of(&request));
        let origin = Origin::of(&request);
        let reset = PasswordReset::try_from(request.into_inner()).map_err(ServiceError::from)?;
        self.use_cases.reset_password(reset, block, &origin, deadline).await?;
        Ok(Response::new(ResetPasswordReply {}))
    }

    async fn verify_email(
        &self,
        request: Request<VerifyEmailRequest>,
    ) -> Result<Response<VerifyEmailReply>, Status> {
        let (block, deadline) = (ClientAddress::of(&request), Deadline::of(&request));
        let origin = Origin::of(&request);
        let VerifyEmailRequest { token } = request.into_inner();
        self.use_cases.verify_email(&token, block, &origin, deadline).await?;
        Ok(Response::new(VerifyEmailReply {}))
    }

    async fn resend_verification(
        &self,
        request: Request<ResendVerificationRequest>,
    ) -> Result<Response<ResendVerificationReply>, Status> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let (origin, block) = (Origin::of(&request), ClientAddress::of(&request));
        self.use_cases.resend_verification(&caller, block, &origin, deadline).await?;
        Ok(Response::new(ResendVerificationReply {}))
    }

    async fn change_email(
        &self,
        request: Request<ChangeEmailRequest>,
    ) -> Result<Response<ChangeEmailReply>, Status> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let (origin, block) = (Origin::of(&request), ClientAddress::of(&request));
        let change = EmailChange::try_from(request.into_inner()).map_err(ServiceError::from)?;
        self.use_cases.change_email(&caller, change, block, &origin, deadline).await?;
        Ok(Response::new(ChangeEmailReply {}))
    }

    async fn withdraw_email_change(
        &self,
        request: Request<WithdrawEmailChangeRequest>,
    ) -> Result<Response<WithdrawEmailChangeReply>, Status> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        self.use_cases.withdraw_email_change(&caller, ClientAddress::of(&request), deadline).await?;
        Ok(Response::new(WithdrawEmailChangeReply {}))
    }

    async fn get_me(&self, request: Request<GetMeRequest>) -> Result<Response<GetMeReply>, Status> {
        let (user, organization) = self.use_cases.me(&Caller::of(&request)?).await?;
        Ok(Response::new(GetMeReply { user: Some(user.into()), organization: Some(organization.into()) }))
    }

    async fn get_notifications(
        &self,
        request: Request<GetNotificationsRequest>,
    ) -> Result<Response<NotificationsReply>, Status> {
        let decisions = self.use_cases.notifications(&Caller::of(&request)?).await?;
        Ok(Response::new(replies::notifications(decisions)))
    }

    async fn set_notifications(
        &self,
        request: Request<SetNotificationsRequest>,
    ) -> Result<Response<NotificationsReply>, Status> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let decisions = requests::decision_mails(request.into_inner()).map_err(ServiceError::from)?;
        self.use_cases.set_notifications(&caller, decisions, deadline).await?;
        Ok(Response::new(replies::notifications(decisions)))
    }

    async fn unsubscribe(
        &self,
        request: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeReply>, Status> {
        let client = Client::Address(ClientAddress::of(&request));
        self.use_cases.unsubscribe(&request.into_inner().token, client).await?;
        Ok(Response::new(UnsubscribeReply {}))
    }

    async fn validate_user(
        &self,
        request: Request<ValidateUserRequest>,
    ) -> Result<Response<ValidateUserReply>, Status> {
        self.use_cases.validate(&Caller::of(&request)?).await?;
        Ok(Response::new(ValidateUserReply {}))
    }

    async fn list_audit(
        &self,
        request: Request<ListAuditRequest>,
    ) -> Result<Response<ListAuditReply>, Status> {
        let caller = Caller::of(&request)?;
        let query = AuditQuery::try_from(request.into_inner()).map_err(ServiceError::from)?;
        Ok(Response::new(self.use_cases.audit(&caller, &query).await?.into()))
    }

    async fn update_me(&self, request: Request<UpdateMeRequest>) -> Result<Response<UpdateMeReply>, Status> {
        let (caller, Changed { id: _, replayed }) = self.change(request).await?;
        let (user, _) = self.use_cases.me(&caller).await?;
        Ok(Response::new(UpdateMeReply { user: Some(user.into()), replayed }))
    }

    async fn delete_me(&self, request: Request<DeleteMeRequest>) -> Result<Response<DeleteMeReply>, Status> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let (origin, block) = (Origin::of(&request), ClientAddress::of(&request));
        let password = requests::password(request.get_ref()).map_err(ServiceError::from)?;
        self.use_cases.delete_me(&caller, &password, block, &origin, deadline).await?;
        Ok(Response::new(DeleteMeReply {}))
    }

    async fn export_me(&self, request: Request<ExportMeRequest>) -> Result<Response<ExportMeReply>, Status> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let origin = Origin::of(&request);
        let after = requests::export_cursor(request.get_ref()).map_err(ServiceError::from)?;
        let account = match after {
            None => {
                let copy = self.use_cases.copy_account(&caller, &origin, deadline).await?;
                Some(replies::exported_account(copy, caller.session.id()))
            }
            Some(_) => None,
        };
        let ListAuditReply { entries, next_cursor } = self.use_cases.copy_audit(&caller, after).await?.into();
        Ok(Response::new(ExportMeReply { account, audit: entries, next_cursor }))
    }

    async fn get_organization(
        &self,
        request: Request<GetOrganizationRequest>,
    ) -> Result<Response<OrganizationReply>, Status> {
        let details = self.use_cases.organization(&Caller::of(&request)?).await?;
        Ok(Response::new(replies::organization(details, &self.use_cases.quotas, false)))
    }

    async fn update_organization(
        &self,
        request: Request<UpdateOrganizationRequest>,
    ) -> Result<Response<OrganizationReply>, Status> {
        let (caller, Changed { id: _, replayed }) = self.change(request).await?;
        let details = self.use_cases.organization(&caller).await?;
        Ok(Response::new(replies::organization(details, &self.use_cases.quotas, replayed)))
    }

    async fn list_members(
        &self,
        request: Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersReply>, Status> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let query = MemberQuery::try_from(request.into_inner()).map_err(ServiceError::from)?;
        let page = self.use_cases.members(&caller, &query, deadline).await?;
        Ok(Response::new(replies::members(page, &query.filters)))
    }

    async fn get_member(&self, request: Request<GetMemberRequest>) -> Result<Response<MemberReply>, Status> {
        let caller = Caller::of(&request)?;
        let id = requests::required_uuid(&request.get_ref().id).map_err(ServiceError::from)?;
        let member = self.use_cases.member(&caller, id).await?;
        Ok(Response::new(MemberReply { member: Some(member.into()), replayed: false }))
    }

    async fn update_member(
        &self,
        request: Request<UpdateMemberRequest>,
    ) -> Result<Response<MemberReply>, Status> {
        let (caller, Changed { id, replayed }) = self.change(request).await?;
        let member = self.use_cases.changed_member(&caller, id).await?;
        Ok(Response::new(MemberReply { member: Some(member.into()), replayed }))
    }

    async fn remove_member(
        &self,
        request: Request<RemoveMemberRequest>,
    ) -> Result<Response<RemoveMemberReply>, Status> {
        let (_, Changed { id: _, replayed }) = self.change(request).await?;
        Ok(Response::new(RemoveMemberReply { replayed }))
    }

    async fn create_invitation(
        &self,
        request: Request<CreateInvitationRequest>,
    ) -> Result<Response<InvitationReply>, Status> {
        let email = request.get_ref().email.clone();
        let (caller, Changed { id, replayed }) = self.change(request).await?;
        let invitation = self.use_cases.created_invitation(&caller, id, &email).await?;
        Ok(Response::new(InvitationReply { invitation: Some(replies::invitation(invitation)), replayed }))
    }

    async fn list_invitations(
        &self,
        request: Request<ListInvitationsRequest>,
    ) -> Result<Response<ListInvitationsReply>, Status> {
        let caller = Caller::of(&request)?;
        let (limit, before) = requests::invitation_page(request.get_ref()).map_err(ServiceError::from)?;
        let (page, has_more) = self.use_cases.invitations(&caller, before, limit).await?;
        Ok(Response::new(replies::invitations(page, has_more)))
    }

    async fn withdraw_invitation(
        &self,
        request: Request<WithdrawInvitationRequest>,
    ) -> Result<Response<WithdrawInvitationReply>, Status> {
        let (_, Changed { id: _, replayed }) = self.change(request).await?;
        Ok(Response::new(WithdrawInvitationReply { replayed }))
    }

    async fn look_up_invitation(
        &self,
        request: Request<LookUpInvitationRequest>,
    ) -> Result<Response<LookUpInvitationReply>, Status> {
        let client = Client::Address(ClientAddress::of(&request));
        let LookUpInvitationRequest { invitation_token } = request.into_inner();
        Ok(Response::new(self.use_cases.look_invitation_up(&invitation_token, client).await?.into()))
    }
}
