//! `/`: leads people to the board and programs to the API. And the files that browsers and crawlers ask for by
//! themselves.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter},
    routes,
};

use super::operations_of;
use crate::{accept::prefers_html, openapi::OperationDescription};

/// The OpenAPI tag of the operation.
const TAG: &str = "infrastructure";

/// The paths of the files, which the OpenAPI document does not contain.
pub(crate) const FILES: [&str; 3] = ["/favicon.ico", "/favicon.svg", "/robots.txt"];

const VERSION: &str = env!("CARGO_PKG_VERSION");
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
/// A browser at `/` is led to the board, if there is one.
pub(crate) fn routes(has_board: bool) -> OpenApiRouter {
    OpenApiRouter::default()
        .routes(with_description(routes!(index)))
        .with_state(HasBoard(has_board))
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
    (schemas, mut paths, methods): UtoipaMethodRouter<HasBoard>,
) -> UtoipaMethodRouter<HasBoard> {
    for operation in paths.paths.values_mut().flat_map(operations_of) {
        *operation = OperationDescription::new(operation).with_rate_limit();
    }
    (schemas, paths, methods)
}

/// Get the index
///
/// Browsers, which prefer `text/html` in `Accept`, are led to the board.
#[utoipa::path(
    get, path = "/", tag = TAG, operation_id = "getIndex",
    responses(
        (status = 200, description = "Where to find what.", body = Index, headers(("Cache-Control"))),
        (status = 303, description = "A browser is led to the board.", headers(("Cache-Control"))),
    ),
    extensions(("x-access" = json!("anyone"))),
)]
async fn index(State(HasBoard(has_board)): State<HasBoard>, headers: HeaderMap) -> Response {
    let mut response = if has_board && prefers_html(&headers) {
        Redirect::to(board::PATH).into_response()
    } else {
        Json(INDEX).into_response()
    };
    let headers = response.headers_mut();
    headers.extend([CACHE_INDEX, NO_SNIFF]);
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(header::LINK, HeaderValue::from_static(LINKS));
    response
}

/// Whether this gateway has a board.
#[derive(Clone)]
struct HasBoard(bool);

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

#[cfg(test)]
mod tests {
    use http::{Method, Request, StatusCode};
    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::*;
    use crate::testing::{api_document, gateway, json, send};

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    #[tokio::test]
    async fn a_browser_is_led_to_the_board_and_everybody_else_gets_an_index_in_json() {
        let gateway = gateway([]);
        for (accept, status) in
            [(BROWSER, StatusCode::SEE_OTHER), ("*/*", StatusCode::OK), ("", StatusCode::OK)]
        {
            for method in [Method::GET, Method::HEAD] {
                let request = Request::builder().method(method).uri("/").header("accept", accept);
                let response = send(&gateway, request, "").await;
                let headers = response.headers();
                assert_eq!(response.status(), status, "{accept}");
                let location = headers.get("location").map(|location| location.to_str().expect("text"));
                assert_eq!(location, (accept == BROWSER).then_some(board::PATH));
                assert_eq!(headers["cache-control"], "public, max-age=300");
                assert_eq!(headers["x-content-type-options"], "nosniff");
                let vary = headers["vary"].to_str().expect("text");
                assert!(vary.split(", ").any(|name| name == "accept"), "{vary}");
            }
        }
    }

    #[tokio::test]
    async fn without_a_board_a_browser_gets_the_index_too() {
        let gateway = gateway([
            ("APP_ENV", "production"),
            ("JWT_SECRET", "a-secret-of-the-operator-with-enough-bytes"),
            ("PUBLIC_URL", "http://board.example.org"),
        ]);
        let response = send(&gateway, Request::get("/").header("accept", BROWSER), "").await;
        assert_eq!(json(response).await["name"], "EventBoard");
    }

    #[tokio::test]
    async fn all_links_of_the_index_are_documented_paths() {
        let index = json(send(&gateway([]), Request::get("/"), "").await).await;
        assert_eq!((&index["name"], &index["version"]), (&"EventBoard".into(), &VERSION.into()));
        let document = api_document().await;
        let links = index["links"].as_object().expect("links").values();
        for path in links.map(|path| path.as_str().expect("a path")) {
            assert!(document["paths"].get(path).is_some(), "{path}");
            assert!(!path.starts_with("/api") && path != "/health" || LINKS.contains(&format!("<{path}>")));
        }
        let described = &document["components"]["schemas"]["Links"]["properties"];
        let names =
            |value: &Value| value.as_object().map(|members| members.keys().cloned().collect::<Vec<_>>());
        assert_eq!(names(&index["links"]), names(described));
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
