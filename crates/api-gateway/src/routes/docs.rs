//! The OpenAPI document and its interactive page (Swagger UI).

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use anyhow::{Context, anyhow};
use axum::{Router, extract::Path, routing::get};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use utoipa::{ToSchema, openapi::OpenApi};
use utoipa_swagger_ui::Config;

use super::operations_of;
use crate::{middleware::compression::StaticContent, openapi::OperationDescription};

/// The OpenAPI tag of these operations.
const TAG: &str = "infrastructure";

/// The path of the page.
const UI_PATH: &str = "/api";

/// The paths of the page's files, which the OpenAPI document does not contain.
pub(crate) const FILES: [&str; 2] = ["/api/", "/api/{*file}"];

/// The path of the OpenAPI document.
const DOCUMENT_PATH: &str = "/api/openapi.json";

/// The name of the page.
const PAGE: &str = "index.html";

/// The files that the page loads. All are embedded in the binary.
const PAGE_FILES: [&str; 7] = [
    "favicon-16x16.png",
    "favicon-32x32.png",
    "index.css",
    "swagger-initializer.js",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-ui.css",
];

/// The page and the document.
///
/// # Errors
/// When the library lacks a file of the page, or the document cannot be serialized, which are defects.
pub(crate) fn routes(document: &OpenApi) -> anyhow::Result<Router> {
    let config = Config::from(DOCUMENT_PATH)
        // By default, the page sends the document to an external host for validation.
        .validator_url("none")
        .persist_authorization(true)
        .display_request_duration(true);
    let config = Arc::new(config);
    let document = StaticContent::new("application/json", serde_json::to_vec(document)?.into())?;
    let page = page_content(&config)?;
    let files = PAGE_FILES.iter().map(|name| Ok((*name, library_file(name, &config)?)));
    let mut files = files.collect::<anyhow::Result<HashMap<_, _>>>()?;
    files.insert(PAGE, page.clone());
    let files = Arc::new(files);
    let file =
        async move |Path(name): Path<String>| files.get(name.as_str()).cloned().ok_or(StatusCode::NOT_FOUND);
    let page = get(async move || page);
    Ok(Router::new()
        .route(UI_PATH, page.clone())
        .route("/api/", page)
        .route(DOCUMENT_PATH, get(async move || document))
        .route("/api/{*file}", get(file)))
}

/// The page, which is the same at `/api` and `/api/`: it finds its files by their absolute path.
fn page_content(config: &Arc<Config<'static>>) -> anyhow::Result<StaticContent> {
    let (media_type, html) = library_file_parts(PAGE, config)?;
    let html = String::from_utf8(html.into())?;
    let html = html.replacen("<head>", "<head>\n    <base href=\"/api/\" />", 1);
    StaticContent::new(&media_type, html.into())
}

fn library_file(name: &str, config: &Arc<Config<'static>>) -> anyhow::Result<StaticContent> {
    let (media_type, bytes) = library_file_parts(name, config)?;
    StaticContent::new(&media_type, bytes)
}

fn library_file_parts(name: &str, config: &Arc<Config<'static>>) -> anyhow::Result<(String, Bytes)> {
    let file =
        utoipa_swagger_ui::serve(name, Arc::clone(config)).map_err(|error| anyhow!("{name}: {error}"))?;
    let file = file.with_context(|| format!("Swagger UI has no file {name}"))?;
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok((file.content_type, bytes))
}

/// The OpenAPI descriptions of these two operations.
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
///
/// A page (Swagger UI) that shows the OpenAPI document and sends requests.
#[utoipa::path(
    get, path = UI_PATH, tag = TAG, operation_id = "getDocumentationPage",
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 304, description = "The page's `ETag` is one of those in `If-None-Match`."),
    ),
    extensions(("x-access" = json!("anyone"))),
)]
#[expect(dead_code, reason = "only its description is used")]
fn page() {}

/// Get the OpenAPI document
///
/// This document, in version 3.1 of the OpenAPI Specification.
#[utoipa::path(
    get, path = DOCUMENT_PATH, tag = TAG, operation_id = "getOpenApiDocument",
    responses(
        (status = 200, description = "The OpenAPI document.", body = OpenApiDocument),
        (status = 304, description = "The document's `ETag` is one of those in `If-None-Match`."),
    ),
    extensions(("x-access" = json!("anyone"))),
)]
#[expect(dead_code, reason = "only its description is used")]
fn document() {}

/// An OpenAPI document. Its specification is at <https://spec.openapis.org/oas/v3.1.0>.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct OpenApiDocument(BTreeMap<String, Value>);

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
    async fn the_page_is_the_same_with_and_without_a_slash() {
        let page = text("/api").await;
        assert!(page.contains("swagger-ui") && page.contains("<base href=\"/api/\" />"), "{page}");
        assert_eq!(text("/api/").await, page);
        assert_eq!(text("/api/index.html").await, page);
    }

    #[tokio::test]
    async fn every_file_of_the_page_is_served() {
        let page = text("/api").await;
        let links =
            page.split(['"']).filter(|link| [".js", ".css", ".png"].iter().any(|end| link.ends_with(end)));
        let links: Vec<_> = links.map(|link| link.trim_start_matches("./")).collect();
        assert_eq!(links.len(), PAGE_FILES.len(), "{links:?}");
        for link in links {
            let response = send(&gateway([]), Request::get(format!("/api/{link}")), "").await;
            assert_eq!(response.status(), StatusCode::OK, "{link}");
        }
    }

    #[tokio::test]
    async fn every_file_is_revalidated_by_its_tag() {
        let gateway = gateway([]);
        for path in ["/api", "/api/", "/api/swagger-ui-bundle.js", "/api/favicon-32x32.png", DOCUMENT_PATH] {
            let response = send(&gateway, Request::get(path), "").await;
            assert_eq!(response.headers()["cache-control"], "no-cache", "{path}");
            let tag = response.headers()["etag"].clone();
            let response = send(&gateway, Request::get(path).header("if-none-match", &tag), "").await;
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{path}");
            assert_eq!(
                (&response.headers()["etag"], &response.headers()["cache-control"]),
                (&tag, &"no-cache".parse().expect("a value"))
            );
            assert!(!response.headers().contains_key("content-type"), "{path}");
        }
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
