//! A fake auth-service, for what cannot be tested with the real one in this crate.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

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
    auth_service_server::{AuthService, AuthServiceServer},
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

/// Counts calls to `ValidateUser`, and responds with the configured result after the configured delay. Counts calls to
/// `ExportMe`, and responds with the configured pages.
#[derive(Default)]
pub(crate) struct FakeAuth {
    pub(crate) calls: AtomicU32,
    pub(crate) error: Mutex<Option<Status>>,
    pub(crate) delay: Mutex<Duration>,
    pub(crate) exports: AtomicU32,
    /// The pages, by their cursors.
    pub(crate) export: Mutex<HashMap<String, ExportMeReply>>,
}

impl FakeAuth {
    /// Serves it, and returns its port.
    pub(crate) async fn serve(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port().to_string();
        let service = AuthServiceServer::from_arc(Arc::clone(self));
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        port
    }
}

#[tonic::async_trait]
impl AuthService for FakeAuth {
    async fn validate_user(
        &self,
        _: Request<ValidateUserRequest>,
    ) -> Result<Response<ValidateUserReply>, Status> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let delay = *self.delay.lock().expect("not poisoned");
        tokio::time::sleep(delay).await;
        let error = self.error.lock().expect("not poisoned").clone();
        error.map_or(Ok(Response::new(ValidateUserReply {})), Err)
    }

    async fn export_me(&self, request: Request<ExportMeRequest>) -> Result<Response<ExportMeReply>, Status> {
        self.exports.fetch_add(1, Ordering::Relaxed);
        let pages = self.export.lock().expect("not poisoned");
        let page = pages.get(&request.into_inner().cursor).cloned();
        page.map(Response::new).ok_or_else(|| Status::unauthenticated("no such page"))
    }

    async fn signup(&self, _: Request<SignupRequest>) -> Result<Response<SessionReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn login(&self, _: Request<LoginRequest>) -> Result<Response<SessionReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn refresh(&self, _: Request<RefreshRequest>) -> Result<Response<RefreshReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn use_browser_session(
        &self,
        _: Request<UseBrowserSessionRequest>,
    ) -> Result<Response<UseBrowserSessionReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn logout(&self, _: Request<LogoutRequest>) -> Result<Response<LogoutReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn list_sessions(
        &self,
        _: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn revoke_session(
        &self,
        _: Request<RevokeSessionRequest>,
    ) -> Result<Response<RevokeSessionReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn revoke_other_sessions(
        &self,
        _: Request<RevokeOtherSessionsRequest>,
    ) -> Result<Response<RevokeOtherSessionsReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn change_password(
        &self,
        _: Request<ChangePasswordRequest>,
    ) -> Result<Response<ChangePasswordReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn forget_password(
        &self,
        _: Request<ForgetPasswordRequest>,
    ) -> Result<Response<ForgetPasswordReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn reset_password(
        &self,
        _: Request<ResetPasswordRequest>,
    ) -> Result<Response<ResetPasswordReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn verify_email(
        &self,
        _: Request<VerifyEmailRequest>,
    ) -> Result<Response<VerifyEmailReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn resend_verification(
        &self,
        _: Request<ResendVerificationRequest>,
    ) -> Result<Response<ResendVerificationReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn change_email(
        &self,
        _: Request<ChangeEmailRequest>,
    ) -> Result<Response<ChangeEmailReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn withdraw_email_change(
        &self,
        _: Request<WithdrawEmailChangeRequest>,
    ) -> Result<Response<WithdrawEmailChangeReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn get_me(&self, _: Request<GetMeRequest>) -> Result<Response<GetMeReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn list_audit(&self, _: Request<ListAuditRequest>) -> Result<Response<ListAuditReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn get_notifications(
        &self,
        _: Request<GetNotificationsRequest>,
    ) -> Result<Response<NotificationsReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn set_notifications(
        &self,
        _: Request<SetNotificationsRequest>,
    ) -> Result<Response<NotificationsReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn unsubscribe(
        &self,
        _: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn update_me(&self, _: Request<UpdateMeRequest>) -> Result<Response<UpdateMeReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn delete_me(&self, _: Request<DeleteMeRequest>) -> Result<Response<DeleteMeReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn get_organization(
        &self,
        _: Request<GetOrganizationRequest>,
    ) -> Result<Response<OrganizationReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn update_organization(
        &self,
        _: Request<UpdateOrganizationRequest>,
    ) -> Result<Response<OrganizationReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn list_members(
        &self,
        _: Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn get_member(&self, _: Request<GetMemberRequest>) -> Result<Response<MemberReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn update_member(&self, _: Request<UpdateMemberRequest>) -> Result<Response<MemberReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn remove_member(
        &self,
        _: Request<RemoveMemberRequest>,
    ) -> Result<Response<RemoveMemberReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn create_invitation(
        &self,
        _: Request<CreateInvitationRequest>,
    ) -> Result<Response<InvitationReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn list_invitations(
        &self,
        _: Request<ListInvitationsRequest>,
    ) -> Result<Response<ListInvitationsReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn withdraw_invitation(
        &self,
        _: Request<WithdrawInvitationRequest>,
    ) -> Result<Response<WithdrawInvitationReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }

    async fn look_up_invitation(
        &self,
        _: Request<LookUpInvitationRequest>,
    ) -> Result<Response<LookUpInvitationReply>, Status> {
        Err(Status::unimplemented("not used by these tests"))
    }
}
