//! The whole input of a request: path, query, headers and body.

use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, Query, RawPathParams},
};
use eventboard_chassis::error::ServiceError;
use eventboard_domain::Violations;
use http::{HeaderMap, HeaderName, header, request::Parts};
use serde_json::{Map, Value};
use utoipa::openapi::{
    KnownFormat, Required,
    path::{Parameter, ParameterBuilder, ParameterIn},
};
use uuid::Uuid;

use crate::{
    openapi::{
        OperationDescription, OperationPart,
        problems::{InvalidInput, PayloadTooLarge},
        schemas::string_with_format,
    },
    problem::{BODY_LIMIT, HttpError, Problem},
    state::AppState,
};

/// Length of a UUID with hyphens, in bytes (RFC 9562, section 4). Other forms that the library parses are rejected,
/// so that an id has only one form.
const UUID_LENGTH: usize = 36;

/// The input of a request while its values are read.
///
/// The reading methods record violations. [`Input::read`] returns the value only if there are none. A parameter or
/// field that is never read is a violation too, because it is unknown.
pub(crate) struct Input {
    id: Option<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    /// The members of the body. `None` if the route has no body or the body could not be parsed.
    pub(super) body: Option<Map<String, Value>>,
    pub(super) violations: Violations,
}

/// A type that can be read from an [`Input`], and that describes itself for the OpenAPI document.
pub(crate) trait FromInput: OperationPart + Sized {
    /// Reads the value. Returns `None` after recording a violation.
    fn from_input(input: &mut Input) -> Option<Self>;
}

macro_rules! impl_from_input_for_tuples {
    ($(($($part:ident),+);)+) => { $(
        impl<$($part: FromInput),+> FromInput for ($($part,)+) {
            #[expect(non_snake_case, reason = "each variable has the name of its type")]
            fn from_input(input: &mut Input) -> Option<Self> {
                $(let $part = $part::from_input(input);)+
                Some(($($part?,)+))
            }
        }

        impl<$($part: FromInput),+> OperationPart for ($($part,)+) {
            fn describe(description: &mut OperationDescription) {
                $($part::describe(description);)+
            }
        }
    )+ };
}

impl_from_input_for_tuples! {
    (A, B);
    (A, B, C);
    (A, B, C, D);
}

/// No input, so any parameter or field is a violation.
impl FromInput for () {
    fn from_input(_: &mut Input) -> Option<Self> {
        Some(())
    }
}

impl OperationPart for () {
    fn describe(_: &mut OperationDescription) {}
}

/// Extracts the input for a route without a body.
pub(crate) struct Parameters<T>(pub(crate) T);

impl Input {
    pub(super) async fn from_parts(parts: &mut Parts) -> Result<Self, Problem> {
        check_content_length(&parts.headers)?;
        let mut violations = Violations::default();
        Ok(Self {
            id: path_id(parts).await,
            query: query_pairs(parts, &mut violations),
            headers: parts.headers.clone(),
            body: None,
            violations,
        })
    }

    /// Reads the whole input.
    ///
    /// # Errors
    /// Returns the violations, including unknown parameters and fields.
    pub(crate) fn read<T: FromInput>(mut self) -> Result<T, Problem> {
        let value = T::from_input(&mut self);
        self.reject_unknown();
        self.violations.into_result()?;
        value.ok_or_else(|| ServiceError::internal("the input has neither a value nor a violation").into())
    }

    /// All values of a header.
    pub(super) fn header(&self, name: &HeaderName) -> Vec<&[u8]> {
        self.headers.get_all(name).iter().map(|value| value.as_bytes()).collect()
    }

    fn reject_unknown(&mut self) {
        for (name, _) in std::mem::take(&mut self.query) {
            self.violations.add(&name, "is not a known parameter");
        }
        for (name, _) in self.body.take().into_iter().flatten() {
            self.violations.add(&name, "is not a known field");
        }
    }
}

impl<T: FromInput> FromRequestParts<AppState> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        let input = Input::from_parts(parts).await?;
        // The body is ignored, but what the client meant with it is not known.
        if has_body(&parts.headers) {
            require_no_coding(&parts.headers)?;
        }
        input.read().map(Self)
    }
}

/// Rejects a compressed body. `identity` means no coding; clients should not send it, but some do.
pub(super) fn require_no_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut codings =
        values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    if codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")) {
        Ok(())
    } else {
        Err(HttpError::UnsupportedContentCoding.into())
    }
}

/// Whether the head announces a body (RFC 9112, section 6). A body of HTTP/2 may also come without a length.
pub(super) fn has_body(headers: &HeaderMap) -> bool {
    let is_empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0");
    !is_empty || headers.contains_key(header::TRANSFER_ENCODING)
}

impl<T: FromInput> OperationPart for Parameters<T> {
    fn describe(description: &mut OperationDescription) {
        T::describe(description);
        description.add_problem::<InvalidInput>();
        description.add_problem::<PayloadTooLarge>();
    }
}

macro_rules! path_ids {
    ($($(#[doc = $doc:literal])+ $name:ident = $about:literal;)+) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) String);

        impl FromInput for $name {
            fn from_input(input: &mut Input) -> Option<Self> {
                let id = input.id.take().unwrap_or_default();
                input.violations.check("id", uuid(&id)).map(Self)
            }
        }

        impl OperationPart for $name {
            fn describe(description: &mut OperationDescription) {
                description.add_parameter(path_id_parameter($about));
            }
        }
    )+ };
}

path_ids! {
    /// The id of an event in the path.
    EventId = "The ID of the event: a UUID with hyphens.";
    /// The id of an invitation in the path.
    InvitationId = "The ID of the invitation: a UUID with hyphens.";
    /// The id of a member in the path.
    MemberId = "The ID of the member: a UUID with hyphens.";
    /// The id of a session in the path.
    SessionId = "The ID of the session: a UUID with hyphens.";
}

fn path_id_parameter(about: &str) -> Parameter {
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(about))
        .schema(Some(string_with_format(KnownFormat::Uuid)))
        .example(Some("01890000-0000-7000-8000-000000000001".into()))
        .build()
}

/// Parses a UUID with hyphens and returns it in lower case.
pub(crate) fn uuid(text: &str) -> Result<String, String> {
    let parsed =
        Some(text).filter(|text| text.len() == UUID_LENGTH).and_then(|text| Uuid::try_parse(text).ok());
    parsed
        .map(|id| id.to_string())
        .ok_or_else(|| "must be a UUID, for example 01890000-0000-7000-8000-000000000001".to_owned())
}

/// Rejects a body whose `Content-Length` exceeds the limit, even if the route does not read the body.
fn check_content_length(headers: &HeaderMap) -> Result<(), Problem> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    match declared.and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length > BODY_LIMIT as u64 => Err(HttpError::PayloadTooLarge.into()),
        _ => Ok(()),
    }
}

async fn path_id(parts: &mut Parts) -> Option<String> {
    let parameters = parts.extract::<RawPathParams>().await.ok()?;
    parameters.iter().find(|(name, _)| *name == "id").map(|(_, value)| value.to_owned())
}

fn query_pairs(parts: &Parts, violations: &mut Violations) -> Vec<(String, String)> {
    match Query::<Vec<(String, String)>>::try_from_uri(&parts.uri) {
        Ok(Query(pairs)) => pairs,
        Err(_) => {
            violations.add("query", "is not a valid query string");
            Vec::new()
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An input with these query parameters, headers and body.
    pub(in crate::extract) fn input(
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Input {
        let pairs = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let headers = headers.iter().map(|(name, value)| {
            (name.parse::<HeaderName>().expect("a name"), value.parse().expect("a value"))
        });
        Input {
            id: None,
            query: pairs.collect(),
            headers: headers.collect(),
            body: body.map(|body| body.as_object().expect("an object").clone()),
            violations: Violations::default(),
        }
    }

    impl Input {
        /// The same input with an id in the path.
        pub(crate) fn with_id(mut self, id: &str) -> Self {
            self.id = Some(id.to_owned());
            self
        }
    }

    /// The violations found in an input, as `field message`.
    pub(crate) fn violations<T: FromInput>(input: Input) -> Vec<String> {
        match input.read::<T>() {
            Ok(_) => Vec::new(),
            Err(Problem::Service(error)) => {
                let violations = error.violations().iter();
                violations.map(|violation| format!("{} {}", violation.field, violation.message)).collect()
            }
            Err(other) => panic!("not a violation of the input: {other:?}"),
        }
    }

    #[test]
    fn unknown_parameters_and_fields_are_rejected() {
        let input = input(&[("verbose", "1")], &[], Some(serde_json::json!({"color": "red"})));
        assert_eq!(
            violations::<()>(input),
            ["verbose is not a known parameter", "color is not a known field"]
        );
    }

    #[test]
    fn an_id_must_be_a_uuid_with_hyphens() {
        let id = "00000000-0000-0000-0000-00000000000a";
        assert_eq!(uuid(id), Ok(id.to_owned()));
        assert_eq!(uuid(&id.to_uppercase()), Ok(id.to_owned()));
        let simple = id.replace('-', "");
        for bad in ["", "1", &simple, &format!("{{{id}}}"), &format!("urn:uuid:{id}"), &format!("{id} ")] {
            assert!(uuid(bad).is_err(), "{bad:?}");
        }
    }
}
