//! The problems that operations return. Each is a response component with an example.

use std::collections::BTreeMap;

use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_domain::{EventAction, EventStatus, MAX_INVITATIONS_A_DAY, Quota, Refusal, Violations};
use http::StatusCode;
use serde_json::Value;
use utoipa::{
    IntoResponses,
    openapi::{Ref, RefOr, Response, ResponseBuilder, content::ContentBuilder},
};

use super::{headers, schemas};
use crate::problem::{HttpError, MEDIA_TYPE, Problem};

/// A response component for one kind of problem.
pub(crate) trait ProblemResponse {
    /// The name of the component.
    const NAME: &'static str;

    /// The HTTP status.
    fn status() -> StatusCode;
}

macro_rules! problems {
    ($($name:ident { $description:literal, headers: [$($header:literal),*], example: $instance:literal, $example:expr })+) => {
        $(
            #[doc = $description]
            pub(crate) struct $name;

            impl $name {
                fn example() -> Problem {
                    $example.into()
                }
            }

            impl ProblemResponse for $name {
                const NAME: &'static str = stringify!($name);

                fn status() -> StatusCode {
                    Self::example().status()
                }
            }

            /// Allows the problem in `responses(…)` of `#[utoipa::path]`.
            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    let reference = Ref::from_response_name(Self::NAME).into();
                    [(Self::status().as_str().to_owned(), reference)].into()
                }
            }
        )+

        /// All problems, by component name.
        pub(super) fn all() -> Vec<(&'static str, Response)> {
            vec![$((
                $name::NAME,
                response($description, &[$($header),*], &$name::example(), $instance),
            )),+]
        }
    };
}

problems! {
    InvalidInput {
        "The input is invalid. `errors` lists the first 50 violations, `errorsOmitted` counts the others.",
        headers: [], example: "/events", violations()
    }
    Unauthenticated {
        "The bearer token is missing or invalid, or the credentials are wrong.",
        headers: ["WWW-Authenticate"], example: "/auth/me", ServiceError::unauthenticated()
    }
    Forbidden {
        "The caller is not allowed to perform this operation. `detail` says why.",
        headers: [], example: "/events/01890000-0000-7000-8000-000000000002/approve",
        Refusal::EventForbidden(EventAction::Approve)
    }
    NotFound {
        "The resource does not exist, or the caller is not allowed to see it.",
        headers: [], example: "/events/01890000-0000-7000-8000-000000000009",
        Refusal::EventNotFound
    }
    Timeout {
        "The request timed out. A write may have taken effect.",
        headers: [], example: "/events", ServiceError::deadline_exceeded()
    }
    AlreadyExists {
        "The e-mail address or the organization name is already in use, or the organization has reached its limit of \
        members. `detail` says which.",
        headers: [], example: "/auth/signup",
        Refusal::EmailTaken
    }
    WrongStatus {
        "The status of the event does not allow this operation.",
        headers: [], example: "/events/01890000-0000-7000-8000-000000000001/submit",
        wrong_status()
    }
    LastAdmin {
        "Nobody could administer the organization afterwards.",
        headers: [], example: "/organization/members/01890000-0000-7000-8000-0000000000b1",
        Refusal::LastAdmin
    }
    QuotaExceeded {
        "The organization has reached a limit. `detail` names it.",
        headers: [], example: "/events", Refusal::QuotaExceeded { quota: Quota::Events, limit: 2_000_000 }
    }
    TooManyInvitations {
        "The organization has made as many invitations as it may. `detail` names the limit.",
        headers: [], example: "/organization/invitations",
        Refusal::QuotaExceeded { quota: Quota::InvitationsADay, limit: MAX_INVITATIONS_A_DAY }
    }
    PreconditionFailed {
        "The current `ETag` does not match `If-Match`, or it matches the `If-None-Match` of a write.",
        headers: [], example: "/events/01890000-0000-7000-8000-000000000002",
        Refusal::StaleVersion
    }
    PayloadTooLarge {
        "The request body exceeds 64 KiB.",
        headers: [], example: "/events", HttpError::PayloadTooLarge
    }
    UriTooLong {
        "The path with its query is longer than 8000 bytes.",
        headers: [], example: "/events", HttpError::UriTooLong
    }
    UnsupportedMediaType {
        "The `Content-Type` of the request body is not `application/json`, or it has a `Content-Encoding`.",
        headers: ["Accept-Encoding"], example: "/events", HttpError::UnsupportedMediaType
    }
    KeyReused {
        "The `Idempotency-Key` was already used for a different request.",
        headers: [], example: "/events",
        Refusal::KeyReused
    }
    HeadersTooLarge {
        "The header fields of the request are too large.",
        headers: [], example: "/events", ServiceError::headers_too_large()
    }
    TooManyRequests {
        "The rate limit is exceeded.",
        headers: ["Retry-After"], example: "/events", HttpError::RateLimited { retry_after: 42 }
    }
    Internal {
        "An unexpected error occurred on our side.",
        headers: [], example: "/events", ServiceError::internal("an example")
    }
    Unavailable {
        "The service is overloaded or temporarily unavailable.",
        headers: ["Retry-After"], example: "/events",
        ServiceError::new(
            ErrorCode::Unavailable,
            "The service cannot be reached right now. Try again shortly.",
        )
    }
}

fn wrong_status() -> Refusal {
    let allowed = &[EventStatus::Draft, EventStatus::Rejected];
    Refusal::WrongStatus { status: EventStatus::Approved, allowed, participle: "submitted" }
}

fn violations() -> Violations {
    let mut violations = Violations::one("title", "must be 3 to 200 characters long");
    violations.add("endDate", "must be after startDate");
    violations
}

fn response(description: &str, own_headers: &[&str], example: &Problem, instance: &str) -> Response {
    let document = example.document(instance, "0198c0de-0000-7000-8000-000000000000");
    let example: Option<Value> = serde_json::to_value(document).ok();
    let content =
        ContentBuilder::new().schema(Some(schemas::component("ProblemDetails"))).example(example).build();
    let response = ResponseBuilder::new().description(description).content(MEDIA_TYPE, content);
    headers::with_headers(headers::with_headers(response, headers::RATE_LIMITED), own_headers).build()
}
