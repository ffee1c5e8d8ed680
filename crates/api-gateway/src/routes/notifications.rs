//! `/auth/me/notifications` and `/auth/notifications`: the mails that a user gets.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_domain::DecisionMails;
use eventboard_proto::auth::{
    self as proto, GetNotificationsRequest, SetNotificationsRequest, UnsubscribeRequest,
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{operation, responses::NO_STORE};
use crate::{
    extract::{
        AnonymousCaller, Caller, EnumValue, Parameters, Preconditions, UnusedKey, WithBody, fields,
        query_parameters, request_body,
    },
    openapi::schemas::text,
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of these operations.
const TAG: &str = "auth";

/// The longest token that is read. Genuine ones have 80 characters.
const TOKEN_MAX_LENGTH: usize = 200;

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(operation!(policies.read, notifications))
        .routes(operation!(policies.write, set_notifications))
        .routes(operation!(policies.link, unsubscribe))
}

fields! {
    /// The token of a link in a mail.
    LinkToken(String) = link_token, text(1..=TOKEN_MAX_LENGTH);
}

/// An alias is needed, because the derived schema cannot refer to a generic type.
type DecisionMailsValue = EnumValue<DecisionMails>;

request_body! {
    /// The mails that the user wants.
    struct NotificationSettings {
        /// Mails when a moderator approves or rejects an event of the user.
        decisions: EnumValue<DecisionMails>,
    }
    example { "decisions": "off" }
}

query_parameters! {
    /// The link in a mail.
    struct UnsubscribeLink {
        /// The token in the link.
        token: LinkToken,
    }
}

/// Get the notifications
#[utoipa::path(
    get, path = "/auth/me/notifications", tag = TAG, operation_id = "getNotifications",
    responses(
        (status = 200, description = "The mails that the user gets.", body = Notifications, headers(("Cache-Control"))),
    ),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn notifications(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters(()): Parameters<()>,
) -> Result<Response, Problem> {
    let reply = state.clients().auth().get_notifications(call.request(GetNotificationsRequest {})).await;
    let notifications = Notifications::try_from(Backend::Auth.reply(reply)?)?;
    Ok(([NO_STORE], Json(notifications)).into_response())
}

/// Change the notifications
#[utoipa::path(
    put, path = "/auth/me/notifications", tag = TAG, operation_id = "setNotifications",
    responses(
        (status = 200, description = "The mails that the user gets.", body = Notifications, headers(("Cache-Control"))),
    ),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn set_notifications(
    State(state): State<AppState>,
    Caller(call): Caller,
    WithBody((settings, preconditions, UnusedKey)): WithBody<(
        NotificationSettings,
        Preconditions,
        UnusedKey,
    )>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let NotificationSettings { decisions: EnumValue(decisions) } = settings;
    let message = SetNotificationsRequest { decisions: proto::DecisionMails::from(decisions).into() };
    let reply = state.clients().auth().set_notifications(call.request(message)).await;
    let notifications = Notifications::try_from(Backend::Auth.reply(reply)?)?;
    Ok(([NO_STORE], Json(notifications)).into_response())
}

/// Switch off mails about decisions
///
/// The link in the header `List-Unsubscribe` of such a mail (RFC 8058). Mail programs send
/// `List-Unsubscribe=One-Click` as the body, which is ignored.
#[utoipa::path(
    post, path = "/auth/notifications/unsubscribe", tag = TAG, operation_id = "unsubscribe",
    responses((status = 204, description = "The user gets no mails about decisions any more.")),
    extensions(("x-access" = json!("anyone"))),
)]
async fn unsubscribe(
    State(state): State<AppState>,
    AnonymousCaller(call): AnonymousCaller,
    Parameters((link, preconditions)): Parameters<(UnsubscribeLink, Preconditions)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let UnsubscribeLink { token: LinkToken(token) } = link;
    let reply = state.clients().auth().unsubscribe(call.request(UnsubscribeRequest { token })).await;
    Backend::Auth.reply(reply)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn link_token(text: &str) -> Result<String, String> {
    match text.chars().count() {
        1..=TOKEN_MAX_LENGTH => Ok(text.to_owned()),
        _ => Err(format!("must be 1 to {TOKEN_MAX_LENGTH} characters long")),
    }
}

/// The mails that a user gets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Notifications {
    /// Mails when a moderator approves or rejects an event of the user.
    decisions: DecisionMailsValue,
}

impl TryFrom<proto::NotificationsReply> for Notifications {
    type Error = ServiceError;

    fn try_from(reply: proto::NotificationsReply) -> Result<Self, ServiceError> {
        let decisions = DecisionMails::try_from(reply.decisions());
        let decisions = decisions.map_err(|_| Backend::Auth.invalid_reply("decisions"))?;
        Ok(Self { decisions: EnumValue(decisions) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::extract::testing::{body, query, violations};

    #[test]
    fn the_settings_are_closed_enums() {
        let settings = body(json!({"decisions": "off"})).read::<NotificationSettings>();
        assert_eq!(settings.expect("no violation").decisions, EnumValue(DecisionMails::Off));
        let bad = json!({"decisions": "daily", "comments": "off"});
        assert_eq!(
            violations::<NotificationSettings>(body(bad)),
            ["decisions must be one of immediate, off", "comments is not a known field"]
        );
        assert_eq!(violations::<NotificationSettings>(body(json!({}))), ["decisions is required"]);
    }

    #[test]
    fn a_link_needs_a_token() {
        let long = "x".repeat(TOKEN_MAX_LENGTH + 1);
        assert_eq!(violations::<UnsubscribeLink>(query(&[])), ["token is required"]);
        for token in ["", &long] {
            let found = violations::<UnsubscribeLink>(query(&[("token", token)]));
            assert_eq!(found, ["token must be 1 to 200 characters long"]);
        }
        let link = query(&[("token", "a.b")]).read::<UnsubscribeLink>().expect("no violation");
        assert_eq!(link.token.0, "a.b");
    }

    #[test]
    fn an_incomplete_reply_is_an_error() {
        assert!(Notifications::try_from(proto::NotificationsReply { decisions: 0 }).is_err());
    }
}
