//! `/auth/me`: changes of the current user's account, and its deletion.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_client::Backend;
use eventboard_domain::rules;
use eventboard_proto::{
    auth::{DeleteMeRequest, TextChange, UpdateMeReply, UpdateMeRequest},
    writes::Idempotency,
};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;

use super::{
    auth::{LoginPassword, PersonName, User},
    operation,
    responses::{NO_STORE, with_replayed},
};
use crate::{
    extract::{
        IdempotencyKey, OptionalNotNull, OptionalNullable, Preconditions, RecordedCaller, WithBody, fields,
        request_body, shared_fields::TimeZone,
    },
    openapi::{problems::LastAdmin, schemas::text},
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of these operations.
const TAG: &str = "auth";

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(operation!(policies.write, update_current_user))
        .routes(operation!(policies.password, delete_current_user))
}

fields! {
    /// A language tag.
    Language(String) = rules::language, text(1..=rules::LANGUAGE_MAX_LENGTH);
}

request_body! {
    /// Changes to the current user. Omitted fields keep their values.
    struct ProfilePatch {
        first_name: OptionalNotNull<PersonName>,
        last_name: OptionalNotNull<PersonName>,
        /// A language tag (BCP 47). Null removes the choice.
        language: OptionalNullable<Language>,
        /// A time zone of the IANA database. Null: that of the organization.
        time_zone: OptionalNullable<TimeZone>,
    }
    example { "lastName": "Hopper", "language": "en", "timeZone": "America/New_York" }
}

/// Update the current user
///
/// Omitted fields keep their values.
#[utoipa::path(
    patch, path = "/auth/me", tag = TAG, operation_id = "updateCurrentUser",
    responses((
        status = 200, description = "The updated user.", body = User,
        headers(("Cache-Control"), ("Idempotency-Replayed")),
    )),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn update_current_user(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    WithBody((patch, preconditions, key)): WithBody<(ProfilePatch, Preconditions, IdempotencyKey)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let message = patch.into_message(key.into_message(call.request_id()));
    let reply = state.clients().auth().update_me(call.request(message)).await;
    let UpdateMeReply { user, replayed } = Backend::Auth.reply(reply)?;
    let user = User::try_from(user.ok_or_else(|| Backend::Auth.invalid_reply("user"))?)?;
    Ok(with_replayed(([NO_STORE], Json(user)), replayed))
}

request_body! {
    /// The password of the user who wants to leave.
    struct AccountDeletion {
        /// The password that the user has. Not trimmed.
        password: LoginPassword,
    }
    example { "password": "Password123!" }
}

/// Delete the current user
///
/// Deletes the account with its sessions, and the user's events that are DRAFT, SUBMITTED or REJECTED. Other events stay,
/// without the user's name. The address can be used again. The last member takes the organization along; before that, the
/// last ADMIN must make another member an ADMIN. After too many wrong passwords, even the right one gets 429.
#[utoipa::path(
    post, path = "/auth/me/delete", tag = TAG, operation_id = "deleteCurrentUser",
    responses((status = 204, description = "The user was deleted."), LastAdmin),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn delete_current_user(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    WithBody((deletion, preconditions)): WithBody<(AccountDeletion, Preconditions)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let AccountDeletion { password: LoginPassword(password) } = deletion;
    let reply = state.clients().auth().delete_me(call.request(DeleteMeRequest { password })).await;
    Backend::Auth.reply(reply)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl ProfilePatch {
    fn into_message(self, idempotency: Idempotency) -> UpdateMeRequest {
        let Self { first_name, last_name, language, time_zone } = self;
        UpdateMeRequest {
            first_name: first_name.0.map(|name| name.0),
            last_name: last_name.0.map(|name| name.0),
            language: language.0.map(|language| TextChange { value: language.map(|language| language.0) }),
            time_zone: time_zone.0.map(|zone| TextChange { value: zone.map(|zone| zone.0) }),
            idempotency: Some(idempotency),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::extract::testing::{body, violations};

    fn read(patch: Value) -> UpdateMeRequest {
        let (patch, key): (ProfilePatch, IdempotencyKey) = body(patch).read().expect("no violation");
        patch.into_message(key.into_message(Uuid::nil()))
    }

    #[test]
    fn a_patch_changes_only_the_given_fields() {
        let nothing = read(json!({}));
        assert_eq!((nothing.first_name, nothing.language, nothing.time_zone), (None, None, None));
        let changed = read(json!({"firstName": " Grace ", "language": "DE-at", "timeZone": null}));
        assert_eq!(changed.first_name.as_deref(), Some("Grace"));
        assert_eq!(changed.language, Some(TextChange { value: Some("de-AT".into()) }));
        assert_eq!(changed.time_zone, Some(TextChange { value: None }));
    }

    #[test]
    fn a_name_cannot_be_cleared_and_texts_are_checked() {
        let bad = json!({"firstName": null, "language": "no language", "timeZone": "Mars/Olympus"});
        assert_eq!(
            violations::<ProfilePatch>(body(bad)),
            [
                "firstName must not be null",
                "language must be a language tag, for example en or de-AT",
                "timeZone must be a time zone of the IANA database, for example Europe/Berlin",
            ]
        );
    }
}
