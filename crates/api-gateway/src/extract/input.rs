//! The one input of a request: path, query, headers and body, read in one go.

use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, Query, RawPathParams},
};
use eventboard_domain::Faults;
use http::{HeaderMap, HeaderName, request::Parts};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::body;
use crate::{app::Gateway, problem::Problem};

/// Length of a UUID with hyphens, in bytes (RFC 9562, section 4). The other spellings that libraries
/// read are refused, so that an id is spelled in one way.
const UUID_LENGTH: usize = 36;

/// Everything that a client sent, while it is being read.
///
/// A method that finds a fault records it and returns a value that nobody will see:
/// [`Input::read`] gives out what was built only when there was no fault, and what was sent but not
/// asked for is a fault as well.
pub(crate) struct Input {
    id: Option<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    /// The members of the body; `None` when the route takes none or it could not be read.
    pub(super) body: Option<Map<String, Value>>,
    pub(super) faults: Faults,
}

/// The input of a route that takes no body.
pub(crate) struct Parameters(Input);

impl Parameters {
    /// See [`Input::read`].
    pub(crate) fn read<T>(self, build: impl FnOnce(&mut Input) -> T) -> Result<T, Problem> {
        self.0.read(build)
    }
}

impl Input {
    pub(super) async fn of(parts: &mut Parts) -> Result<Self, Problem> {
        body::refuse_declared_excess(&parts.headers)?;
        let mut faults = Faults::default();
        Ok(Self {
            id: path_id(parts).await,
            query: query_pairs(parts, &mut faults),
            headers: parts.headers.clone(),
            body: None,
            faults,
        })
    }

    /// Builds a value from the input.
    ///
    /// # Errors
    /// Every fault that `build` came across, and everything that it did not ask for.
    pub(crate) fn read<T>(mut self, build: impl FnOnce(&mut Self) -> T) -> Result<T, Problem> {
        let value = build(&mut self);
        self.refuse_leftovers();
        self.faults.into_result()?;
        Ok(value)
    }

    /// The id in the path.
    pub(crate) fn id(&mut self) -> String {
        let id = self.id.take().unwrap_or_default();
        self.faults.check("id", uuid(&id)).unwrap_or_default()
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

impl FromRequestParts<Gateway> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Gateway) -> Result<Self, Problem> {
        Input::of(parts).await.map(Self)
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
    pub(crate) fn faults<T>(input: Input, build: impl FnOnce(&mut Input) -> T) -> Vec<String> {
        match input.read(build) {
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
        assert_eq!(
            faults(input, |_| ()),
            ["verbose is not a known parameter", "colour is not a known field"]
        );
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
