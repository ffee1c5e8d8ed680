//! `/`: leads people to the documentation and programs to the API. And the files that browsers and crawlers ask for by
//! themselves.

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter},
    routes,
};

use super::operations_of;
use crate::{extract::prefers_html, openapi::OperationDescription};

/// The OpenAPI tag of the operation.
const TAG: &str = "infrastructure";

/// The paths of the files, which the OpenAPI document does not contain.
pub(crate) const FILES: [&str; 3] = ["/favicon.ico", "/favicon.svg", "/robots.txt"];

const VERSION: &str = env!("CARGO_PKG_VERSION");
const STYLE: &str = include_str!("index/page.css");
const PAGE: &str = include_str!("index/page.html");
const ICON: &[u8] = include_bytes!("index/favicon.ico");
const ICON_SVG: &str = include_str!("index/favicon.svg");
const ROBOTS: &str = include_str!("index/robots.txt");

/// The links of the index for programs that read only headers (RFC 8631).
const LINKS: &str =
    r#"</api/openapi.json>; rel="service-desc", </api>; rel="service-doc", </health>; rel="status""#;

/// The index changes only with a release.
const CACHE_INDEX: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));

const CACHE_FILE: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));

/// Browsers must not guess another type.
const NO_SNIFF: (HeaderName, HeaderValue) =
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

/// The operation and the files.
pub(crate) fn routes() -> OpenApiRouter {
    OpenApiRouter::default()
        .routes(with_description(routes!(index)))
        .with_state(Documents::new())
        .merge(OpenApiRouter::from(files()))
}

fn files() -> Router {
    let file = |media_type: &'static str, content: &'static [u8]| {
        get(async move || {
            ([(header::CONTENT_TYPE, HeaderValue::from_static(media_type)), CACHE_FILE, NO_SNIFF], content)
        })
    };
    let [icon, icon_svg, robots] = FILES;
    Router::new()
        .route(icon, file("image/vnd.microsoft.icon", ICON))
        .route(icon_svg, file("image/svg+xml", ICON_SVG.as_bytes()))
        .route(robots, file("text/plain; charset=utf-8", ROBOTS.as_bytes()))
}

fn with_description(
    (schemas, mut paths, methods): UtoipaMethodRouter<Documents>,
) -> UtoipaMethodRouter<Documents> {
    for operation in paths.paths.values_mut().flat_map(operations_of) {
        *operation = OperationDescription::new(operation).with_rate_limit();
    }
    (schemas, paths, methods)
}

/// Get the index
///
/// Browsers, which prefer `text/html` in `Accept`, get a page.
#[utoipa::path(
    get, path = "/", tag = TAG, operation_id = "getIndex",
    responses((
        status = 200, description = "Where to find what.", headers(("Cache-Control")),
        content((Index = "application/json"), (String = "text/html")),
    )),
    extensions(("x-access" = json!("anyone"))),
)]
async fn index(State(documents): State<Documents>, headers: HeaderMap) -> Response {
    let mut response = if prefers_html(&headers) { documents.page() } else { documents.json() };
    let headers = response.headers_mut();
    headers.extend([CACHE_INDEX, NO_SNIFF]);
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(header::LINK, HeaderValue::from_static(LINKS));
    response
}

/// Where to find what.
#[derive(Serialize, ToSchema)]
struct Index {
    #[schema(example = "EventBoard")]
    name: &'static str,
    /// The version of the gateway.
    #[schema(example = "0.1.0")]
    version: &'static str,
    links: Links,
}

/// The paths to begin with.
#[derive(Serialize, ToSchema)]
struct Links {
    #[schema(example = "/api")]
    documentation: &'static str,
    #[schema(example = "/api/openapi.json")]
    openapi: &'static str,
    #[schema(example = "/health")]
    health: &'static str,
    #[schema(example = "/auth/signup")]
    signup: &'static str,
    #[schema(example = "/auth/login")]
    login: &'static str,
    #[schema(example = "/auth/me")]
    me: &'static str,
    #[schema(example = "/events")]
    events: &'static str,
}

const INDEX: Index = Index {
    name: "EventBoard",
    version: VERSION,
    links: Links {
        documentation: "/api",
        openapi: "/api/openapi.json",
        health: "/health",
        signup: "/auth/signup",
        login: "/auth/login",
        me: "/auth/me",
        events: "/events",
    },
};

/// The index in both forms.
#[derive(Clone)]
struct Documents {
    json: Bytes,
    page: Bytes,
    content_security_policy: HeaderValue,
}

impl Documents {
    fn new() -> Self {
        let page = PAGE.replace("{style}", STYLE).replace("{version}", VERSION);
        Self {
            json: serde_json::to_vec(&INDEX).unwrap_or_default().into(),
            page: page.into(),
            content_security_policy: content_security_policy(),
        }
    }

    fn json(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.json).into_response()
    }

    fn page(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_SECURITY_POLICY, self.content_security_policy),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        (headers, self.page).into_response()
    }
}

/// Allows what the page contains and nothing else: its style and the icon.
fn content_security_policy() -> HeaderValue {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use http::{Method, Request, StatusCode};
    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::*;
    use crate::testing::{api_document, gateway, json, send};

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[tokio::test]
    async fn a_browser_gets_a_page_and_everybody_else_an_index_in_json() {
        let gateway = gateway([]);
        for (accept, media_type) in
            [(BROWSER, "text/html; charset=utf-8"), ("*/*", "application/json"), ("", "application/json")]
        {
            let mut lengths = Vec::new();
            for method in [Method::GET, Method::HEAD] {
                let request = Request::builder().method(method).uri("/").header("accept", accept);
                let response = send(&gateway, request, "").await;
                assert_eq!(response.status(), StatusCode::OK);
                let headers = response.headers();
                assert_eq!(headers["content-type"], media_type, "{accept}");
                assert_eq!(headers["cache-control"], "public, max-age=300");
                assert_eq!(headers["x-content-type-options"], "nosniff");
                let vary = headers["vary"].to_str().expect("text");
                assert!(vary.split(", ").any(|name| name == "accept"), "{vary}");
                assert_eq!(headers.contains_key("content-security-policy"), accept == BROWSER);
                lengths.push(headers["content-length"].clone());
            }
            assert_eq!(lengths[0], lengths[1], "{accept}");
        }
    }

    #[tokio::test]
    async fn all_links_of_the_index_are_documented_paths() {
        let index = json(send(&gateway([]), Request::get("/"), "").await).await;
        assert_eq!((&index["name"], &index["version"]), (&"EventBoard".into(), &VERSION.into()));
        let document = api_document().await;
        let links = index["links"].as_object().expect("links").values();
        for path in links.map(|path| path.as_str().expect("a path")) {
            assert!(document["paths"].get(path).is_some(), "{path}");
            assert!(!path.starts_with("/api") && path != "/health" || PAGE.contains(&format!("\"{path}\"")));
            assert!(!path.starts_with("/api") && path != "/health" || LINKS.contains(&format!("<{path}>")));
        }
        let described = &document["components"]["schemas"]["Links"]["properties"];
        let names =
            |value: &Value| value.as_object().map(|members| members.keys().cloned().collect::<Vec<_>>());
        assert_eq!(names(&index["links"]), names(described));
    }

    #[tokio::test]
    async fn the_page_loads_nothing_that_its_policy_forbids() {
        let response = send(&gateway([]), Request::get("/").header("accept", BROWSER), "").await;
        let policy = response.headers()["content-security-policy"].to_str().expect("text").to_owned();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        let page = text(response).await;
        let (_, style) = page.split_once("<style>").expect("a style");
        let (style, _) = style.split_once("</style>").expect("its end");
        let hash = BASE64_STANDARD.encode(Sha256::digest(style));
        assert!(policy.contains(&format!("'sha256-{hash}'")), "the style is not allowed");
        for forbidden in
            ["http:", "https:", "//", "<script", "style=", "onclick", "url(", "@import", "{version}"]
        {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains(&format!("Version {VERSION}")));
    }

    #[tokio::test]
    async fn browsers_and_crawlers_get_the_files_that_they_ask_for() {
        let gateway = gateway([]);
        for (path, media_type) in
            FILES.iter().zip(["image/vnd.microsoft.icon", "image/svg+xml", "text/plain; charset=utf-8"])
        {
            let response = send(&gateway, Request::get(*path), "").await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()["content-type"], media_type);
            assert_eq!(response.headers()["cache-control"], "public, max-age=86400");
            assert!(!response.into_body().collect().await.expect("a body").to_bytes().is_empty());
            let refused = send(&gateway, Request::post(*path), "").await;
            assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
            assert_eq!(refused.headers()["allow"], "GET,HEAD");
        }
        let refused = send(&gateway, Request::delete("/"), "").await;
        assert_eq!(
            (refused.status(), &refused.headers()["allow"]),
            (StatusCode::METHOD_NOT_ALLOWED, &"GET,HEAD".parse().expect("a value"))
        );
        // The directory of an icon file begins like this.
        assert_eq!(ICON[..4], [0, 0, 1, 0]);
    }
}
