//! Request parameters.

use utoipa::openapi::{
    RefOr, Required, Schema,
    path::{Parameter, ParameterBuilder, ParameterIn},
};

use super::schemas::string;

/// The optional `X-Correlation-ID` header of every operation.
pub(super) fn correlation_id() -> Parameter {
    let about = "Identifies the request in all logs. Generated if missing or invalid.";
    optional_parameter(ParameterIn::Header, "X-Correlation-ID", about, string().into())
}

/// The optional `X-Request-ID` header of every operation.
pub(super) fn request_id() -> Parameter {
    let about = "Another name of `X-Correlation-ID`. Ignored if that is present.";
    optional_parameter(ParameterIn::Header, "X-Request-ID", about, string().into())
}

/// An optional parameter.
pub(crate) fn optional_parameter(
    location: ParameterIn,
    name: &str,
    about: &str,
    schema: RefOr<Schema>,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(location)
        .required(Required::False)
        .description(Some(about.trim()))
        .schema(Some(schema))
        .build()
}
