//! The document of the API and the page to read and try it.

use axum::Router;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::openapi;

/// Where the page is.
pub(crate) const UI_PATH: &str = "/api";

/// Where the OpenAPI document is.
pub(crate) const DOCUMENT_PATH: &str = "/api/openapi.json";

/// The page, whose files are all in this binary, and the document.
pub(crate) fn routes() -> Router {
    let config = Config::from(DOCUMENT_PATH)
        // The page would ask another host to validate the document.
        .validator_url("none")
        .persist_authorization(true)
        .display_request_duration(true);
    SwaggerUi::new(UI_PATH).url(DOCUMENT_PATH, openapi::document()).config(config).into()
}

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
