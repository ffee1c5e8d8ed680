//! The problems that an operation may answer with, each a component with an example of its own.

use std::collections::BTreeMap;

use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_domain::{EventAction, EventStatus, Faults, Refusal};
use http::StatusCode;
use serde_json::Value;
use utoipa::{
    IntoResponses,
    openapi::{Ref, RefOr, Response, ResponseBuilder, content::ContentBuilder},
};

use super::{headers, schemas};
use crate::problem::{Edge, MEDIA_TYPE, Problem};

/// A problem among the components.
pub(crate) trait ProblemResponse {
    /// The name of the component.
    const NAME: &'static str;

    /// The status of the answer.
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

            /// For `responses(…)` of `#[utoipa::path]`.
            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    let reference = Ref::from_response_name(Self::NAME).into();
                    [(Self::status().as_str().to_owned(), reference)].into()
                }
            }
        )+

        /// Every problem by the name of its component.
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
        "The input breaks rules; `errors` lists all of them.",
        headers: [], example: "/events", faults()
    }
    Unauthenticated {
        "No valid bearer token, or wrong credentials.",
        headers: ["WWW-Authenticate"], example: "/auth/me", ServiceError::unauthenticated()
    }
    Forbidden {
        "The role, the ownership or the status forbids it.",
        headers: [], example: "/events/01890000-0000-7000-8000-000000000002/approve",
        Refusal::EventForbidden(EventAction::Approve)
    }
    NotFound {
        "There is no such thing, or none that the caller may see.",
        headers: [], example: "/events/01890000-0000-7000-8000-000000000009",
        Refusal::EventUnknown
    }
    Timeout {
        "The deadline passed; the outcome of a write is open.",
        headers: [], example: "/events", crate::clients::deadline_passed()
    }
    AlreadyExists {
        "A name or an address is taken.",
        headers: [], example: "/auth/signup",
        Refusal::EmailTaken
    }
    WrongStatus {
        "The status does not allow the transition.",
        headers: [], example: "/events/01890000-0000-7000-8000-000000000001/submit",
        wrong_status()
    }
    PreconditionFailed {
        "The event has another version than `If-Match` names.",
        headers: [], example: "/events/01890000-0000-7000-8000-000000000002",
        Refusal::EventStale
    }
    PayloadTooLarge {
        "The body is longer than 64 KiB.",
        headers: [], example: "/events", Edge::PayloadTooLarge
    }
    UnsupportedMediaType {
        "The body is not declared as JSON.",
        headers: [], example: "/events", Edge::UnsupportedMediaType
    }
    KeyReused {
        "The idempotency key belongs to another request.",
        headers: [], example: "/events",
        Refusal::KeyReused
    }
    TooManyRequests {
        "The limit of requests is reached.",
        headers: ["Retry-After"], example: "/events", Edge::RateLimited { retry_after: 42 }
    }
    Internal {
        "A defect on our side.",
        headers: [], example: "/events", ServiceError::internal("an example")
    }
    Unavailable {
        "Overloaded, or a service is away.",
        headers: ["Retry-After"], example: "/events",
        ServiceError::new(
            ErrorCode::Unavailable,
            "The service cannot be reached right now. Try again shortly.",
        )
    }
}

fn wrong_status() -> Refusal {
    let allowed = &[EventStatus::Draft, EventStatus::Rejected];
    Refusal::WrongStatus { status: EventStatus::Approved, allowed, transition: "submitted" }
}

fn faults() -> Faults {
    let mut faults = Faults::one("title", "must be 3 to 200 characters long");
    faults.add("endDate", "must be after startDate");
    faults
}

fn response(description: &str, own_headers: &[&str], example: &Problem, instance: &str) -> Response {
    let document = example.document(instance, "0198c0de-0000-7000-8000-000000000000");
    let example: Option<Value> = serde_json::to_value(document).ok();
    let content = ContentBuilder::new().schema(Some(schemas::component("Problem"))).example(example).build();
    let response = ResponseBuilder::new().description(description).content(MEDIA_TYPE, content);
    headers::with(headers::with(response, headers::LIMITED), own_headers).build()
}
