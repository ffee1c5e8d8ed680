//! `/organization`: the organization of the caller, with its settings, limits and usage.

use axum::{extract::State, response::Response};
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_proto::{
    auth::{self as proto, GetOrganizationRequest, OrganizationReply, UpdateOrganizationRequest},
    events::{GetUsageRequest, UsageReply},
    writes::Idempotency,
};
use futures::{FutureExt, future::try_join};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{
    auth::OrganizationName,
    operation,
    responses::{NO_STORE, with_replayed, with_version},
    time,
};
use crate::{
    extract::{
        Caller, IdempotencyKey, OptionalNotNull, Parameters, Preconditions, ReadConditions, RecordedCaller,
        WithBody, request_body,
        shared_fields::{Flag, TimeZone},
    },
    openapi::problems::Forbidden,
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of these operations.
const TAG: &str = "organization";

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(operation!(policies.read, find))
        .routes(operation!(policies.write, update))
}

/// Get the organization
///
/// The settings, the limits, and what the organization uses of them. The `ETag` is the version of the settings. The usage is
/// at most about a minute old.
#[utoipa::path(
    get, path = "/organization", tag = TAG, operation_id = "getOrganization",
    responses(
        (
            status = 200, description = "The organization.", body = OrganizationDetails,
            headers(("ETag"), ("Cache-Control")),
        ),
        (
            status = 304,
            description = "The `ETag` is one of those in `If-None-Match`: the settings have not changed. The usage may have.",
            headers(("ETag"), ("Cache-Control")),
        ),
    ),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn find(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters(ReadConditions): Parameters<ReadConditions>,
) -> Result<Response, Problem> {
    let (mut auth, mut events) = (state.clients().auth(), state.clients().events());
    let organization = auth.get_organization(call.request(GetOrganizationRequest {}));
    let usage = events.get_usage(call.request(GetUsageRequest {}));
    let organization = organization.map(|reply| Backend::Auth.reply(reply));
    let (organization, usage) =
        try_join(organization, usage.map(|reply| Backend::Events.reply(reply))).await?;
    organization_response(organization, usage)
}

request_body! {
    /// Changes to the settings of the organization. Omitted fields keep their values.
    struct OrganizationPatch {
        /// The slug does not change.
        name: OptionalNotNull<OrganizationName>,
        /// Whether anybody may join with the ID of the organization.
        open_signup: OptionalNotNull<Flag>,
        /// The time zone (IANA) of members who have not chosen one.
        time_zone: OptionalNotNull<TimeZone>,
    }
    example { "openSignup": true, "timeZone": "Europe/Berlin" }
}

/// Update the organization
///
/// Omitted fields keep their values. What changes nothing does not change the `ETag`.
#[utoipa::path(
    patch, path = "/organization", tag = TAG, operation_id = "updateOrganization",
    responses(
        (
            status = 200, description = "The updated organization.", body = OrganizationDetails,
            headers(("ETag"), ("Cache-Control"), ("Idempotency-Replayed")),
        ),
        Forbidden,
    ),
    extensions(("x-access" = json!("ADMIN"))),
)]
async fn update(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    WithBody((patch, preconditions, key)): WithBody<(OrganizationPatch, Preconditions, IdempotencyKey)>,
) -> Result<Response, Problem> {
    let message = patch.into_message(preconditions, key.into_message(call.request_id()));
    // Asked for first, so that nothing has changed if events-service does not answer.
    let usage = state.clients().events().get_usage(call.request(GetUsageRequest {})).await;
    let usage = Backend::Events.reply(usage)?;
    let reply = state.clients().auth().update_organization(call.request(message)).await;
    organization_response(Backend::Auth.reply(reply)?, usage)
}

/// The organization of the caller.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OrganizationDetails {
    #[schema(format = Uuid)]
    id: String,
    #[schema(example = "Acme Corporation")]
    name: String,
    /// A unique identifier derived from the first name.
    #[schema(example = "acme-corp")]
    slug: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// Whether anybody may join with the ID of the organization.
    open_signup: bool,
    /// The time zone (IANA) of members who have not chosen one.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    limits: OrganizationLimits,
    usage: OrganizationUsage,
}

/// What an organization may store.
#[derive(Debug, Serialize, ToSchema)]
struct OrganizationLimits {
    #[schema(minimum = 0)]
    events: i64,
    /// The bytes of the events, their history and the idempotency keys.
    #[schema(minimum = 0)]
    bytes: i64,
    #[schema(minimum = 0)]
    members: i64,
}

/// What an organization stores, at most about a minute old.
#[derive(Debug, Serialize, ToSchema)]
struct OrganizationUsage {
    /// Null while the events are counted for the first time.
    #[schema(required = true, minimum = 0)]
    events: Option<i64>,
    /// The bytes of the events, their history and the idempotency keys. Null like `events`.
    #[schema(required = true, minimum = 0)]
    bytes: Option<i64>,
    /// The members, with those who are disabled.
    #[schema(minimum = 0)]
    members: i64,
}

impl OrganizationPatch {
    fn into_message(
        self,
        preconditions: Preconditions,
        idempotency: Idempotency,
    ) -> UpdateOrganizationRequest {
        let Self { name, open_signup, time_zone } = self;
        let Preconditions { if_match, if_none_match } = preconditions;
        UpdateOrganizationRequest {
            name: name.0.map(|name| name.0),
            open_signup: open_signup.0.map(|open_signup| open_signup.0),
            time_zone: time_zone.0.map(|zone| zone.0),
            if_match,
            if_none_match,
            idempotency: Some(idempotency),
        }
    }
}

fn organization_response(organization: OrganizationReply, usage: UsageReply) -> Result<Response, Problem> {
    let (version, replayed) = (organization.version, organization.replayed);
    let mut response = with_version(version, OrganizationDetails::new(organization, usage)?)?;
    response.headers_mut().extend([NO_STORE]);
    Ok(with_replayed(response, replayed))
}

impl OrganizationDetails {
    fn new(reply: OrganizationReply, usage: UsageReply) -> Result<Self, ServiceError> {
        let invalid = |field| Backend::Auth.invalid_reply(field);
        let OrganizationReply {
            organization,
            open_signup,
            time_zone,
            created_at,
            max_events,
            max_bytes,
            max_members,
            members,
            // Sent as headers.
            version: _,
            replayed: _,
        } = reply;
        let proto::Organization { id, name, slug } = organization.ok_or_else(|| invalid("organization"))?;
        let UsageReply { events, bytes } = usage;
        Ok(Self {
            id,
            name,
            slug,
            created_at: time::to_rfc3339(created_at).ok_or_else(|| invalid("created_at"))?,
            open_signup,
            time_zone,
            limits: OrganizationLimits { events: max_events, bytes: max_bytes, members: max_members },
            usage: OrganizationUsage { events, bytes, members },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{
        extract::testing::{body, violations},
        testing::json as body_of,
    };

    fn reply(replayed: bool) -> OrganizationReply {
        OrganizationReply {
            organization: Some(proto::Organization {
                id: "o".into(),
                name: "Acme".into(),
                slug: "acme".into(),
            }),
            open_signup: true,
            time_zone: "UTC".into(),
            created_at: Some(prost_types::Timestamp { seconds: 0, nanos: 0 }),
            max_events: 3,
            max_bytes: 2,
            max_members: 1,
            members: 1,
            version: 7,
            replayed,
        }
    }

    #[tokio::test]
    async fn an_organization_has_its_limits_and_its_usage() {
        for replayed in [false, true] {
            let usage = UsageReply { events: Some(0), bytes: None };
            let response = organization_response(reply(replayed), usage).expect("a response");
            assert_eq!(response.headers()["etag"], "\"7\"");
            assert_eq!(response.headers()["cache-control"], "no-store");
            assert_eq!(response.headers().contains_key("idempotency-replayed"), replayed);
            assert_eq!(
                body_of(response).await,
                json!({
                    "id": "o",
                    "name": "Acme",
                    "slug": "acme",
                    "createdAt": "1970-01-01T00:00:00.000Z",
                    "openSignup": true,
                    "timeZone": "UTC",
                    "limits": {"events": 3, "bytes": 2, "members": 1},
                    "usage": {"events": 0, "bytes": null, "members": 1},
                })
            );
        }
        let incomplete = OrganizationReply { organization: None, ..reply(false) };
        assert!(organization_response(incomplete, UsageReply::default()).is_err());
    }

    #[test]
    fn a_patch_changes_only_the_given_settings() {
        let patch = json!({"openSignup": false, "name": " Acme "});
        let (patch, key): (OrganizationPatch, IdempotencyKey) = body(patch).read().expect("no violation");
        let message = patch.into_message(Preconditions::default(), key.into_message(Uuid::nil()));
        assert_eq!((message.name.as_deref(), message.open_signup), (Some("Acme"), Some(false)));
        assert_eq!(message.time_zone, None);
    }

    #[test]
    fn settings_are_checked_and_cannot_be_cleared() {
        let bad = json!({"name": "?", "openSignup": null, "timeZone": "Mars", "slug": "acme"});
        assert_eq!(
            violations::<OrganizationPatch>(body(bad)),
            [
                "name must be 2 to 100 characters long",
                "openSignup must not be null",
                "timeZone must be a time zone of the IANA database, for example Europe/Berlin",
                "slug is not a known field",
            ]
        );
    }
}
