//! From an HTTP request to the message of a service.
//!
//! [`Caller`] (or [`Visitor`]) stands first in every handler, so that 401 goes before anything that
//! is wrong with the input. [`Parameters`] and [`WithBody`] then give a handler the one [`Input`], which
//! is read in one go so that every fault of path, query, headers and body is told at once.

mod body;
mod caller;
mod condition;
pub(crate) mod entity_tag;
mod input;
pub(crate) mod query;

pub(crate) use self::{
    body::{BODY_LIMIT, WithBody},
    caller::{Caller, Visitor},
    entity_tag::EntityTags,
    input::{Input, Parameters, uuid},
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
