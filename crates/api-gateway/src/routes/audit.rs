//! `/organization/audit`: who did what in the organization.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_domain::{AuditAction, AuditTargetType};
use eventboard_proto::{
    auth::{self as proto, ListAuditReply, ListAuditRequest},
    convert,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{
    operation,
    responses::{CursorPageMeta, NO_STORE},
    time,
};
use crate::{
    extract::{
        Caller, EnumValue, OrDefault, Parameters, query_parameters,
        shared_fields::{Cursor, Id, Instant, Limit},
    },
    openapi::problems::Forbidden,
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of these operations.
const TAG: &str = "organization";

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(operation!(policies.list, list_audit))
}

query_parameters! {
    /// Selects entries of the audit and a page.
    struct AuditQuery {
        /// The maximum number of entries to return.
        limit: OrDefault<Limit>,
        /// The `nextCursor` of a response with the same filters.
        cursor: Option<Cursor>,
        /// Only what the user with this ID did.
        actor: Option<Id>,
        /// Only entries with this action.
        action: Option<EnumValue<AuditAction>>,
        /// Only entries of this time or later.
        from: Option<Instant>,
        /// Only entries of this time or earlier.
        to: Option<Instant>,
    }
}

/// List the audit
///
/// Who did what in the organization, newest first: signups, logins, and what admins and the operator changed. What happened
/// to events is not part of it.
#[utoipa::path(
    get, path = "/organization/audit", tag = TAG, operation_id = "listAudit",
    responses(
        (status = 200, description = "One page of the audit.", body = AuditPage, headers(("Cache-Control"))),
        Forbidden,
    ),
    extensions(("x-access" = json!("ADMIN"))),
)]
async fn list_audit(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters(query): Parameters<AuditQuery>,
) -> Result<Response, Problem> {
    let limit = query.limit.0.0;
    let reply = state.clients().auth().list_audit(call.request(query.into())).await;
    let page = AuditPage::new(limit, Backend::Auth.reply(reply)?)?;
    Ok(([NO_STORE], Json(page)).into_response())
}

/// One page of the audit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuditPage {
    data: Vec<AuditEntry>,
    meta: CursorPageMeta,
}

/// Something that was done in the organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditEntry {
    #[schema(format = DateTime)]
    at: String,
    /// Who did it. Null: the operator, or somebody who could not log in.
    #[schema(required = true)]
    actor: Option<AuditActor>,
    action: ActionValue,
    /// What it was done to.
    #[schema(required = true)]
    target: Option<AuditTarget>,
    /// The block of the client's address.
    #[schema(required = true, example = "203.0.113.0/24")]
    address: Option<String>,
    /// What the client said it was (`User-Agent`).
    #[schema(required = true, example = "curl/8.5.0")]
    client: Option<String>,
    /// The correlation ID of the request.
    #[schema(required = true)]
    correlation_id: Option<String>,
    /// More about the action, for example the role before and afterwards.
    #[schema(value_type = Object)]
    details: Map<String, Value>,
}

/// A user who did something. The user may have been deleted since.
#[derive(Debug, Serialize, ToSchema)]
struct AuditActor {
    #[schema(format = Uuid)]
    id: String,
}

/// What an action was about. It may have been deleted since.
#[derive(Debug, Serialize, ToSchema)]
struct AuditTarget {
    r#type: TargetTypeValue,
    #[schema(format = Uuid)]
    id: String,
}

/// Aliases are needed, because the derived schema cannot refer to a generic type.
type ActionValue = EnumValue<AuditAction>;
type TargetTypeValue = EnumValue<AuditTargetType>;

impl From<AuditQuery> for ListAuditRequest {
    fn from(query: AuditQuery) -> Self {
        let AuditQuery { limit, cursor, actor, action, from, to } = query;
        Self {
            limit: limit.0.0,
            cursor: cursor.map(|cursor| cursor.0).unwrap_or_default(),
            actor_id: actor.map(|id| id.0).unwrap_or_default(),
            action: action.map(|action| proto::AuditAction::from(action.0)).unwrap_or_default().into(),
            from: from.map(|from| convert::timestamp(from.0)),
            to: to.map(|to| convert::timestamp(to.0)),
        }
    }
}

impl AuditPage {
    fn new(limit: u32, reply: ListAuditReply) -> Result<Self, ServiceError> {
        let ListAuditReply { entries, next_cursor } = reply;
        Ok(Self { data: known_entries(entries)?, meta: CursorPageMeta::new(limit, next_cursor) })
    }
}

/// Leaves out entries with an action that this gateway does not know: during a rolling update, auth-service may know more.
pub(super) fn known_entries(entries: Vec<proto::AuditEntry>) -> Result<Vec<AuditEntry>, ServiceError> {
    let known = entries.into_iter().filter(|entry| entry.action() != proto::AuditAction::Unspecified);
    known.map(AuditEntry::try_from).collect()
}

impl TryFrom<proto::AuditEntry> for AuditEntry {
    type Error = ServiceError;

    fn try_from(entry: proto::AuditEntry) -> Result<Self, ServiceError> {
        let invalid = |field| Backend::Auth.invalid_reply(field);
        let action = AuditAction::try_from(entry.action()).map_err(|_| invalid("action"))?;
        let proto::AuditEntry { at, actor_id, action: _, target, address, client, correlation_id, details } =
            entry;
        Ok(Self {
            at: time::to_rfc3339(at).ok_or_else(|| invalid("at"))?,
            actor: actor_id.map(|id| AuditActor { id }),
            action: EnumValue(action),
            target: target.map(AuditTarget::try_from).transpose()?,
            address,
            client,
            correlation_id,
            details: serde_json::from_str(&details).map_err(|_| invalid("details"))?,
        })
    }
}

impl TryFrom<proto::AuditTarget> for AuditTarget {
    type Error = ServiceError;

    fn try_from(target: proto::AuditTarget) -> Result<Self, ServiceError> {
        let kind = AuditTargetType::try_from(target.r#type());
        let r#type = EnumValue(kind.map_err(|_| Backend::Auth.invalid_reply("target type"))?);
        let proto::AuditTarget { r#type: _, id } = target;
        Ok(Self { r#type, id })
    }
}
