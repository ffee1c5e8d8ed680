//! The headers that make a request conditional or repeatable.

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

/// The client's name for one effect.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// `If-None-Match`, for the weak comparison.
#[derive(Debug)]
pub(crate) struct IfNoneMatch(pub(crate) Option<EntityTags>);

/// `If-Match` as the service wants it: only tags that can match at all.
#[derive(Debug, PartialEq)]
pub(crate) struct IfMatch(pub(crate) Option<proto::IfMatch>);

/// What makes a write happen once: the client's `Idempotency-Key`, or one for the attempts of this one request.
#[derive(Debug)]
pub(crate) struct IdempotencyKey {
    key: String,
    generated: bool,
}

impl IdempotencyKey {
    /// The key for a service. `request_id` is the same for every attempt of this request and for no other request.
    pub(crate) fn into_message(self, request_id: Uuid) -> proto::Idempotency {
        let Self { key, generated } = self;
        proto::Idempotency { key, request_id: request_id.to_string(), generated }
    }
}

impl FromInput for IfNoneMatch {
    fn from_input(input: &mut Input) -> Option<Self> {
        input.entity_tags(&header::IF_NONE_MATCH, "If-None-Match").map(Self)
    }
}

impl OperationPart for IfNoneMatch {
    fn describe(description: &mut OperationDescription) {
        let about = "304 when the event has one of these entity tags (RFC 9110, section 13.1.2).";
        description.parameter(header_parameter("If-None-Match", about, entity_tags()));
    }
}

impl FromInput for IfMatch {
    fn from_input(input: &mut Input) -> Option<Self> {
        let tags = input.entity_tags(&header::IF_MATCH, "If-Match")?;
        let condition = |tags: EntityTags| proto::IfMatch {
            any: tags == EntityTags::Any,
            versions: tags.strong_versions(),
        };
        Some(Self(tags.map(condition)))
    }
}

impl OperationPart for IfMatch {
    fn describe(description: &mut OperationDescription) {
        let about =
            "Write only when the event has one of these entity tags (RFC 9110, section 13.1.1), else 412.";
        description.parameter(header_parameter("If-Match", about, entity_tags()));
        description.problem::<PreconditionFailed>();
    }
}

impl FromInput for IdempotencyKey {
    fn from_input(input: &mut Input) -> Option<Self> {
        let outcome = match input.header(&IDEMPOTENCY_KEY)[..] {
            [] => Ok((Uuid::now_v7().to_string(), true)),
            [key] => check_idempotency_key(key).map(|key| (key.to_owned(), false)),
            _ => Err("must be given once".to_owned()),
        };
        let (key, generated) = input.faults.check("Idempotency-Key", outcome)?;
        Some(Self { key, generated })
    }
}

impl OperationPart for IdempotencyKey {
    fn describe(description: &mut OperationDescription) {
        let about = "The same key and the same request have one effect and one answer for 24 hours \
            (`IDEMPOTENCY_TTL`); the same key and another request is a 422.";
        let key = text(1..=255).pattern(Some("^[ -~]{1,255}$"));
        description.parameter(header_parameter("Idempotency-Key", about, key));
        description.problem::<KeyReused>();
    }
}

fn header_parameter(name: &str, about: &str, schema: ObjectBuilder) -> Parameter {
    optional_parameter(ParameterIn::Header, name, about, schema.into())
}

/// `*`, or entity tags with commas between (RFC 9110, section 8.8.3).
fn entity_tags() -> ObjectBuilder {
    let tag = r#"(W/)?"[!#-~]*""#;
    string().pattern(Some(format!(r"^(\*|{tag}([ \t]*,[ \t]*{tag})*)$")))
}

impl Input {
    /// The entity tags of a header, if it is there; `None` after recording a fault.
    fn entity_tags(&mut self, name: &HeaderName, field: &str) -> Option<Option<EntityTags>> {
        let values = self.header(name);
        if values.is_empty() {
            return Some(None);
        }
        let outcome = EntityTags::parse(&values).map_err(|malformed| malformed.to_string());
        self.faults.check(field, outcome).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::input::tests::{faults, input},
        *,
    };

    fn with(headers: &[(&str, &str)]) -> Input {
        input(&[], headers, None)
    }

    #[test]
    fn if_match_becomes_a_condition() {
        let read = |headers: &[(&str, &str)]| with(headers).read::<IfMatch>().expect("well-formed").0;
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("if-match", "*")]), Some(proto::IfMatch { any: true, versions: vec![] }));
        assert_eq!(
            read(&[("if-match", "\"3\", W/\"4\"")]),
            Some(proto::IfMatch { any: false, versions: vec![3] })
        );
        // A condition that cannot hold is still a condition.
        assert_eq!(read(&[("if-match", "\"x\"")]), Some(proto::IfMatch { any: false, versions: vec![] }));
    }

    #[test]
    fn a_malformed_condition_is_a_fault() {
        let found = faults::<IfMatch>(with(&[("if-match", "3")]));
        assert_eq!(found, ["If-Match must be * or a list of entity tags, for example \"7\""]);
        let found = faults::<IfNoneMatch>(with(&[("if-none-match", "3")]));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_request_without_a_key_gets_one_of_its_own() {
        let id = Uuid::now_v7();
        let read = || {
            let key: IdempotencyKey = with(&[]).read().expect("no fault");
            key.into_message(id)
        };
        let (one, other) = (read(), read());
        assert!(one.generated && one.key != other.key);
        assert_eq!(one.request_id, id.to_string());
    }

    #[test]
    fn a_key_of_the_client_is_kept_as_it_is() {
        let input = with(&[("idempotency-key", "order 66")]);
        let key: IdempotencyKey = input.read().expect("no fault");
        let idempotency = key.into_message(Uuid::now_v7());
        assert_eq!((idempotency.key.as_str(), idempotency.generated), ("order 66", false));
    }

    #[test]
    fn bad_and_repeated_keys_are_faults() {
        let mut twice = with(&[("idempotency-key", "a")]);
        twice.headers.append(IDEMPOTENCY_KEY, "b".parse().expect("a value"));
        let found = faults::<IdempotencyKey>(twice);
        assert_eq!(found, ["Idempotency-Key must be given once"]);
        let found = faults::<IdempotencyKey>(with(&[("idempotency-key", "")]));
        assert_eq!(found, ["Idempotency-Key must be 1 to 255 printable ASCII characters"]);
    }
}
