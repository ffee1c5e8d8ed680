//! Request headers: conditions and the idempotency key.

use eventboard_domain::check_idempotency_key;
use eventboard_proto::events as proto;
use http::{HeaderName, header};
use utoipa::openapi::{
    ObjectBuilder,
    path::{Parameter, ParameterIn},
};
use uuid::Uuid;

use super::{
    entity_tag::EntityTags,
    input::{FromInput, Input},
};
use crate::openapi::{
    OperationDescription, OperationPart, optional_parameter,
    problems::{KeyReused, PreconditionFailed},
    schemas::{string, text},
};

/// The header that makes a write safe to retry.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// `If-None-Match`, for weak comparison.
#[derive(Debug)]
pub(crate) struct IfNoneMatch(pub(crate) Option<EntityTags>);

/// `If-Match` in the form that the service expects: only the versions that can match.
#[derive(Debug, PartialEq)]
pub(crate) struct IfMatch(pub(crate) Option<proto::IfMatch>);

/// The key that makes a write safe to retry: the client's `Idempotency-Key`, or a generated key for the attempts of
/// this request.
#[derive(Debug)]
pub(crate) struct IdempotencyKey {
    key: String,
    generated: bool,
}

impl IdempotencyKey {
    /// The key as a gRPC message. `request_id` must be unique per request and the same for all its attempts.
    pub(crate) fn into_message(self, request_id: Uuid) -> proto::Idempotency {
        let Self { key, generated } = self;
        proto::Idempotency { key, request_id: request_id.to_string(), generated }
    }
}

impl FromInput for IfNoneMatch {
    fn from_input(input: &mut Input) -> Option<Self> {
        input.read_entity_tags(&header::IF_NONE_MATCH, "If-None-Match").map(Self)
    }
}

impl OperationPart for IfNoneMatch {
    fn describe(description: &mut OperationDescription) {
        let about = "Returns 304 if the event's `ETag` is one of these (RFC 9110, section 13.1.2).";
        description.add_parameter(header_parameter("If-None-Match", about, entity_tags()));
    }
}

impl FromInput for IfMatch {
    fn from_input(input: &mut Input) -> Option<Self> {
        let tags = input.read_entity_tags(&header::IF_MATCH, "If-Match")?;
        let condition = |tags: EntityTags| proto::IfMatch {
            any: tags == EntityTags::Any,
            versions: tags.strong_versions(),
        };
        Some(Self(tags.map(condition)))
    }
}

impl OperationPart for IfMatch {
    fn describe(description: &mut OperationDescription) {
        let about = "Performs the write only if the event's `ETag` is one of these; otherwise returns 412 \
            (RFC 9110, section 13.1.1).";
        description.add_parameter(header_parameter("If-Match", about, entity_tags()));
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
        let key = text(1..=255).pattern(Some("^[ -~]{1,255}$"));
        description.add_parameter(header_parameter("Idempotency-Key", about, key));
        description.add_problem::<KeyReused>();
    }
}

fn header_parameter(name: &str, about: &str, schema: ObjectBuilder) -> Parameter {
    optional_parameter(ParameterIn::Header, name, about, schema.into())
}

/// The schema of `*` or a comma-separated list of entity tags (RFC 9110, section 8.8.3).
fn entity_tags() -> ObjectBuilder {
    let tag = r#"(W/)?"[!#-~]*""#;
    string().pattern(Some(format!(r"^(\*|{tag}([ \t]*,[ \t]*{tag})*)$")))
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
    use super::{
        super::input::tests::{input, violations},
        *,
    };

    fn with_headers(headers: &[(&str, &str)]) -> Input {
        input(&[], headers, None)
    }

    #[test]
    fn if_match_is_converted_to_the_message_of_the_service() {
        let read = |headers: &[(&str, &str)]| with_headers(headers).read::<IfMatch>().expect("well-formed").0;
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("if-match", "*")]), Some(proto::IfMatch { any: true, versions: vec![] }));
        assert_eq!(
            read(&[("if-match", "\"3\", W/\"4\"")]),
            Some(proto::IfMatch { any: false, versions: vec![3] })
        );
        // A condition that can never be true is still sent, so that the service rejects the write.
        assert_eq!(read(&[("if-match", "\"x\"")]), Some(proto::IfMatch { any: false, versions: vec![] }));
    }

    #[test]
    fn a_malformed_condition_is_a_violation() {
        let found = violations::<IfMatch>(with_headers(&[("if-match", "3")]));
        assert_eq!(found, ["If-Match must be * or a list of entity tags, for example \"7\""]);
        let found = violations::<IfNoneMatch>(with_headers(&[("if-none-match", "3")]));
        assert_eq!(found.len(), 1);
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
        let found = violations::<IdempotencyKey>(with_headers(&[("idempotency-key", "")]));
        assert_eq!(found, ["Idempotency-Key must be 1 to 255 printable ASCII characters"]);
    }
}
