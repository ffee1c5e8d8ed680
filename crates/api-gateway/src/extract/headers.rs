//! Request headers: conditions and the idempotency key.

use eventboard_domain::{Refusal, check_idempotency_key};
use eventboard_proto::writes as proto;
use http::{HeaderName, header};
use utoipa::openapi::{
    ObjectBuilder,
    path::{Parameter, ParameterIn},
};
use uuid::Uuid;

use super::input::{FromInput, Input};
use crate::{
    entity_tag::EntityTags,
    openapi::{
        OperationDescription, OperationPart, optional_parameter,
        problems::{KeyReused, PreconditionFailed},
        schemas::{string, text},
    },
    problem::Problem,
};

/// The header that makes a write safe to retry.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The conditions of a read, which are only validated here. `middleware::conditional` evaluates them, as for every read.
#[derive(Debug)]
pub(crate) struct ReadConditions;

/// The conditions of a write in the form that the service expects: only the versions that can match.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Preconditions {
    pub(crate) if_match: Option<proto::EntityTags>,
    pub(crate) if_none_match: Option<proto::EntityTags>,
}

/// The key that makes a write safe to retry: the client's `Idempotency-Key`, or a generated key for the attempts of
/// this request.
#[derive(Debug)]
pub(crate) struct IdempotencyKey {
    key: String,
    generated: bool,
}

/// An `Idempotency-Key` on a write that sets a value. Clients may send one with every write, so it is validated as
/// everywhere. It has no effect, because such a write can be repeated without one.
#[derive(Debug)]
pub(crate) struct UnusedKey;

impl IdempotencyKey {
    /// The key as a gRPC message. `request_id` must be unique per request and the same for all its attempts.
    pub(crate) fn into_message(self, request_id: Uuid) -> proto::Idempotency {
        let Self { key, generated } = self;
        proto::Idempotency { key, request_id: request_id.to_string(), generated }
    }
}

impl FromInput for ReadConditions {
    fn from_input(input: &mut Input) -> Option<Self> {
        let if_match = input.read_entity_tags(&header::IF_MATCH, "If-Match");
        let if_none_match = input.read_entity_tags(&header::IF_NONE_MATCH, "If-None-Match");
        if_match.and(if_none_match).map(|_| Self)
    }
}

impl OperationPart for ReadConditions {
    fn describe(description: &mut OperationDescription) {
        let if_match = "Returns 412 unless the current `ETag` is one of these (RFC 9110, section 13.1.1).";
        let if_none_match = "Returns 304 if the current `ETag` is one of these (RFC 9110, section 13.1.2).";
        description.add_parameter(header_parameter("If-Match", if_match, entity_tags()));
        description.add_parameter(header_parameter("If-None-Match", if_none_match, entity_tags()));
        description.add_problem::<PreconditionFailed>();
    }
}

impl Preconditions {
    /// Evaluates the conditions of an operation on a resource without a representation, where nothing can match (RFC
    /// 9110, section 13.1.1).
    ///
    /// # Errors
    /// When there is an `If-Match`.
    pub(crate) fn check_without_representation(self) -> Result<(), Problem> {
        let Self { if_match, if_none_match: _ } = self;
        match if_match {
            Some(_) => Err(Refusal::PreconditionFailed { header: "If-Match" }.into()),
            None => Ok(()),
        }
    }
}

impl FromInput for Preconditions {
    fn from_input(input: &mut Input) -> Option<Self> {
        let if_match = input.read_entity_tags(&header::IF_MATCH, "If-Match");
        let if_none_match = input.read_entity_tags(&header::IF_NONE_MATCH, "If-None-Match");
        let message =
            |tags: &EntityTags, versions| proto::EntityTags { any: *tags == EntityTags::Any, versions };
        Some(Self {
            if_match: if_match?.map(|tags| message(&tags, tags.strong_versions())),
            if_none_match: if_none_match?.map(|tags| message(&tags, tags.weak_versions())),
        })
    }
}

impl OperationPart for Preconditions {
    fn describe(description: &mut OperationDescription) {
        let if_match = "Performs the write only if the current `ETag` is one of these; otherwise returns 412 \
            (RFC 9110, section 13.1.1).";
        let if_none_match = "Performs the write only if the current `ETag` is none of these; otherwise returns 412 \
            (RFC 9110, section 13.1.2).";
        description.add_parameter(header_parameter("If-Match", if_match, entity_tags()));
        description.add_parameter(header_parameter("If-None-Match", if_none_match, entity_tags()));
        description.add_problem::<PreconditionFailed>();
    }
}

impl FromInput for IdempotencyKey {
    fn from_input(input: &mut Input) -> Option<Self> {
        let outcome = match input.header(&IDEMPOTENCY_KEY)[..] {
            [] => Ok((Uuid::now_v7().to_string(), true)),
            [key] => check_idempotency_key(key).map(|key| (key.to_owned(), false)),
            _ => Err("must not be given more than once".to_owned()),
        };
        let (key, generated) = input.violations.check("Idempotency-Key", outcome)?;
        Some(Self { key, generated })
    }
}

impl OperationPart for IdempotencyKey {
    fn describe(description: &mut OperationDescription) {
        let about = "Makes the write safe to retry. A repeated request with the same key returns the stored \
            response and has no second effect. The same key with a different request returns 422. \
            Keys expire after 24 hours (`IDEMPOTENCY_TTL`).";
        description.add_parameter(header_parameter("Idempotency-Key", about, key_schema()));
        description.add_problem::<KeyReused>();
    }
}

impl FromInput for UnusedKey {
    fn from_input(input: &mut Input) -> Option<Self> {
        IdempotencyKey::from_input(input).map(|_| Self)
    }
}

impl OperationPart for UnusedKey {
    fn describe(description: &mut OperationDescription) {
        let about = "This write sets a value, so it is safe to retry without a key. A key is validated and has no effect.";
        description.add_parameter(header_parameter("Idempotency-Key", about, key_schema()));
    }
}

/// The schema of what `check_idempotency_key` accepts.
fn key_schema() -> ObjectBuilder {
    text(1..=255).pattern(Some("^[ -~]{1,255}$"))
}

fn header_parameter(name: &str, about: &str, schema: ObjectBuilder) -> Parameter {
    optional_parameter(ParameterIn::Header, name, about, schema.into())
}

/// The schema of `*` or a comma-separated list of entity tags, which may be empty (RFC 9110, sections 5.6.1.2 and 8.8.3).
fn entity_tags() -> ObjectBuilder {
    string().pattern(Some(entity_tags_pattern()))
}

fn entity_tags_pattern() -> String {
    let element = r#"((W/)?"[!#-~\x80-\xff]*")?"#;
    format!(r"^(\*|[ \t]*{element}([ \t]*,[ \t]*{element})*[ \t]*)$")
}

impl Input {
    /// Reads the entity tags of a header. Returns `Some(None)` if the header is absent. If it is invalid, records a
    /// violation and returns `None`.
    fn read_entity_tags(&mut self, name: &HeaderName, field: &str) -> Option<Option<EntityTags>> {
        let values = self.header(name);
        if values.is_empty() {
            return Some(None);
        }
        let outcome = EntityTags::parse(&values).map_err(|malformed| malformed.to_string());
        self.violations.check(field, outcome).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, string::string_regex};
    use regex::Regex;

    use super::{
        super::input::tests::{input, violations},
        *,
    };

    fn with_headers(headers: &[(&str, &str)]) -> Input {
        input(&[], headers, None)
    }

    #[test]
    fn conditions_are_converted_to_the_messages_of_the_service() {
        let tags = |any, versions: &[i64]| Some(proto::EntityTags { any, versions: versions.to_vec() });
        for (value, if_match, if_none_match) in [
            (None, None, None),
            (Some("*"), tags(true, &[]), tags(true, &[])),
            (Some("\"3-gzip\", W/\"4\""), tags(false, &[3]), tags(false, &[3, 4])),
            // A condition that can never be true is still sent, so that the service rejects the write.
            (Some("\"x\""), tags(false, &[]), tags(false, &[])),
            (Some(""), tags(false, &[]), tags(false, &[])),
        ] {
            let headers = |name| value.map(|value| (name, value));
            let headers: Vec<_> = headers("if-match").into_iter().chain(headers("if-none-match")).collect();
            let read = with_headers(&headers).read::<Preconditions>().expect("well-formed");
            assert_eq!(read, Preconditions { if_match, if_none_match }, "{value:?}");
        }
    }

    #[test]
    fn every_malformed_condition_is_a_violation() {
        let headers = [("if-match", "3"), ("if-none-match", "\"3")];
        let message = "must be * or a list of entity tags, for example \"7\"";
        let expected = [format!("If-Match {message}"), format!("If-None-Match {message}")];
        assert_eq!(violations::<Preconditions>(with_headers(&headers)), expected);
        assert_eq!(violations::<ReadConditions>(with_headers(&headers)), expected);
    }

    proptest! {
        #[test]
        fn the_documented_pattern_is_what_the_parser_accepts(value in r#"\*|([ \t]|W/|"|,|\*|[0-9a-z!~\x80-\xff]){0,12}"#) {
            let pattern = Regex::new(&entity_tags_pattern()).expect("a regular expression");
            // What HTTP removes before anybody reads the value.
            let value = value.trim_ascii();
            prop_assert_eq!(pattern.is_match(value), EntityTags::parse(&[value.as_bytes()]).is_ok(), "{:?}", value);
        }

        #[test]
        fn every_documented_value_is_accepted(
            value in string_regex(entity_tags_pattern().trim_matches(['^', '$'])).expect("a regular expression")
        ) {
            prop_assert!(EntityTags::parse(&[value.as_bytes()]).is_ok(), "{:?}", value);
        }
    }

    #[test]
    fn a_request_without_a_key_gets_a_generated_key() {
        let id = Uuid::now_v7();
        let read = || {
            let key: IdempotencyKey = with_headers(&[]).read().expect("no violation");
            key.into_message(id)
        };
        let (one, other) = (read(), read());
        assert!(one.generated && one.key != other.key);
        assert_eq!(one.request_id, id.to_string());
    }

    #[test]
    fn the_key_of_the_client_is_used_unchanged() {
        let input = with_headers(&[("idempotency-key", "order 66")]);
        let key: IdempotencyKey = input.read().expect("no violation");
        let idempotency = key.into_message(Uuid::now_v7());
        assert_eq!((idempotency.key.as_str(), idempotency.generated), ("order 66", false));
    }

    #[test]
    fn an_invalid_or_repeated_key_is_a_violation() {
        let mut twice = with_headers(&[("idempotency-key", "a")]);
        twice.headers.append(IDEMPOTENCY_KEY, "b".parse().expect("a value"));
        let found = violations::<IdempotencyKey>(twice);
        assert_eq!(found, ["Idempotency-Key must not be given more than once"]);
        let empty = || with_headers(&[("idempotency-key", "")]);
        for found in [violations::<IdempotencyKey>(empty()), violations::<UnusedKey>(empty())] {
            assert_eq!(found, ["Idempotency-Key must be 1 to 255 printable ASCII characters"]);
        }
    }
}
