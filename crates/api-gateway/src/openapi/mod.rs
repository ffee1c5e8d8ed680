//! The OpenAPI 3.1 document: the operations as their routes describe them, and what all of them share.

mod headers;
mod operation;
mod parameters;
pub(crate) mod problems;
pub(crate) mod schemas;
#[cfg(test)]
mod tests;

use eventboard_domain::{EventStatus, Role, SortBy, SortOrder, Vocabulary};
use utoipa::openapi::{
    Components, ComponentsBuilder, Info, InfoBuilder, OpenApi, Server, Tag,
    info::LicenseBuilder,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    tag::TagBuilder,
};

pub(crate) use self::{
    operation::{DescribedHandler, OperationDescription, OperationPart},
    parameters::optional_parameter,
};
use crate::problem::{FaultDocument, ProblemDocument};

/// The name of the security scheme.
const BEARER: &str = "bearer";

const INTRODUCTION: &str = "Events of organizations: drafted, submitted, approved or rejected.\n\n\
    **To try it**, send `POST /auth/login` with `admin@acme.com` and `Password123!` (demo data), press \
    *Authorize*, and paste the `accessToken`.\n\n\
    Every error is `application/problem+json` (RFC 9457). Its `type` is \
    `urn:eventboard:problem:NAME`; its `correlationId` names the request in the logs.\n\n\
    Every event carries an `ETag`; send it back in `If-Match` to change only what you have seen. \
    `Idempotency-Key` makes it safe to repeat a write.";

/// The whole document of these operations.
pub(crate) fn document(operations: OpenApi) -> OpenApi {
    let OpenApi { paths, components, .. } = operations;
    let mut document = OpenApi::new(info(), paths);
    document.servers = Some(vec![Server::new("/")]);
    document.tags = Some(tags().into());
    let mut shared = shared_components();
    shared.schemas.extend(components.unwrap_or_default().schemas);
    document.components = Some(shared);
    document
}

fn info() -> Info {
    InfoBuilder::new()
        .title("EventBoard")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(INTRODUCTION))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build()
}

fn tags() -> [Tag; 3] {
    let tag =
        |name: &str, description: &str| TagBuilder::new().name(name).description(Some(description)).build();
    [
        tag("auth", "Who is calling."),
        tag("events", "The events and their life."),
        tag("infrastructure", "For operators and tools."),
    ]
}

fn shared_components() -> Components {
    let builder = ComponentsBuilder::new()
        .schema_from::<FaultDocument>()
        .schema_from::<ProblemDocument>()
        .schema(Role::NAME, schemas::vocabulary::<Role>())
        .schema(EventStatus::NAME, schemas::vocabulary::<EventStatus>())
        .schema(SortBy::NAME, schemas::vocabulary::<SortBy>())
        .schema(SortOrder::NAME, schemas::vocabulary::<SortOrder>())
        .security_scheme(BEARER, bearer());
    let builder = headers::all().into_iter().fold(builder, |to, (name, header)| to.header(name, header));
    problems::all().into_iter().fold(builder, |to, (name, response)| to.response(name, response)).build()
}

fn bearer() -> SecurityScheme {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The accessToken of POST /auth/login or POST /auth/signup."));
    SecurityScheme::Http(bearer.build())
}
