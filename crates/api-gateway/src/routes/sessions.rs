//! `/auth/refresh`, `/auth/logout` and `/auth/sessions`: what a login began.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_chassis::{error::ServiceError, refresh_token::REFRESH_TOKEN_LENGTH};
use eventboard_client::Backend;
use eventboard_domain::Violations;
use eventboard_proto::auth::{
    self as proto, ListSessionsReply, ListSessionsRequest, LogoutRequest, RefreshReply, RefreshRequest,
    RevokeOtherSessionsRequest, RevokeSessionRequest,
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{operation, responses::NO_STORE, time};
use crate::{
    extract::{
        AnonymousCaller, Caller, GenuineCaller, Parameters, Preconditions, RecordedCaller, SessionId,
        UnusedKey, WithBody, WithOptionalBody, fields, request_body,
    },
    openapi::{
        problems::{NotFound, Unauthenticated},
        schemas::text,
    },
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of these operations.
const TAG: &str = "auth";

/// The longest refresh token that is read, in characters. Later releases may issue longer ones than this.
const TOKEN_MAX_LENGTH: usize = 2 * REFRESH_TOKEN_LENGTH;

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(operation!(policies.refresh, refresh))
        .routes(operation!(policies.refresh, logout))
        .routes(operation!(policies.read, list_sessions))
        .routes(operation!(policies.write, revoke_session))
        .routes(operation!(policies.write, revoke_other_sessions))
}

fields! {
    /// A refresh token.
    RefreshToken(String) = refresh_token, text(1..=TOKEN_MAX_LENGTH);
}

request_body! {
    /// The refresh token of a session.
    struct Refresh {
        /// The `refreshToken` of the last response that had one. Not trimmed.
        refresh_token: RefreshToken,
    }
    example { "refreshToken": "AZK9cE1Hc3yTq0yJmF3mJwAAAAGk3l2Yw7Zb8bqYkM0o3rVtQ4oJ9X2y1kU5mN6pQ7rS8t" }
}

request_body! {
    /// The session to end.
    struct Logout {
        /// A refresh token of the session. Required without an access token.
        refresh_token: Option<RefreshToken>,
    }
    example { "refreshToken": "AZK9cE1Hc3yTq0yJmF3mJwAAAAGk3l2Yw7Zb8bqYkM0o3rVtQ4oJ9X2y1kU5mN6pQ7rS8t" }
}

/// Refresh the tokens
///
/// Exchanges the refresh token for the next one. If the response was lost, send the same token again: you get the same
/// next one. Somebody who uses a token after its successor was used ends the session.
#[utoipa::path(
    post, path = "/auth/refresh", tag = TAG, operation_id = "refresh",
    responses(
        (status = 200, description = "The next tokens of the session.", body = Tokens, headers(("Cache-Control"))),
        Unauthenticated,
    ),
    extensions(("x-access" = json!("anyone with a refresh token"))),
)]
async fn refresh(
    State(state): State<AppState>,
    AnonymousCaller(call): AnonymousCaller,
    WithBody((refresh, preconditions)): WithBody<(Refresh, Preconditions)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let Refresh { refresh_token: RefreshToken(refresh_token) } = refresh;
    let reply = state.clients().auth().refresh(call.request(RefreshRequest { refresh_token })).await;
    let tokens = Tokens::from(Backend::Auth.reply(reply)?);
    Ok(([NO_STORE], Json(tokens)).into_response())
}

/// Log out
///
/// Ends the session of the refresh token in the body, and the session of the access token. One of both is enough, even if the other
/// one is not genuine or has expired. It does not matter whether the session has ended already.
#[utoipa::path(
    post, path = "/auth/logout", tag = TAG, operation_id = "logout",
    responses((status = 204, description = "The session has ended.")),
    extensions(("x-access" = json!("anyone with a token"))),
)]
async fn logout(
    State(state): State<AppState>,
    GenuineCaller { call, presents_token }: GenuineCaller,
    WithOptionalBody((logout, preconditions)): WithOptionalBody<(Logout, Preconditions)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let refresh_token = logout.refresh_token.map(|RefreshToken(token)| token).unwrap_or_default();
    if refresh_token.is_empty() && !call.has_token() {
        if presents_token {
            return Err(ServiceError::unauthenticated().into());
        }
        let violations = Violations::one("refreshToken", "is required without an access token");
        return Err(ServiceError::from(violations).into());
    }
    let reply = state.clients().auth().logout(call.request(LogoutRequest { refresh_token })).await;
    Backend::Auth.reply(reply)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// List the sessions
///
/// Where the user is logged in, the last used session first: at most 50.
#[utoipa::path(
    get, path = "/auth/sessions", tag = TAG, operation_id = "listSessions",
    responses(
        (
            status = 200, description = "The sessions that have not ended.", body = SessionList,
            headers(("Cache-Control")),
        ),
    ),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn list_sessions(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters(()): Parameters<()>,
) -> Result<Response, Problem> {
    let reply = state.clients().auth().list_sessions(call.request(ListSessionsRequest {})).await;
    let sessions = SessionList::try_from(Backend::Auth.reply(reply)?)?;
    Ok(([NO_STORE], Json(sessions)).into_response())
}

/// End a session
///
/// The session can also be that of the access token. It does not matter whether it has ended already.
#[utoipa::path(
    delete, path = "/auth/sessions/{id}", tag = TAG, operation_id = "revokeSession",
    responses((status = 204, description = "The session has ended."), NotFound),
    extensions(("x-access" = json!("its user"))),
)]
async fn revoke_session(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    Parameters((session_id, preconditions, _key)): Parameters<(SessionId, Preconditions, UnusedKey)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let SessionId(id) = session_id;
    let reply = state.clients().auth().revoke_session(call.request(RevokeSessionRequest { id })).await;
    Backend::Auth.reply(reply)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// End all other sessions
///
/// Only the session of the access token goes on.
#[utoipa::path(
    post, path = "/auth/sessions/revoke-others", tag = TAG, operation_id = "revokeOtherSessions",
    responses((status = 204, description = "All other sessions have ended.")),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn revoke_other_sessions(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    Parameters((preconditions, _key)): Parameters<(Preconditions, UnusedKey)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let call = call.request(RevokeOtherSessionsRequest {});
    Backend::Auth.reply(state.clients().auth().revoke_other_sessions(call).await)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn refresh_token(text: &str) -> Result<String, String> {
    match text.chars().count() {
        1..=TOKEN_MAX_LENGTH => Ok(text.to_owned()),
        _ => Err(format!("must be 1 to {TOKEN_MAX_LENGTH} characters long")),
    }
}

/// The tokens of a session.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tokens {
    /// A JWT. Send it as `Authorization: Bearer …`.
    access_token: String,
    /// Send it to `POST /auth/refresh` when the access token has expired. It is an opaque text, and a secret.
    refresh_token: String,
    /// The lifetime of the access token in seconds.
    #[schema(example = 3600)]
    expires_in: u32,
    /// When the session ends if it is not refreshed, in seconds.
    #[schema(example = 2_592_000)]
    refresh_expires_in: u32,
}

/// The sessions of a user.
#[derive(Debug, Serialize, ToSchema)]
struct SessionList {
    data: Vec<UserSession>,
}

/// A session of a user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserSession {
    /// The ID of the session (UUIDv7).
    #[schema(format = Uuid)]
    id: String,
    /// When the user logged in.
    #[schema(format = DateTime)]
    created_at: String,
    /// The last login or refresh.
    #[schema(format = DateTime)]
    last_used_at: String,
    /// The `User-Agent` of the last login or refresh.
    #[schema(required = true, example = "curl/8.14.1")]
    client: Option<String>,
    /// The block of the address of the last login or refresh.
    #[schema(example = "203.0.113.0/24")]
    address: String,
    /// Whether this is the session of the access token.
    current: bool,
}

impl From<RefreshReply> for Tokens {
    fn from(reply: RefreshReply) -> Self {
        let RefreshReply { access_token, refresh_token, expires_in, refresh_expires_in } = reply;
        Self { access_token, refresh_token, expires_in, refresh_expires_in }
    }
}

impl TryFrom<ListSessionsReply> for SessionList {
    type Error = ServiceError;

    fn try_from(reply: ListSessionsReply) -> Result<Self, ServiceError> {
        let data: Result<_, _> = reply.sessions.into_iter().map(UserSession::try_from).collect();
        Ok(Self { data: data? })
    }
}

impl TryFrom<proto::UserSession> for UserSession {
    type Error = ServiceError;

    fn try_from(session: proto::UserSession) -> Result<Self, ServiceError> {
        let proto::UserSession { id, created_at, last_used_at, client, address, current } = session;
        let created_at = time::to_rfc3339(created_at);
        let last_used_at = time::to_rfc3339(last_used_at);
        Ok(Self {
            id,
            created_at: created_at.ok_or_else(|| Backend::Auth.invalid_reply("created_at"))?,
            last_used_at: last_used_at.ok_or_else(|| Backend::Auth.invalid_reply("last_used_at"))?,
            client,
            address,
            current,
        })
    }
}
