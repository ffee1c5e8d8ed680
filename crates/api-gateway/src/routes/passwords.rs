//! `/auth/password`: changes and resets of passwords.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_client::Backend;
use eventboard_domain::rules;
use eventboard_proto::auth::{ChangePasswordRequest, ForgetPasswordRequest, ResetPasswordRequest};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;

use super::{
    auth::{LoginEmail, LoginPassword, NewPassword},
    notifications::LinkToken,
    operation,
};
use crate::{
    extract::{AnonymousCaller, Input, Preconditions, RecordedCaller, WithBody, request_body},
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of these operations.
const TAG: &str = "auth";

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(operation!(policies.password, change_password))
        .routes(operation!(policies.link, forget_password))
        .routes(operation!(policies.link, reset_password))
}

request_body! {
    /// A new password.
    struct PasswordChange {
        /// The password that the user has now. Not trimmed.
        current_password: LoginPassword,
        /// Must differ from the current one, and contain an upper-case letter, a lower-case letter, and a digit or symbol. Not
        /// trimmed.
        new_password: NewPassword,
    }
    check check_is_another_password(current_password, new_password);
    example { "currentPassword": "Password123!", "newPassword": "Seven-blue-kettles-9" }
}

/// Change the password
///
/// All other sessions of the user end, and a mail tells the user. After too many wrong passwords, even the right one gets 429.
#[utoipa::path(
    post, path = "/auth/password", tag = TAG, operation_id = "changePassword",
    responses((status = 204, description = "The password was changed.")),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn change_password(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    WithBody((change, preconditions)): WithBody<(PasswordChange, Preconditions)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let PasswordChange { current_password, new_password } = change;
    let message =
        ChangePasswordRequest { current_password: current_password.0, new_password: new_password.0 };
    let reply = state.clients().auth().change_password(call.request(message)).await;
    Backend::Auth.reply(reply)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

request_body! {
    /// An account whose password was forgotten.
    struct ForgottenPassword {
        /// The e-mail address of the account.
        email: LoginEmail,
    }
    example { "email": "ada@example.org" }
}

request_body! {
    /// A new password for the account of a link.
    struct PasswordReset {
        /// The token in the link. It works once, for an hour.
        token: LinkToken,
        /// Must contain an upper-case letter, a lower-case letter, and a digit or symbol. Not trimmed.
        new_password: NewPassword,
    }
    example { "token": "01890000-0000-7000-8000-000000000001.c2lnbmF0dXJl", "newPassword": "Seven-blue-kettles-9" }
}

/// Ask for a new password
///
/// If there is an account with this address, it gets a mail with a link to set a new password: at most three in an hour and ten
/// in a day. The response does not tell whether there is one.
#[utoipa::path(
    post, path = "/auth/password/forgot", tag = TAG, operation_id = "forgetPassword",
    responses((status = 202, description = "If there is such an account, it gets a mail.")),
    extensions(("x-access" = json!("anyone"))),
)]
async fn forget_password(
    State(state): State<AppState>,
    AnonymousCaller(call): AnonymousCaller,
    WithBody((forgotten, preconditions)): WithBody<(ForgottenPassword, Preconditions)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let ForgottenPassword { email: LoginEmail(email) } = forgotten;
    let reply = state.clients().auth().forget_password(call.request(ForgetPasswordRequest { email })).await;
    Backend::Auth.reply(reply)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Set a new password with a link
///
/// All sessions of the user end. A password that is refused does not use the link up.
#[utoipa::path(
    post, path = "/auth/password/reset", tag = TAG, operation_id = "resetPassword",
    responses((status = 204, description = "The password was set.")),
    extensions(("x-access" = json!("anyone with a link"))),
)]
async fn reset_password(
    State(state): State<AppState>,
    AnonymousCaller(call): AnonymousCaller,
    WithBody((reset, preconditions)): WithBody<(PasswordReset, Preconditions)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let PasswordReset { token: LinkToken(token), new_password } = reset;
    let message = ResetPasswordRequest { token, new_password: new_password.0 };
    let reply = state.clients().auth().reset_password(call.request(message)).await;
    Backend::Auth.reply(reply)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Reports it together with the other faults. The service checks it too.
fn check_is_another_password(input: &mut Input, current: Option<&LoginPassword>, new: Option<&NewPassword>) {
    if let (Some(LoginPassword(current)), Some(NewPassword(new))) = (current, new)
        && let Err(message) = rules::changed_password(current, new)
    {
        input.add_violation("newPassword", &message);
    }
}
