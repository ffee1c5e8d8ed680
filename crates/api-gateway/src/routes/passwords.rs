//! `/auth/password`: changes of passwords.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_domain::rules;
use eventboard_proto::auth::ChangePasswordRequest;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;

use super::{
    auth::{LoginPassword, NewPassword},
    operation,
};
use crate::{
    clients::Backend,
    extract::{Input, Preconditions, RecordedCaller, WithBody, request_body},
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of these operations.
const TAG: &str = "auth";

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(operation!(policies.password, change_password))
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

/// Reports it together with the other faults. The service checks it too.
fn check_is_another_password(input: &mut Input, current: Option<&LoginPassword>, new: Option<&NewPassword>) {
    if let (Some(LoginPassword(current)), Some(NewPassword(new))) = (current, new)
        && let Err(message) = rules::changed_password(current, new)
    {
        input.add_violation("newPassword", &message);
    }
}
