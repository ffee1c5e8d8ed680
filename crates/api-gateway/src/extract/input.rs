//! The one input of a request: path, query, headers and body, read in one go.

use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, Query, RawPathParams},
};
use eventboard_chassis::error::ServiceError;
use eventboard_domain::Faults;
use http::{HeaderMap, HeaderName, header, request::Parts};
use serde_json::{Map, Value};
use utoipa::openapi::{
    KnownFormat, Required,
    path::{ParameterBuilder, ParameterIn},
};
use uuid::Uuid;

use crate::{
    gateway::Gateway,
    openapi::{
        OperationDescription, OperationPart,
        problems::{InvalidInput, PayloadTooLarge},
        schemas::formatted,
    },
    problem::{BODY_LIMIT, Edge, Problem},
};

/// Length of a UUID with hyphens, in bytes (RFC 9562, section 4). The other spellings that libraries
/// read are refused, so that an id is spelled in one way.
const UUID_LENGTH: usize = 36;

/// Everything that a client sent, while it is being read.
///
/// A method that finds a fault records it: [`Input::read`] gives out what was read only when there was no fault, and what
/// was sent but not asked for is a fault as well.
pub(crate) struct Input {
    id: Option<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    /// The members of the body; `None` when the route takes none or it could not be read.
    pub(super) body: Option<Map<String, Value>>,
    pub(super) faults: Faults,
}

/// What can be read from an input, and describes what it reads.
pub(crate) trait FromInput: OperationPart + Sized {
    /// Reads it; `None` after recording a fault.
    fn from_input(input: &mut Input) -> Option<Self>;
}

macro_rules! from_input_in_turn {
    ($(($($part:ident),+);)+) => { $(
        impl<$($part: FromInput),+> FromInput for ($($part,)+) {
            #[expect(non_snake_case, reason = "each value has the name of its type")]
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

from_input_in_turn! {
    (A, B);
    (A, B, C);
    (A, B, C, D);
}

/// Nothing: whatever is sent is a fault.
impl FromInput for () {
    fn from_input(_: &mut Input) -> Option<Self> {
        Some(())
    }
}

impl OperationPart for () {
    fn describe(_: &mut OperationDescription) {}
}

/// What a route without a body reads.
pub(crate) struct Parameters<T>(pub(crate) T);

impl Input {
    pub(super) async fn of(parts: &mut Parts) -> Result<Self, Problem> {
        refuse_declared_excess(&parts.headers)?;
        let mut faults = Faults::default();
        Ok(Self {
            id: path_id(parts).await,
            query: query_pairs(parts, &mut faults),
            headers: parts.headers.clone(),
            body: None,
            faults,
        })
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// Every fault that reading came across, and everything that was not asked for.
    pub(crate) fn read<T: FromInput>(mut self) -> Result<T, Problem> {
        let value = T::from_input(&mut self);
        self.refuse_leftovers();
        self.faults.into_result()?;
        value.ok_or_else(|| ServiceError::internal("what was read has neither a fault nor a value").into())
    }

    /// The values of a header, of which there may be several.
    pub(super) fn header(&self, name: &HeaderName) -> Vec<&[u8]> {
        self.headers.get_all(name).iter().map(|value| value.as_bytes()).collect()
    }

    fn refuse_leftovers(&mut self) {
        for (name, _) in std::mem::take(&mut self.query) {
            self.faults.add(name, "is not a known parameter");
        }
        for (name, _) in self.body.take().into_iter().flatten() {
            self.faults.add(name, "is not a known field");
        }
    }
}

impl<T: FromInput> FromRequestParts<Gateway> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Gateway) -> Result<Self, Problem> {
        Input::of(parts).await?.read().map(Self)
    }
}

impl<T: FromInput> OperationPart for Parameters<T> {
    fn describe(description: &mut OperationDescription) {
        T::describe(description);
        description.problem::<InvalidInput>();
        description.problem::<PayloadTooLarge>();
    }
}

/// The id of an event in the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventId(pub(crate) String);

impl FromInput for EventId {
    fn from_input(input: &mut Input) -> Option<Self> {
        let id = input.id.take().unwrap_or_default();
        input.faults.check("id", uuid(&id)).map(Self)
    }
}

impl OperationPart for EventId {
    fn describe(description: &mut OperationDescription) {
        let parameter = ParameterBuilder::new()
            .name("id")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some("The event, in the hyphenated form of a UUID."))
            .schema(Some(formatted(KnownFormat::Uuid)))
            .example(Some("01890000-0000-7000-8000-000000000001".into()));
        description.parameter(parameter.build());
    }
}

/// A UUID in its hyphenated form, spelled in lower case.
pub(crate) fn uuid(text: &str) -> Result<String, String> {
    let parsed =
        Some(text).filter(|text| text.len() == UUID_LENGTH).and_then(|text| Uuid::try_parse(text).ok());
    parsed
        .map(|id| id.to_string())
        .ok_or_else(|| "must be a UUID, for example 00000000-0000-0000-0000-000000000001".to_owned())
}

/// Refuses a body that is too long by its own account, also where nobody would read it.
fn refuse_declared_excess(headers: &HeaderMap) -> Result<(), Problem> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    match declared.and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length > BODY_LIMIT as u64 => Err(Edge::PayloadTooLarge.into()),
        _ => Ok(()),
    }
}

async fn path_id(parts: &mut Parts) -> Option<String> {
    let parameters = parts.extract::<RawPathParams>().await.ok()?;
    parameters.iter().find(|(name, _)| *name == "id").map(|(_, value)| value.to_owned())
}

fn query_pairs(parts: &Parts, faults: &mut Faults) -> Vec<(String, String)> {
    match Query::<Vec<(String, String)>>::try_from_uri(&parts.uri) {
        Ok(Query(pairs)) => pairs,
        Err(_) => {
            faults.add("query", "cannot be understood");
            Vec::new()
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An input with these query parameters and headers, and with this body if any.
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
            faults: Faults::default(),
        }
    }

    impl Input {
        /// The same with an id in the path.
        pub(crate) fn with_id(mut self, id: &str) -> Self {
            self.id = Some(id.to_owned());
            self
        }
    }

    /// The faults that reading meets, as `field message`.
    pub(crate) fn faults<T: FromInput>(input: Input) -> Vec<String> {
        match input.read::<T>() {
            Ok(_) => Vec::new(),
            Err(Problem::Service(error)) => {
                error.faults().iter().map(|fault| format!("{} {}", fault.field, fault.message)).collect()
            }
            Err(other) => panic!("not a fault of the input: {other:?}"),
        }
    }

    #[test]
    fn what_nobody_asks_for_is_refused() {
        let input = input(&[("verbose", "1")], &[], Some(serde_json::json!({"colour": "red"})));
        assert_eq!(faults::<()>(input), ["verbose is not a known parameter", "colour is not a known field"]);
    }

    #[test]
    fn only_a_hyphenated_uuid_is_an_id() {
        let id = "00000000-0000-0000-0000-00000000000a";
        assert_eq!(uuid(id), Ok(id.to_owned()));
        assert_eq!(uuid(&id.to_uppercase()), Ok(id.to_owned()));
        let simple = id.replace('-', "");
        for bad in ["", "1", &simple, &format!("{{{id}}}"), &format!("urn:uuid:{id}"), &format!("{id} ")] {
            assert!(uuid(bad).is_err(), "{bad:?}");
        }
    }
}
