//! From an HTTP request to the message of a service.
//!
//! [`Caller`] (or [`Visitor`]) stands first in every handler, so that 401 goes before anything that
//! is wrong with the input. [`Parameters`] and [`WithBody`] then read the one [`Input`] in one go, so that every fault of
//! path, query, headers and body is told at once. What they read is declared by types: `declare` makes one struct the
//! reader and the description of a body or a query, `values` has the single values, `condition` the headers.

mod body;
mod caller;
mod condition;
mod declare;
pub(crate) mod entity_tag;
mod field;
mod input;
pub(crate) mod query;
pub(crate) mod values;

pub(crate) use self::{
    body::WithBody,
    caller::{Caller, Visitor},
    condition::{IdempotencyKey, IfMatch, IfNoneMatch},
    declare::{camel_case, query_parameters, request_body},
    entity_tag::EntityTags,
    field::{BodyField, Clearable, Field, OrDefault, Patched, QueryField, Word, fields},
    input::{EventId, FromInput, Input, Parameters},
};

/// Inputs for the tests of those who read them.
#[cfg(test)]
pub(crate) mod testing {
    use serde_json::Value;

    pub(crate) use super::input::tests::faults;
    use super::{Input, input::tests};

    /// An input with this body.
    pub(crate) fn body(value: Value) -> Input {
        tests::input(&[], &[], Some(value))
    }

    /// An input with this body, for an event that exists.
    pub(crate) fn patch_body(value: Value) -> Input {
        body(value).with_id("00000000-0000-0000-0000-000000000001")
    }

    /// An input with these query parameters.
    pub(crate) fn query(pairs: &[(&str, &str)]) -> Input {
        tests::input(pairs, &[], None)
    }
}
