//! Reads a JSON body: receives it, checks the length and the media type, parses the object, and reads its fields.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use eventboard_chassis::{
    error::ServiceError,
    server::{BodyError, ReceivedBody},
};
use eventboard_domain::rules::REQUIRED;
use http::{HeaderMap, header, request::Parts};
use serde_json::{Map, Value};

use super::input::{FromInput, Input, has_body, require_no_coding};
use crate::{
    middleware::{admission::Place, requester::requester},
    openapi::{
        OperationDescription, OperationPart,
        problems::{InvalidInput, PayloadTooLarge, UnsupportedMediaType},
    },
    problem::{BODY_LIMIT, HttpError, Problem},
    state::AppState,
};

/// The field name for violations that concern the whole body.
const BODY: &str = "body";

/// Extracts the input for a route with a JSON body.
pub(crate) struct WithBody<T>(pub(crate) T);

impl<T: FromInput> FromRequest<AppState> for WithBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let mut input = Input::from_parts(&mut parts).await?;
        let received = receive(&parts, body, state).await?;
        require_no_coding(&parts.headers)?;
        require_json(&parts.headers)?;
        input.body = input.violations.check(BODY, parse_object(&received.bytes));
        input.read().map(Self)
    }
}

impl<T: FromInput> OperationPart for WithBody<T> {
    fn describe(description: &mut OperationDescription) {
        T::describe(description);
        description.add_problem::<InvalidInput>();
        description.add_problem::<PayloadTooLarge>();
        description.add_problem::<UnsupportedMediaType>();
    }
}

/// Extracts the input for a route with a JSON body that may be left out.
pub(crate) struct WithOptionalBody<T>(pub(crate) T);

impl<T: FromInput> FromRequest<AppState> for WithOptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        if has_body(request.headers()) {
            let WithBody(value) = WithBody::from_request(request, state).await?;
            return Ok(Self(value));
        }
        let (mut parts, _) = request.into_parts();
        let mut input = Input::from_parts(&mut parts).await?;
        input.body = Some(Map::new());
        input.read().map(Self)
    }
}

impl<T: FromInput> OperationPart for WithOptionalBody<T> {
    fn describe(description: &mut OperationDescription) {
        WithBody::<T>::describe(description);
        description.make_body_optional();
    }
}

impl Input {
    /// Reads a required value.
    pub(super) fn read_required<T>(
        &mut self,
        field: &str,
        rule: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        match self.take(field)? {
            Some(value) => self.violations.check(field, rule(&value)),
            None => {
                self.violations.add(field, REQUIRED);
                None
            }
        }
    }

    /// Reads a value that may be absent or null.
    pub(super) fn read_optional<T>(
        &mut self,
        field: &str,
        rule: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match self.take(field)? {
            Some(value) => self.violations.check(field, rule(&value)).map(Some),
            None => Some(None),
        }
    }

    /// Reads a value that may be absent, but not null.
    pub(super) fn read_optional_not_null<T>(
        &mut self,
        field: &str,
        rule: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<Option<T>> {
        if self.has_null(field) {
            self.take(field)?;
            self.violations.add(field, "must not be null");
            return None;
        }
        self.read_optional(field, rule)
    }

    /// Reads a value that may be absent (`None`) or null, which clears it (`Some(None)`).
    pub(super) fn read_optional_nullable<T>(
        &mut self,
        field: &str,
        rule: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<Option<Option<T>>> {
        if self.has_null(field) {
            self.take(field)?;
            return Some(Some(None));
        }
        Some(self.read_optional(field, rule)?.map(Some))
    }

    /// Whether the body was parsed. If it was not, missing fields are not reported as violations.
    pub(crate) fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// Records a violation of a rule that concerns several fields.
    pub(crate) fn add_violation(&mut self, field: &str, message: impl Into<String>) {
        self.violations.add(field, message);
    }

    fn has_null(&self, field: &str) -> bool {
        self.body.as_ref().is_some_and(|body| body.get(field).is_some_and(Value::is_null))
    }

    /// Removes and returns the value of a field: `Some(None)` if it is absent or null, `None` if there is no body.
    fn take(&mut self, field: &str) -> Option<Option<Value>> {
        let value = self.body.as_mut()?.remove(field);
        Some(value.filter(|value| !value.is_null()))
    }
}

/// Receives the body. Meanwhile the request takes no place, because it waits for the client.
async fn receive(parts: &Parts, body: Body, state: &AppState) -> Result<ReceivedBody, Problem> {
    let place = parts.extensions.get::<Place>();
    let place = place.ok_or_else(|| ServiceError::internal("the request was not admitted"))?;
    let client = requester(&parts.extensions).sender();
    let receiving = state.body_receiver().receive(client, body, BODY_LIMIT);
    let received = place.vacate_during(receiving).await?;
    received.map_err(|error| match error {
        BodyError::TooLong => HttpError::PayloadTooLarge.into(),
        BodyError::TooSlow | BodyError::Incomplete | BodyError::OutOfMemory => {
            ServiceError::from(error).into()
        }
    })
}

/// Accepts `application/json` with any parameters, because RFC 8259 defines no parameters to check.
fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let declared =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = declared.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(HttpError::UnsupportedMediaType.into())
    }
}

fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err("must be a JSON object".into()),
        Err(error) => Err(format!("is not valid JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use eventboard_domain::rules;
    use proptest::prelude::*;
    use serde_json::json;

    use super::{
        super::{
            OptionalNotNull, OptionalNullable, fields,
            input::tests::{input, violations},
            macros::request_body,
        },
        *,
    };
    use crate::openapi::schemas::{optional_text, text};

    fn body(value: Value) -> Input {
        input(&[], &[], Some(value))
    }

    fields! {
        /// A title.
        Title(String) = rules::title, text(rules::TITLE_LENGTH);
        /// A description.
        Description(String) = rules::description, text(rules::DESCRIPTION_LENGTH);
        /// A location.
        Location(Option<String>) = rules::location, optional_text(*rules::LOCATION_LENGTH.end());
    }

    request_body! {
        /// A body.
        struct Patch {
            title: Title,
            description: OptionalNotNull<Description>,
            location: OptionalNullable<Location>,
        }
        example {}
    }

    fn read(mut value: Value) -> Result<Patch, Problem> {
        value["title"] = "A title".into();
        body(value).read()
    }

    #[test]
    fn a_required_string_is_missing_if_absent_null_or_blank() {
        for absent in [json!({}), json!({"title": null}), json!({"title": "  "})] {
            assert_eq!(violations::<Patch>(body(absent)), ["title is required"]);
        }
        assert_eq!(violations::<Patch>(body(json!({"title": 5}))), ["title must be a string"]);
    }

    #[test]
    fn a_patch_distinguishes_absent_from_null() {
        let location = |value| {
            read(value).expect("no violation").location.0.map(|location| location.and_then(|text| text.0))
        };
        assert_eq!(location(json!({})), None);
        assert_eq!(location(json!({"location": null})), Some(None));
        assert_eq!(location(json!({"location": "  "})), Some(None));
        assert_eq!(location(json!({"location": "Office"})), Some(Some("Office".into())));
        let unchanged = read(json!({})).expect("no violation");
        assert_eq!((unchanged.title.0.as_str(), unchanged.description.0), ("A title", None));
        let found = violations::<Patch>(body(json!({"title": "A title", "description": null})));
        assert_eq!(found, ["description must not be null"]);
    }

    #[test]
    fn an_unparsable_body_is_one_violation_and_no_field_is_reported_missing() {
        let mut unreadable = input(&[], &[], None);
        unreadable.violations.add("body", "is not valid JSON");
        assert_eq!(violations::<Patch>(unreadable), ["body is not valid JSON"]);
    }

    #[test]
    fn a_body_must_be_a_json_object() {
        let deep = "[".repeat(10_000);
        for bad in ["", "[]", "1", "null", "{", "{\"a\":\"\\ud800\"}", "{\"a\":1}x", &deep] {
            assert!(parse_object(bad.as_bytes()).is_err(), "{bad:.20}");
        }
        assert!(parse_object(b"{\"a\":\"\xff\"}").is_err());
        assert!(parse_object(b" {} ").is_ok());
    }

    #[test]
    fn the_media_type_may_have_parameters() {
        let check = |value: &str| {
            let headers = [(header::CONTENT_TYPE, value.parse().expect("a value"))].into_iter().collect();
            require_json(&headers).is_ok()
        };
        assert!(check("application/json"));
        assert!(check("Application/JSON; charset=utf-8"));
        assert!(!check("text/plain"));
        assert!(!check("application/jsonp"));
        assert!(!check("application/merge-patch+json"));
        assert!(require_json(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_body_must_not_have_a_content_coding() {
        let check = |values: &[&str]| {
            let headers =
                values.iter().map(|value| (header::CONTENT_ENCODING, value.parse().expect("a value")));
            require_no_coding(&headers.collect()).is_ok()
        };
        for accepted in [&[][..], &["identity"], &["Identity"], &[""], &[" , identity,"], &["identity", ""]] {
            assert!(check(accepted), "{accepted:?}");
        }
        for rejected in [
            &["gzip"][..],
            &["x-gzip"],
            &["br"],
            &["identity, gzip"],
            &["gzip,identity"],
            &["identity", "deflate"],
            &["identity;q=1"],
            &["utf-8"],
        ] {
            assert!(!check(rejected), "{rejected:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_object(&bytes);
        }
    }
}
