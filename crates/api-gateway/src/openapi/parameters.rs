//! Parameters of requests.

use utoipa::openapi::{
    RefOr, Required, Schema,
    path::{Parameter, ParameterBuilder, ParameterIn},
};

use super::schemas::string;

/// The header that every request may carry.
pub(super) fn correlation_id() -> Parameter {
    let about = "Names the request in all logs; a malformed or missing one is replaced.";
    optional_parameter(ParameterIn::Header, "X-Correlation-ID", about, string().into())
}

/// A parameter that need not be there.
pub(crate) fn optional_parameter(
    place: ParameterIn,
    name: &str,
    about: &str,
    schema: RefOr<Schema>,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(about.trim()))
        .schema(Some(schema))
        .build()
}
