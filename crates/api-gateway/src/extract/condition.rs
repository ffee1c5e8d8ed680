//! The headers that make a request conditional or repeatable.

use eventboard_domain::check_idempotency_key;
use eventboard_proto::events::{Idempotency, IfMatch};
use http::{HeaderName, header};
use uuid::Uuid;

use super::{entity_tag::EntityTags, input::Input};

/// The client's name for one effect.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl Input {
    /// `If-None-Match`, for the weak comparison.
    pub(crate) fn if_none_match(&mut self) -> Option<EntityTags> {
        self.entity_tags(&header::IF_NONE_MATCH, "If-None-Match")
    }

    /// `If-Match` as the service wants it: only tags that can match at all.
    pub(crate) fn if_match(&mut self) -> Option<IfMatch> {
        let tags = self.entity_tags(&header::IF_MATCH, "If-Match")?;
        Some(IfMatch { any: tags == EntityTags::Any, versions: tags.strong_versions() })
    }

    /// The client's key, or one for the attempts of this one request.
    pub(crate) fn idempotency(&mut self, request_id: Uuid) -> Option<Idempotency> {
        let outcome = match self.header(&IDEMPOTENCY_KEY)[..] {
            [] => Ok((Uuid::now_v7().to_string(), true)),
            [key] => check_idempotency_key(key).map(|key| (key.to_owned(), false)),
            _ => Err("must be given once".to_owned()),
        };
        let (key, generated) = self.faults.check("Idempotency-Key", outcome)?;
        Some(Idempotency { key, request_id: request_id.to_string(), generated })
    }

    fn entity_tags(&mut self, name: &HeaderName, field: &str) -> Option<EntityTags> {
        let values = self.header(name);
        if values.is_empty() {
            return None;
        }
        let outcome = EntityTags::parse(&values).map_err(|malformed| malformed.to_string());
        self.faults.check(field, outcome)
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
        let read = |headers: &[(&str, &str)]| with(headers).read(Input::if_match).expect("well-formed");
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("if-match", "*")]), Some(IfMatch { any: true, versions: vec![] }));
        assert_eq!(read(&[("if-match", "\"3\", W/\"4\"")]), Some(IfMatch { any: false, versions: vec![3] }));
        // A condition that cannot hold is still a condition.
        assert_eq!(read(&[("if-match", "\"x\"")]), Some(IfMatch { any: false, versions: vec![] }));
    }

    #[test]
    fn a_malformed_condition_is_a_fault() {
        let found = faults(with(&[("if-match", "3")]), Input::if_match);
        assert_eq!(found, ["If-Match must be * or a list of entity tags, for example \"7\""]);
        let found = faults(with(&[("if-none-match", "3")]), Input::if_none_match);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_request_without_a_key_gets_one_of_its_own() {
        let id = Uuid::now_v7();
        let read = || with(&[]).read(|input| input.idempotency(id)).expect("no fault").expect("a key");
        let (one, other) = (read(), read());
        assert!(one.generated && one.key != other.key);
        assert_eq!(one.request_id, id.to_string());
    }

    #[test]
    fn a_key_of_the_client_is_kept_as_it_is() {
        let input = with(&[("idempotency-key", "order 66")]);
        let idempotency = input.read(|input| input.idempotency(Uuid::now_v7())).expect("no fault");
        let idempotency = idempotency.expect("a key");
        assert_eq!((idempotency.key.as_str(), idempotency.generated), ("order 66", false));
    }

    #[test]
    fn bad_and_repeated_keys_are_faults() {
        let mut twice = with(&[("idempotency-key", "a")]);
        twice.headers.append(IDEMPOTENCY_KEY, "b".parse().expect("a value"));
        let found = faults(twice, |input| input.idempotency(Uuid::nil()));
        assert_eq!(found, ["Idempotency-Key must be given once"]);
        let found = faults(with(&[("idempotency-key", "")]), |input| input.idempotency(Uuid::nil()));
        assert_eq!(found, ["Idempotency-Key must be 1 to 255 printable ASCII characters"]);
    }
}
