//! The OpenAPI document and its interactive page (Swagger UI).

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::operations_of;
use crate::openapi::OperationDescription;

/// The OpenAPI tag of these operations.
const TAG: &str = "infrastructure";

/// The path of the page.
const UI_PATH: &str = "/api";

/// The paths of the page's files, which the OpenAPI document does not contain.
pub(crate) const FILES: [&str; 2] = ["/api/", "/api/{*file}"];

/// The path of the OpenAPI document.
const DOCUMENT_PATH: &str = "/api/openapi.json";

/// The page and the document. All files that the page needs are embedded in the binary.
pub(crate) fn routes(document: OpenApi) -> Router {
    let config = Config::from(DOCUMENT_PATH)
        // By default, the page sends the document to an external host for validation.
        .validator_url("none")
        .persist_authorization(true)
        .display_request_duration(true);
    SwaggerUi::new(UI_PATH).url(DOCUMENT_PATH, document).config(config).into()
}

/// The OpenAPI descriptions of these two operations. A library creates their routes.
pub(crate) fn operations() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(paths(page, document))]
    struct Docs;
    let mut operations = <Docs as utoipa::OpenApi>::openapi();
    for operation in operations.paths.paths.values_mut().flat_map(operations_of) {
        *operation = OperationDescription::new(operation).with_rate_limit();
    }
    operations
}

/// Open the interactive documentation
#[utoipa::path(
    get, path = UI_PATH, tag = TAG, operation_id = "ui",
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 303, description = "Redirects to `/api/`.", headers(("Location"))),
    ),
    extensions(("x-access" = json!("anyone"))),
)]
#[expect(dead_code, reason = "only its description is used")]
fn page() {}

/// Get the OpenAPI document
#[utoipa::path(
    get, path = DOCUMENT_PATH, tag = TAG, operation_id = "openapi",
    responses((status = 200, description = "The OpenAPI document.", body = Object)),
    extensions(("x-access" = json!("anyone"))),
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
    async fn the_page_redirects_to_its_path_with_a_slash() {
        let response = send(&gateway([]), Request::get("/api"), "").await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()["location"], "/api/");
        assert!(text("/api/").await.contains("swagger-ui"));
    }

    #[tokio::test]
    async fn the_page_loads_nothing_from_another_host() {
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
    async fn a_missing_file_of_the_page_is_a_problem() {
        let response = send(&gateway([]), Request::get("/api/nothing.js"), "").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}
