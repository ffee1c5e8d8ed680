//! `/auth/email`: verification and changes of e-mail addresses.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_client::Backend;
use eventboard_proto::auth::{
    ChangeEmailRequest, ResendVerificationRequest, VerifyEmailRequest, WithdrawEmailChangeRequest,
};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;

use super::{
    auth::{EmailAddress, LoginPassword},
    notifications::LinkToken,
    operation,
};
use crate::{
    extract::{
        AnonymousCaller, Parameters, Preconditions, RecordedCaller, UnusedKey, WithBody, request_body,
    },
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of these operations.
const TAG: &str = "auth";

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(operation!(policies.password, change_email))
        .routes(operation!(policies.write, withdraw_email_change))
        .routes(operation!(policies.link, verify_email))
        .routes(operation!(policies.link, resend_verification))
}

request_body! {
    /// Another address for the account.
    struct EmailChange {
        new_email: EmailAddress,
        /// The password that the user has. Not trimmed.
        password: LoginPassword,
    }
    example { "newEmail": "ada.lovelace@example.org", "password": "Password123!" }
}

request_body! {
    /// The link in a mail.
    struct EmailVerification {
        /// The token in the link. It works once: for seven days after the signup, for a day after the request of another address.
        token: LinkToken,
    }
    example { "token": "01890000-0000-7000-8000-000000000001.c2lnbmF0dXJl" }
}

/// Ask for another e-mail address
///
/// The new address gets a mail with a link, and the address of the account changes when the link is used, within a day. The present
/// address gets a mail that says so. An earlier request is withdrawn. The response does not tell whether another account has the
/// address. After too many wrong passwords, even the right one gets 429.
#[utoipa::path(
    post, path = "/auth/email", tag = TAG, operation_id = "changeEmail",
    responses((status = 202, description = "If nobody else has the address, it gets a mail with a link.")),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn change_email(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    WithBody((change, preconditions)): WithBody<(EmailChange, Preconditions)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let EmailChange { new_email, password } = change;
    let message = ChangeEmailRequest { new_email: new_email.0, password: password.0 };
    Backend::Auth.reply(state.clients().auth().change_email(call.request(message)).await)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Withdraw the request of another e-mail address
///
/// It does not matter whether there is one.
#[utoipa::path(
    delete, path = "/auth/email", tag = TAG, operation_id = "withdrawEmailChange",
    responses((status = 204, description = "The link in the mail does not work any more.")),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn withdraw_email_change(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    Parameters((preconditions, _key)): Parameters<(Preconditions, UnusedKey)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let call = call.request(WithdrawEmailChangeRequest {});
    Backend::Auth.reply(state.clients().auth().withdraw_email_change(call).await)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Verify an e-mail address with a link
///
/// The link in the mail after the signup verifies the address of the account. The link in the mail to another address makes it the
/// address of the account, and withdraws all other links.
#[utoipa::path(
    post, path = "/auth/email/verify", tag = TAG, operation_id = "verifyEmail",
    responses((status = 204, description = "The address is verified.")),
    extensions(("x-access" = json!("anyone with a link"))),
)]
async fn verify_email(
    State(state): State<AppState>,
    AnonymousCaller(call): AnonymousCaller,
    WithBody((verification, preconditions)): WithBody<(EmailVerification, Preconditions)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let EmailVerification { token: LinkToken(token) } = verification;
    Backend::Auth
        .reply(state.clients().auth().verify_email(call.request(VerifyEmailRequest { token })).await)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ask for another link to verify the e-mail address
///
/// The address gets at most three mails in an hour and ten in a day that somebody asked for, and none if it is verified.
#[utoipa::path(
    post, path = "/auth/email/verify/resend", tag = TAG, operation_id = "resendVerification",
    responses((status = 202, description = "The address gets a mail, unless it is verified or got too many.")),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn resend_verification(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    Parameters((preconditions, _key)): Parameters<(Preconditions, UnusedKey)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let call = call.request(ResendVerificationRequest {});
    Backend::Auth.reply(state.clients().auth().resend_verification(call).await)?;
    Ok(StatusCode::ACCEPTED.into_response())
}
