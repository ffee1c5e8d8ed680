//! The OpenAPI 3.1 document: what the routes read and answer, with every header and status.
//!
//! Limits come from the constants that the rules use. The schemas of answers are derived from the
//! types that are serialized; those of requests are written down, because requests are read field by
//! field and not into types.

mod auth;
mod bodies;
mod events;
mod headers;
mod infrastructure;
mod parameters;
mod responses;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use utoipa::openapi::{
    Components, ComponentsBuilder, Info, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Paths, PathsBuilder,
    Server, Tag,
    info::LicenseBuilder,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    tag::TagBuilder,
};

use crate::{
    problem::{FaultDocument, ProblemDocument},
    routes::{auth::documents as auth_documents, events::documents as event_documents},
};

/// The name of the security scheme.
const BEARER: &str = "bearer";

const INTRODUCTION: &str = "Events of organizations: drafted, submitted, approved or rejected.\n\n\
    **To try it**, send `POST /auth/login` with `admin@acme.com` and `Password123!` (demo data), press \
    *Authorize*, and paste the `accessToken`.\n\n\
    Every error is `application/problem+json` (RFC 9457). Its `type` is \
    `urn:eventboard:problem:NAME`; its `correlationId` names the request in the logs.\n\n\
    Every event carries an `ETag`; send it back in `If-Match` to change only what you have seen. \
    `Idempotency-Key` makes it safe to repeat a write.";

/// The whole document.
pub(crate) fn document() -> OpenApi {
    OpenApiBuilder::new()
        .info(info())
        .servers(Some([Server::new("/")]))
        .tags(Some(tags()))
        .paths(paths())
        .components(Some(components()))
        .build()
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

fn paths() -> Paths {
    let all = auth::paths().into_iter().chain(events::paths()).chain(infrastructure::paths());
    let add = |paths: PathsBuilder, (path, item): (&str, PathItem)| paths.path(path, item);
    all.fold(PathsBuilder::new(), add).build()
}

fn components() -> Components {
    let builder = ComponentsBuilder::new()
        .schema_from::<auth_documents::User>()
        .schema_from::<auth_documents::Organization>()
        .schema_from::<auth_documents::Session>()
        .schema_from::<auth_documents::Me>()
        .schema_from::<event_documents::Event>()
        .schema_from::<event_documents::PageMeta>()
        .schema_from::<event_documents::EventPage>()
        .schema_from::<FaultDocument>()
        .schema_from::<ProblemDocument>()
        .security_scheme(BEARER, bearer());
    let builder = bodies::all().into_iter().fold(builder, |to, (name, schema)| to.schema(name, schema));
    let builder =
        infrastructure::schemas().into_iter().fold(builder, |to, (name, schema)| to.schema(name, schema));
    let builder = headers::all().into_iter().fold(builder, |to, (name, header)| to.header(name, header));
    responses::problems()
        .into_iter()
        .fold(builder, |to, (name, response)| to.response(name, response))
        .build()
}

fn bearer() -> SecurityScheme {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The accessToken of POST /auth/login or POST /auth/signup."));
    SecurityScheme::Http(bearer.build())
}
