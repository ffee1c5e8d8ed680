//! Extractors, which read and validate the input of an HTTP request.
//!
//! [`Caller`] (or [`AnonymousCaller`]) comes first in every handler, so that a 401 takes precedence over invalid
//! input. [`Parameters`] or [`WithBody`] then reads the whole [`Input`] (path, query, headers and body), so that all
//! violations are reported together. Each input is declared as a type: `macros` generates the reader and the OpenAPI
//! description of a body or a query from one struct, `field` and `shared_fields` contain the single values, and
//! `headers` contains the request headers.

mod body;
mod caller;
mod field;
mod headers;
mod input;
mod macros;
pub(crate) mod query;
pub(crate) mod shared_fields;

pub(crate) use self::{
    body::{WithBody, WithOptionalBody},
    caller::{AnonymousCaller, Caller, GenuineCaller, OutgoingCall, RecordedCaller},
    field::{BodyField, EnumValue, Field, OptionalNotNull, OptionalNullable, OrDefault, QueryField, fields},
    headers::{IdempotencyKey, Preconditions, ReadConditions, UnusedKey},
    input::{EventId, FromInput, Input, InvitationId, MemberId, Parameters, SessionId, uuid},
    macros::{camel_case, query_parameters, request_body},
};

/// Inputs for unit tests of bodies and queries.
#[cfg(test)]
pub(crate) mod testing {
    use serde_json::Value;

    pub(crate) use super::input::tests::violations;
    use super::{Input, input::tests};

    /// An input with this body.
    pub(crate) fn body(value: Value) -> Input {
        tests::input(&[], &[], Some(value))
    }

    /// An input with this body and with an event id in the path.
    pub(crate) fn patch_body(value: Value) -> Input {
        body(value).with_id("00000000-0000-0000-0000-000000000001")
    }

    /// An input with these query parameters.
    pub(crate) fn query(pairs: &[(&str, &str)]) -> Input {
        tests::input(pairs, &[], None)
    }
}
