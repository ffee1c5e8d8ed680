//! The gRPC edge, and all that this crate knows of the gRPC library.

use eventboard_chassis::{
    error::ServiceError,
    server::{Caller, Deadline},
};
use eventboard_proto::auth::{
    GetMeReply, GetMeRequest, LoginRequest, SessionReply, SignupRequest, ValidateUserReply,
    ValidateUserRequest, auth_service_server::AuthService,
};
use tonic::{Request, Response, Status};

use crate::{
    accounts::{Accounts, Session},
    user::{Login, Newcomer},
};

/// The methods of `eventboard.auth.v1.AuthService`.
pub(crate) struct AuthGrpc {
    accounts: Accounts,
}

impl AuthGrpc {
    pub(crate) fn new(accounts: Accounts) -> Self {
        Self { accounts }
    }
}

#[tonic::async_trait]
impl AuthService for AuthGrpc {
    async fn signup(&self, request: Request<SignupRequest>) -> Result<Response<SessionReply>, Status> {
        let deadline = Deadline::of(&request);
        let newcomer = Newcomer::try_from(request.into_inner()).map_err(ServiceError::from)?;
        let session = self.accounts.signup(newcomer, deadline).await?;
        Ok(Response::new(session.into()))
    }

    async fn login(&self, request: Request<LoginRequest>) -> Result<Response<SessionReply>, Status> {
        let login = Login::try_from(request.into_inner()).map_err(ServiceError::from)?;
        let session = self.accounts.login(login).await?;
        Ok(Response::new(session.into()))
    }

    async fn get_me(&self, request: Request<GetMeRequest>) -> Result<Response<GetMeReply>, Status> {
        let (user, organization) = self.accounts.me(&Caller::of(&request)?).await?;
        Ok(Response::new(GetMeReply { user: Some(user.into()), organization: Some(organization.into()) }))
    }

    async fn validate_user(
        &self,
        request: Request<ValidateUserRequest>,
    ) -> Result<Response<ValidateUserReply>, Status> {
        self.accounts.me(&Caller::of(&request)?).await?;
        Ok(Response::new(ValidateUserReply {}))
    }
}

impl From<Session> for SessionReply {
    fn from(session: Session) -> Self {
        Self { user: Some(session.user.into()), access_token: session.access_token }
    }
}
