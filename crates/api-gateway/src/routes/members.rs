//! `/organization/members`: the members of the organization, and what an admin does with them.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_domain::Role;
use eventboard_proto::{
    auth::{
        self as proto, GetMemberRequest, ListMembersReply, ListMembersRequest, MemberReply,
        RemoveMemberReply, RemoveMemberRequest, UpdateMemberRequest,
    },
    events::{TransferReply, TransferRequest},
    writes::Idempotency,
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{
    auth::RoleValue,
    operation,
    responses::{CursorPageMeta, NO_STORE, REVALIDATE, with_replayed, with_version},
    time,
};
use crate::{
    extract::{
        Caller, EnumValue, IdempotencyKey, MemberId, OptionalNotNull, OrDefault, Parameters, Preconditions,
        ReadConditions, RecordedCaller, WithBody, query_parameters, request_body,
        shared_fields::{Cursor, Flag, Id, Limit, Search},
    },
    openapi::problems::{Forbidden, LastAdmin, NotFound},
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of these operations.
const TAG: &str = "organization";

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(operation!(policies.list, list))
        .routes(operation!(policies.read, find))
        .routes(operation!(policies.write, update))
        .routes(operation!(policies.write, remove))
        .routes(operation!(policies.write, transfer_events))
}

query_parameters! {
    /// Selects members and a page.
    struct MemberQuery {
        /// The maximum number of members to return.
        limit: OrDefault<Limit>,
        /// The `nextCursor` of a response with the same filters.
        cursor: Option<Cursor>,
        /// Only members for whom each of these words begins a word in the name or in the address.
        search: Option<Search>,
        /// Only members with this role.
        role: Option<EnumValue<Role>>,
        /// Only members who are disabled (true), or who are not (false).
        disabled: Option<Flag>,
    }
}

/// List members
///
/// By last name and first name.
#[utoipa::path(
    get, path = "/organization/members", tag = TAG, operation_id = "listMembers",
    responses(
        (status = 200, description = "One page of the members.", body = MemberPage, headers(("Cache-Control"))),
        Forbidden,
    ),
    extensions(("x-access" = json!("MODERATOR, ADMIN"))),
)]
async fn list(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters(query): Parameters<MemberQuery>,
) -> Result<Response, Problem> {
    let limit = query.limit.0.0;
    let reply = state.clients().auth().list_members(call.request(query.into())).await;
    let page = MemberPage::new(limit, Backend::Auth.reply(reply)?)?;
    Ok(([NO_STORE], Json(page)).into_response())
}

/// Get a member
#[utoipa::path(
    get, path = "/organization/members/{id}", tag = TAG, operation_id = "getMember",
    responses(
        (status = 200, description = "The member.", body = Member, headers(("ETag"), ("Cache-Control"))),
        (
            status = 304, description = "The member's `ETag` is one of those in `If-None-Match`.",
            headers(("ETag"), ("Cache-Control")),
        ),
        Forbidden, NotFound,
    ),
    extensions(("x-access" = json!("MODERATOR, ADMIN"))),
)]
async fn find(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters((id, ReadConditions)): Parameters<(MemberId, ReadConditions)>,
) -> Result<Response, Problem> {
    let reply = state.clients().auth().get_member(call.request(GetMemberRequest { id: id.0 })).await;
    let mut response = member_response(Backend::Auth.reply(reply)?)?;
    response.headers_mut().extend([REVALIDATE]);
    Ok(response)
}

request_body! {
    /// Changes to a member. Omitted fields keep their values.
    struct MemberPatch {
        role: OptionalNotNull<EnumValue<Role>>,
        /// Whether the member can no longer log in.
        disabled: OptionalNotNull<Flag>,
    }
    example { "role": "MODERATOR" }
}

/// Update a member
///
/// Omitted fields keep their values. Another role takes effect at once: the member gets 401 until the tokens are refreshed.
/// The sessions of a member who is disabled end, and so do the open invitations of one who is no admin any more. A mail tells the
/// member.
#[utoipa::path(
    patch, path = "/organization/members/{id}", tag = TAG, operation_id = "updateMember",
    responses(
        (
            status = 200, description = "The updated member.", body = Member,
            headers(("ETag"), ("Idempotency-Replayed")),
        ),
        Forbidden, NotFound, LastAdmin,
    ),
    extensions(("x-access" = json!("ADMIN"))),
)]
async fn update(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    WithBody((id, patch, preconditions, key)): WithBody<(
        MemberId,
        MemberPatch,
        Preconditions,
        IdempotencyKey,
    )>,
) -> Result<Response, Problem> {
    let message = patch.into_message(id, preconditions, key.into_message(call.request_id()));
    let reply = state.clients().auth().update_member(call.request(message)).await;
    member_response(Backend::Auth.reply(reply)?)
}

/// Remove a member
///
/// Deletes the account of the member, as the member can do. Transfer the events first that should not be deleted with it:
/// DRAFT, SUBMITTED and REJECTED ones. For the caller's own account there is `POST /auth/me/delete`, which asks for the password.
#[utoipa::path(
    delete, path = "/organization/members/{id}", tag = TAG, operation_id = "removeMember",
    responses(
        (status = 204, description = "The member was deleted.", headers(("Idempotency-Replayed"))),
        Forbidden, NotFound, LastAdmin,
    ),
    extensions(("x-access" = json!("ADMIN"))),
)]
async fn remove(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    Parameters((id, preconditions, key)): Parameters<(MemberId, Preconditions, IdempotencyKey)>,
) -> Result<Response, Problem> {
    let idempotency = Some(key.into_message(call.request_id()));
    let Preconditions { if_match, if_none_match } = preconditions;
    let message = RemoveMemberRequest { id: id.0, if_match, if_none_match, idempotency };
    let reply = state.clients().auth().remove_member(call.request(message)).await;
    let RemoveMemberReply { replayed } = Backend::Auth.reply(reply)?;
    Ok(with_replayed(StatusCode::NO_CONTENT, replayed))
}

request_body! {
    /// Who gets the events.
    struct EventTransfer {
        /// The ID of a member.
        to: Id,
    }
    example { "to": "01890000-0000-7000-8000-0000000000b1" }
}

/// Transfer the events of a member
///
/// The events of the member belong to the other member afterwards, whatever their status. The member can also be one who was
/// deleted. If there are many, a request transfers some of them: repeat it with another `Idempotency-Key` while `hasMore` is true.
#[utoipa::path(
    post, path = "/organization/members/{id}/transfer-events", tag = TAG, operation_id = "transferEvents",
    responses(
        (
            status = 200, description = "The events were transferred.", body = TransferredEvents,
            headers(("Idempotency-Replayed")),
        ),
        Forbidden, NotFound,
    ),
    extensions(("x-access" = json!("ADMIN"))),
)]
async fn transfer_events(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    WithBody((id, transfer, preconditions, key)): WithBody<(
        MemberId,
        EventTransfer,
        Preconditions,
        IdempotencyKey,
    )>,
) -> Result<Response, Problem> {
    preconditions.check_without_representation()?;
    let EventTransfer { to } = transfer;
    let idempotency = Some(key.into_message(call.request_id()));
    let message = TransferRequest { from_id: id.0, to_id: to.0, idempotency };
    let reply = state.clients().events().transfer(call.request(message)).await;
    let TransferReply { transferred, has_more, replayed } = Backend::Events.reply(reply)?;
    Ok(with_replayed(Json(TransferredEvents { transferred, has_more }), replayed))
}

/// One page of the members.
#[derive(Debug, Serialize, ToSchema)]
struct MemberPage {
    data: Vec<Member>,
    meta: CursorPageMeta,
}

/// A member of the organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Member {
    /// The ID of the user (UUIDv7).
    #[schema(format = Uuid)]
    id: String,
    #[schema(format = Email, example = "admin@acme.com")]
    email: String,
    #[schema(example = "Ada")]
    first_name: String,
    #[schema(example = "Lovelace")]
    last_name: String,
    /// The first and the last name.
    #[schema(example = "Ada Lovelace")]
    display_name: String,
    role: RoleValue,
    /// Whether the member cannot log in.
    disabled: bool,
    /// When the member signed up.
    #[schema(format = DateTime)]
    created_at: String,
    /// When the member proved that the address is theirs. Null: not yet.
    #[schema(required = true, format = DateTime)]
    email_verified_at: Option<String>,
}

/// The events that were transferred.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TransferredEvents {
    /// The number of events.
    #[schema(minimum = 0)]
    transferred: u64,
    /// Whether the member has more events.
    has_more: bool,
}

fn member_response(reply: MemberReply) -> Result<Response, Problem> {
    let MemberReply { member, replayed } = reply;
    let member = member.ok_or_else(|| Backend::Auth.invalid_reply("member"))?;
    Ok(with_replayed(with_version(member.version, Member::try_from(member)?)?, replayed))
}

impl From<MemberQuery> for ListMembersRequest {
    fn from(query: MemberQuery) -> Self {
        let MemberQuery { limit, cursor, search, role, disabled } = query;
        Self {
            limit: limit.0.0,
            cursor: cursor.map(|cursor| cursor.0).unwrap_or_default(),
            search: search.and_then(|search| search.0).unwrap_or_default(),
            role: role.map(|role| proto::Role::from(role.0)).unwrap_or_default().into(),
            disabled: disabled.map(|disabled| disabled.0),
        }
    }
}

impl MemberPatch {
    fn into_message(
        self,
        id: MemberId,
        preconditions: Preconditions,
        idempotency: Idempotency,
    ) -> UpdateMemberRequest {
        let Self { role, disabled } = self;
        let Preconditions { if_match, if_none_match } = preconditions;
        UpdateMemberRequest {
            id: id.0,
            role: role.0.map(|role| proto::Role::from(role.0)).unwrap_or_default().into(),
            disabled: disabled.0.map(|disabled| disabled.0),
            if_match,
            if_none_match,
            idempotency: Some(idempotency),
        }
    }
}

impl MemberPage {
    fn new(limit: u32, reply: ListMembersReply) -> Result<Self, ServiceError> {
        let ListMembersReply { members, next_cursor } = reply;
        let data = members.into_iter().map(Member::try_from).collect::<Result<_, _>>()?;
        Ok(Self { data, meta: CursorPageMeta::new(limit, next_cursor) })
    }
}

impl TryFrom<proto::Member> for Member {
    type Error = ServiceError;

    fn try_from(member: proto::Member) -> Result<Self, ServiceError> {
        let role = Role::try_from(member.role()).map_err(|_| Backend::Auth.invalid_reply("role"))?;
        let proto::Member {
            id,
            email,
            first_name,
            last_name,
            role: _,
            disabled,
            created_at,
            email_verified_at,
            // Sent as the ETag.
            version: _,
        } = member;
        let created_at = time::to_rfc3339(created_at);
        Ok(Self {
            id,
            email,
            display_name: format!("{first_name} {last_name}"),
            first_name,
            last_name,
            role: EnumValue(role),
            disabled,
            created_at: created_at.ok_or_else(|| Backend::Auth.invalid_reply("created_at"))?,
            email_verified_at: time::to_rfc3339(email_verified_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{
        extract::testing::{body, patch_body, query, violations},
        testing::json as body_of,
    };

    fn member() -> proto::Member {
        proto::Member {
            id: "u".into(),
            email: "a@b.cd".into(),
            first_name: "Ada".into(),
            last_name: "Lovelace".into(),
            role: proto::Role::User.into(),
            disabled: true,
            created_at: Some(prost_types::Timestamp { seconds: 0, nanos: 0 }),
            email_verified_at: None,
            version: 7,
        }
    }

    #[tokio::test]
    async fn a_member_has_a_display_name_and_an_etag() {
        let reply = MemberReply { member: Some(member()), replayed: true };
        let response = member_response(reply).expect("a response");
        assert_eq!(response.headers()["etag"], "\"7\"");
        assert_eq!(response.headers()["idempotency-replayed"], "true");
        assert_eq!(
            body_of(response).await,
            json!({
                "id": "u",
                "email": "a@b.cd",
                "firstName": "Ada",
                "lastName": "Lovelace",
                "displayName": "Ada Lovelace",
                "role": "USER",
                "disabled": true,
                "createdAt": "1970-01-01T00:00:00.000Z",
                "emailVerifiedAt": null,
            })
        );
        for incomplete in [None, Some(proto::Member { role: 0, ..member() })] {
            assert!(member_response(MemberReply { member: incomplete, replayed: false }).is_err());
        }
    }

    #[test]
    fn a_list_can_be_filtered() {
        let read = |pairs: &[(&str, &str)]| {
            ListMembersRequest::from(query(pairs).read::<MemberQuery>().expect("no violation"))
        };
        let all = read(&[]);
        assert_eq!((all.limit, all.role(), all.disabled), (10, proto::Role::Unspecified, None));
        let some = read(&[("role", "ADMIN"), ("disabled", "false"), ("search", " ada ")]);
        assert_eq!((some.role(), some.disabled), (proto::Role::Admin, Some(false)));
        assert_eq!(some.search, "ada");
        let bad = [("role", "OWNER"), ("disabled", "no"), ("page", "1")];
        assert_eq!(
            violations::<MemberQuery>(query(&bad)),
            [
                "role must be one of USER, MODERATOR, ADMIN",
                "disabled must be true or false",
                "page is not a known parameter",
            ]
        );
    }

    #[test]
    fn a_patch_changes_only_the_given_fields() {
        let read = |patch| {
            let read = patch_body(patch).read().expect("no violation");
            let (id, patch, preconditions, key): (MemberId, MemberPatch, Preconditions, IdempotencyKey) =
                read;
            patch.into_message(id, preconditions, key.into_message(Uuid::nil()))
        };
        let nothing = read(json!({}));
        assert_eq!((nothing.role(), nothing.disabled), (proto::Role::Unspecified, None));
        let both = read(json!({"role": "USER", "disabled": false}));
        assert_eq!((both.role(), both.disabled), (proto::Role::User, Some(false)));
        let bad = json!({"role": null, "disabled": "false"});
        assert_eq!(
            violations::<(MemberId, MemberPatch)>(patch_body(bad)),
            ["role must not be null", "disabled must be true or false"]
        );
    }

    #[test]
    fn a_transfer_names_the_new_owner() {
        assert_eq!(violations::<EventTransfer>(body(json!({}))), ["to is required"]);
        let found = violations::<EventTransfer>(body(json!({"to": "somebody"})));
        assert_eq!(found, ["to must be a UUID, for example 01890000-0000-7000-8000-000000000001"]);
    }
}
