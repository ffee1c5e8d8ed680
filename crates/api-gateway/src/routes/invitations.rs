//! `/organization/invitations` and `/auth/invitations`: invitations to the organization.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_domain::Role;
use eventboard_proto::auth::{
    self as proto, CreateInvitationRequest, InvitationReply, ListInvitationsReply, ListInvitationsRequest,
    LookUpInvitationReply, LookUpInvitationRequest, WithdrawInvitationReply, WithdrawInvitationRequest,
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{
    auth::{EmailAddress, Organization, RoleValue},
    notifications::LinkToken,
    operation,
    responses::{CursorPageMeta, NO_STORE, with_location, with_replayed},
    time,
};
use crate::{
    extract::{
        AnonymousCaller, Caller, EnumValue, IdempotencyKey, InvitationId, OrDefault, Parameters,
        Preconditions, RecordedCaller, WithBody, query_parameters, request_body,
        shared_fields::{Cursor, Limit},
    },
    openapi::problems::{Forbidden, NotFound, TooManyInvitations},
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of what admins do.
const TAG: &str = "organization";

/// The OpenAPI tag of what the invited do.
const LINK_TAG: &str = "auth";

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(operation!(policies.write, create))
        .routes(operation!(policies.list, list))
        .routes(operation!(policies.write, withdraw))
        .routes(operation!(policies.link, look_up))
}

request_body! {
    /// Whom to invite.
    struct NewInvitation {
        email: EmailAddress,
        role: EnumValue<Role>,
    }
    example { "email": "grace@example.org", "role": "USER" }
}

/// Invite somebody
///
/// The address gets a mail with a link, which works once and for seven days. The response does not tell whether the address
/// has an account; then the mail says what to do. An open invitation of the same address is
/// renewed: it keeps its ID and its link.
#[utoipa::path(
    post, path = "/organization/invitations", tag = TAG, operation_id = "createInvitation",
    responses(
        (
            status = 201, description = "The invitation.", body = Invitation,
            headers(("Location"), ("Cache-Control"), ("Idempotency-Replayed")),
        ),
        Forbidden, TooManyInvitations,
    ),
    extensions(("x-access" = json!("ADMIN"))),
)]
async fn create(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    WithBody((invitation, preconditions, key)): WithBody<(NewInvitation, Preconditions, IdempotencyKey)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let NewInvitation { email, role: EnumValue(role) } = invitation;
    let idempotency = Some(key.into_message(call.request_id()));
    let role = proto::Role::from(role).into();
    let message = CreateInvitationRequest { email: email.0, role, idempotency };
    let reply = state.clients().auth().create_invitation(call.request(message)).await;
    created_response(Backend::Auth.reply(reply)?)
}

query_parameters! {
    /// Selects a page.
    struct InvitationQuery {
        /// The maximum number of invitations to return.
        limit: OrDefault<Limit>,
        /// The `nextCursor` of another response.
        cursor: Option<Cursor>,
    }
}

/// List invitations
///
/// Those that wait for an answer, newest first.
#[utoipa::path(
    get, path = "/organization/invitations", tag = TAG, operation_id = "listInvitations",
    responses(
        (
            status = 200, description = "One page of the open invitations.", body = InvitationPage,
            headers(("Cache-Control")),
        ),
        Forbidden,
    ),
    extensions(("x-access" = json!("ADMIN"))),
)]
async fn list(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters(query): Parameters<InvitationQuery>,
) -> Result<Response, Problem> {
    let InvitationQuery { limit: OrDefault(Limit(limit)), cursor } = query;
    let cursor = cursor.map(|cursor| cursor.0).unwrap_or_default();
    let message = ListInvitationsRequest { limit, cursor };
    let reply = state.clients().auth().list_invitations(call.request(message)).await;
    let page = InvitationPage::new(limit, Backend::Auth.reply(reply)?)?;
    Ok(([NO_STORE], Json(page)).into_response())
}

/// Withdraw an invitation
#[utoipa::path(
    delete, path = "/organization/invitations/{id}", tag = TAG, operation_id = "withdrawInvitation",
    responses(
        (
            status = 204, description = "The link in the mail does not work any more.",
            headers(("Idempotency-Replayed")),
        ),
        Forbidden, NotFound,
    ),
    extensions(("x-access" = json!("ADMIN"))),
)]
async fn withdraw(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    Parameters((id, preconditions, key)): Parameters<(InvitationId, Preconditions, IdempotencyKey)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let idempotency = Some(key.into_message(call.request_id()));
    let message = WithdrawInvitationRequest { id: id.0, idempotency };
    let reply = state.clients().auth().withdraw_invitation(call.request(message)).await;
    let WithdrawInvitationReply { replayed } = Backend::Auth.reply(reply)?;
    Ok(with_replayed(StatusCode::NO_CONTENT, replayed))
}

request_body! {
    /// The link of an invitation.
    struct InvitationLink {
        /// The token in the link.
        invitation_token: LinkToken,
    }
    example { "invitationToken": "01890000-0000-7000-8000-000000000001.c2lnbmF0dXJl" }
}

/// Look an invitation up
///
/// What an invitation is about, for the page of its link. Sign up with the same token. If the link is unknown, used or
/// expired, `errors` names the field `token`.
#[utoipa::path(
    post, path = "/auth/invitations/look-up", tag = LINK_TAG, operation_id = "lookUpInvitation",
    responses((
        status = 200, description = "What the invitation is about.", body = InvitationDetails,
        headers(("Cache-Control")),
    )),
    extensions(("x-access" = json!("anyone with a link"))),
)]
async fn look_up(
    State(state): State<AppState>,
    AnonymousCaller(call): AnonymousCaller,
    WithBody((link, preconditions)): WithBody<(InvitationLink, Preconditions)>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let InvitationLink { invitation_token: LinkToken(invitation_token) } = link;
    let call = call.request(LookUpInvitationRequest { invitation_token });
    let reply = state.clients().auth().look_up_invitation(call).await;
    let invitation = InvitationDetails::try_from(Backend::Auth.reply(reply)?)?;
    Ok(([NO_STORE], Json(invitation)).into_response())
}

/// An invitation that waits for an answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invitation {
    /// The ID of the invitation (UUIDv7).
    #[schema(format = Uuid)]
    id: String,
    #[schema(format = Email, example = "grace@example.org")]
    email: String,
    /// The role that the new member will have.
    role: RoleValue,
    #[schema(format = DateTime)]
    created_at: String,
    /// Until when the link works.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// One page of the open invitations.
#[derive(Debug, Serialize, ToSchema)]
struct InvitationPage {
    data: Vec<Invitation>,
    meta: CursorPageMeta,
}

/// What an invitation is about.
#[derive(Debug, Serialize, ToSchema)]
struct InvitationDetails {
    organization: Organization,
    /// The address that was invited.
    #[schema(format = Email, example = "grace@example.org")]
    email: String,
    /// The role that the new member will have.
    role: RoleValue,
}

fn created_response(reply: InvitationReply) -> Result<Response, Problem> {
    let InvitationReply { invitation, replayed } = reply;
    let invitation = invitation.ok_or_else(|| Backend::Auth.invalid_reply("invitation"))?;
    let location = format!("/organization/invitations/{}", invitation.id);
    let response = ([NO_STORE], Json(Invitation::try_from(invitation)?)).into_response();
    Ok(with_replayed(with_location(response, &location)?, replayed))
}

fn known_role(role: proto::Role) -> Result<RoleValue, ServiceError> {
    Role::try_from(role).map(EnumValue).map_err(|_| Backend::Auth.invalid_reply("role"))
}

impl InvitationPage {
    fn new(limit: u32, reply: ListInvitationsReply) -> Result<Self, ServiceError> {
        let ListInvitationsReply { invitations, next_cursor } = reply;
        let data = invitations.into_iter().map(Invitation::try_from).collect::<Result<_, _>>()?;
        Ok(Self { data, meta: CursorPageMeta::new(limit, next_cursor) })
    }
}

impl TryFrom<proto::Invitation> for Invitation {
    type Error = ServiceError;

    fn try_from(invitation: proto::Invitation) -> Result<Self, ServiceError> {
        let invalid = |field| Backend::Auth.invalid_reply(field);
        let role = known_role(invitation.role())?;
        let proto::Invitation { id, email, role: _, created_at, expires_at } = invitation;
        Ok(Self {
            id,
            email,
            role,
            created_at: time::to_rfc3339(created_at).ok_or_else(|| invalid("created_at"))?,
            expires_at: time::to_rfc3339(expires_at).ok_or_else(|| invalid("expires_at"))?,
        })
    }
}

impl TryFrom<LookUpInvitationReply> for InvitationDetails {
    type Error = ServiceError;

    fn try_from(reply: LookUpInvitationReply) -> Result<Self, ServiceError> {
        let role = known_role(reply.role())?;
        let LookUpInvitationReply { organization, email, role: _ } = reply;
        let organization = organization.ok_or_else(|| Backend::Auth.invalid_reply("organization"))?;
        Ok(Self { organization: organization.into(), email, role })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        extract::testing::{body, violations},
        testing::json as body_of,
    };

    fn invitation() -> proto::Invitation {
        proto::Invitation {
            id: "i".into(),
            email: "a@b.cd".into(),
            role: proto::Role::Admin.into(),
            created_at: Some(prost_types::Timestamp { seconds: 0, nanos: 0 }),
            expires_at: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
        }
    }

    #[tokio::test]
    async fn an_invitation_has_a_location_even_when_replayed() {
        for replayed in [false, true] {
            let reply = InvitationReply { invitation: Some(invitation()), replayed };
            let response = created_response(reply).expect("a response");
            assert_eq!(response.status(), StatusCode::CREATED);
            assert_eq!(response.headers()["location"], "/organization/invitations/i");
            assert_eq!(response.headers().contains_key("idempotency-replayed"), replayed);
            assert_eq!(
                body_of(response).await,
                json!({
                    "id": "i",
                    "email": "a@b.cd",
                    "role": "ADMIN",
                    "createdAt": "1970-01-01T00:00:00.000Z",
                    "expiresAt": "1970-01-01T00:00:01.000Z",
                })
            );
        }
        for incomplete in [None, Some(proto::Invitation { expires_at: None, ..invitation() })] {
            assert!(created_response(InvitationReply { invitation: incomplete, replayed: false }).is_err());
        }
    }

    #[test]
    fn all_violations_of_an_invitation_are_reported_at_once() {
        let bad = json!({"email": "a", "role": "OWNER", "token": "x"});
        assert_eq!(
            violations::<NewInvitation>(body(bad)),
            [
                "email must be a valid e-mail address",
                "role must be one of USER, MODERATOR, ADMIN",
                "token is not a known field",
            ]
        );
        assert_eq!(violations::<InvitationLink>(body(json!({}))), ["invitationToken is required"]);
    }

    #[test]
    fn an_incomplete_look_up_is_an_error() {
        let organization = proto::Organization { id: "o".into(), name: "Acme".into(), slug: "acme".into() };
        let reply = LookUpInvitationReply {
            organization: Some(organization),
            email: "a@b.cd".into(),
            role: proto::Role::User.into(),
        };
        let details = InvitationDetails::try_from(reply.clone()).expect("a complete reply");
        assert_eq!(
            serde_json::to_value(details).expect("JSON"),
            json!({
                "organization": {"id": "o", "name": "Acme", "slug": "acme"},
                "email": "a@b.cd",
                "role": "USER",
            })
        );
        let without_role = LookUpInvitationReply { role: 0, ..reply.clone() };
        assert!(InvitationDetails::try_from(without_role).is_err());
        let without_organization = LookUpInvitationReply { organization: None, ..reply };
        assert!(InvitationDetails::try_from(without_organization).is_err());
    }
}
