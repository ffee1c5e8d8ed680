//! The document of the API and the page to read and try it.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::operations;
use crate::openapi::OperationDescription;

/// The tag of these operations in the document.
const TAG: &str = "infrastructure";

/// Where the page is.
const UI_PATH: &str = "/api";

/// Where the OpenAPI document is.
const DOCUMENT_PATH: &str = "/api/openapi.json";

/// The page, whose files are all in this binary, and the document.
pub(crate) fn routes(document: OpenApi) -> Router {
    let config = Config::from(DOCUMENT_PATH)
        // The page would ask another host to validate the document.
        .validator_url("none")
        .persist_authorization(true)
        .display_request_duration(true);
    SwaggerUi::new(UI_PATH).url(DOCUMENT_PATH, document).config(config).into()
}

/// The description of the routes above, which a library makes.
pub(crate) fn described() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(paths(page, document))]
    struct Docs;
    let mut described = <Docs as utoipa::OpenApi>::openapi();
    for operation in described.paths.paths.values_mut().flat_map(operations) {
        *operation = OperationDescription::begin(operation).limited();
    }
    described
}

/// Read and try this API
#[utoipa::path(
    get, path = UI_PATH, tag = TAG, operation_id = "ui",
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 303, description = "The page is at /api/.", headers(("Location"))),
    ),
    extensions(("x-who" = json!("anybody"))),
)]
#[expect(dead_code, reason = "only its description is used")]
fn page() {}

/// This document
#[utoipa::path(
    get, path = DOCUMENT_PATH, tag = TAG, operation_id = "openapi",
    responses((status = 200, description = "The document.", body = Object)),
    extensions(("x-who" = json!("anybody"))),
)]
#[expect(dead_code, reason = "only its description is used")]
fn document() {}

#[cfg(test)]
mod tests {
    use http::{Request, StatusCode};
    use http_body_util::BodyExt;

    use super::*;
    use crate::testing::{gateway, json, send};

    async fn text(path: &str) -> String {
        let response = send(&gateway([]), Request::get(path), "").await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[tokio::test]
    async fn the_page_is_found_without_its_slash() {
        let response = send(&gateway([]), Request::get("/api"), "").await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()["location"], "/api/");
        assert!(text("/api/").await.contains("swagger-ui"));
    }

    #[tokio::test]
    async fn the_page_asks_no_other_host() {
        for path in ["/api/", "/api/swagger-initializer.js"] {
            let text = text(path).await;
            assert!(!text.contains("https://") && !text.contains("http://"), "{path}: {text}");
        }
        let initializer = text("/api/swagger-initializer.js").await;
        assert!(initializer.contains(DOCUMENT_PATH) && initializer.contains("\"validatorUrl\": \"none\""));
    }

    #[tokio::test]
    async fn the_document_is_openapi_3_1() {
        let document = json(send(&gateway([]), Request::get(DOCUMENT_PATH), "").await).await;
        assert_eq!(document["openapi"], "3.1.0");
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_a_problem() {
        let response = send(&gateway([]), Request::get("/api/nothing.js"), "").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}
