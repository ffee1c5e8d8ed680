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
